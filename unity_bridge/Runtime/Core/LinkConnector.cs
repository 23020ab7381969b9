using System;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Threading;

namespace Vitrine
{
    /// <summary>
    /// Makes a link: TCP, WebSocket handshake, hello, welcome, shared memory; blocking, within one timeout. An own
    /// socket, since <c>ClientWebSocket</c> gives no way to set TCP_NODELAY.
    /// </summary>
    internal sealed class LinkConnector
    {
        private readonly VitrineOptions _options;
        private readonly VitrineEndpoint _endpoint;
        private readonly long _deadlineUs;
        private Socket _socket;

        internal LinkConnector(VitrineOptions options, VitrineEndpoint endpoint)
        {
            _options = options;
            _endpoint = endpoint;
            _deadlineUs = options.Clock.NowUs + options.ConnectTimeoutMs * 1000L;
        }

        /// <summary>Throws <see cref="VitrineException"/> that says why there is no connection.</summary>
        internal Link Connect(Action<string, WireMap> noted)
        {
            Link link = null;
            try
            {
                _socket = OpenSocket();
                var reader = new WebSocketReader(_options.ReceiveLimitBytes);
                Handshake(reader);
                BridgeSession session = Greet(reader);
                _socket.ReceiveTimeout = 0;
                link = new Link(_options, session, _socket, reader, OpenMap(session), noted);
                return link;
            }
            catch (SocketException error)
            {
                throw VitrineException.Unavailable("Vitrine at " + _endpoint + " cannot be reached: " + error.Message, error);
            }
            catch (ObjectDisposedException error)
            {
                throw VitrineException.Unavailable("The connection was closed.", error);
            }
            catch (RemoteProtocolException error)
            {
                throw new VitrineException(VitrineCodes.Internal, "Vitrine broke its own protocol: " + error.Message, null, error);
            }
            finally
            {
                if (link == null && _socket != null)
                {
                    Kill(_socket);
                }
            }
        }

        /// <summary>Wakes whatever blocks on the socket and closes it.</summary>
        internal static void Kill(Socket socket)
        {
            try
            {
                socket.Shutdown(SocketShutdown.Both);
            }
            catch (SocketException)
            {
                // Not connected any more: closing is all that is left.
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            socket.Close(0);
        }

        private Socket OpenSocket()
        {
            var socket = new Socket(_endpoint.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            IAsyncResult pending = socket.BeginConnect(new IPEndPoint(_endpoint.Address, _endpoint.Port), null, null);
            if (!pending.AsyncWaitHandle.WaitOne(LeftMs()))
            {
                socket.Close();
                throw VitrineException.Unavailable("Vitrine at " + _endpoint + " did not accept the connection in time.");
            }
            try
            {
                socket.EndConnect(pending);
            }
            catch (SocketException)
            {
                socket.Close();
                throw;
            }
            socket.SendTimeout = _options.DeadAfterMs;
            return socket;
        }

        private void Handshake(WebSocketReader reader)
        {
            var nonce = new byte[16];
            using (var random = new RNGCryptoServiceProvider())
            {
                random.GetBytes(nonce);
            }
            var handshake = new WebSocketHandshake(_endpoint.Address.ToString(), _endpoint.Port, nonce);
            Send(handshake.Request());
            var buffer = new byte[WebSocketHandshake.MaxResponseBytes];
            int count = 0, head = 0;
            while (head == 0)
            {
                count += Receive(new ArraySegment<byte>(buffer, count, buffer.Length - count));
                head = WebSocketHandshake.EndOfHead(buffer, count);
            }
            handshake.Check(buffer, head);
            ArraySegment<byte> space = reader.Space();
            Buffer.BlockCopy(buffer, head, space.Array, space.Offset, count - head);
            reader.Filled(count - head);
        }

        private BridgeSession Greet(WebSocketReader reader)
        {
            var session = new BridgeSession();
            var writer = new MsgPackWriter(1024);
            writer.Reset(WebSocketWriter.Headroom);
            session.SendHello(writer, _options.Hello(_endpoint.Token, _options.UseSharedMemory));
            ArraySegment<byte> payload = writer.Written;
            int start = WebSocketWriter.Frame(WebSocketOpcode.Binary, payload.Array, payload.Offset, payload.Count, 0x5a17c3e9);
            var frame = new byte[payload.Offset + payload.Count - start];
            Buffer.BlockCopy(payload.Array, start, frame, 0, frame.Length);
            Send(frame);
            while (session.State != SessionState.Open)
            {
                WebSocketOpcode opcode;
                ArraySegment<byte> bytes;
                if (!reader.TryTake(out opcode, out bytes))
                {
                    reader.Filled(Receive(reader.Space()));
                }
                else if (opcode == WebSocketOpcode.Binary)
                {
                    session.Receive(bytes);
                }
                else if (opcode == WebSocketOpcode.Close)
                {
                    throw CloseCodes.Explain(CloseCodes.Of(bytes));
                }
            }
            return session;
        }

        private SharedMap OpenMap(BridgeSession session)
        {
            ShmOffer offer = session.Welcome.Shm;
            if (offer == null || !_options.UseSharedMemory)
            {
                return null;
            }
            string why;
            SharedMap map = SharedMap.TryOpen(offer, session.Welcome.ServerPid, out why);
            if (map == null && _options.Log != null)
            {
                _options.Log("shared memory cannot be mapped, pictures go inline: " + why);
            }
            return map;
        }

        private void Send(byte[] bytes)
        {
            for (int sent = 0; sent < bytes.Length;)
            {
                sent += _socket.Send(bytes, sent, bytes.Length - sent, SocketFlags.None);
            }
        }

        private int Receive(ArraySegment<byte> space)
        {
            if (space.Count == 0)
            {
                throw VitrineException.Unavailable("The program on Vitrine's port answered too much; restart Vitrine.");
            }
            _socket.ReceiveTimeout = Math.Max(1, LeftMs());
            int count = _socket.Receive(space.Array, space.Offset, space.Count, SocketFlags.None);
            if (count == 0)
            {
                throw VitrineException.Unavailable("Vitrine closed the connection before it was open; try again.");
            }
            return count;
        }

        private int LeftMs()
        {
            long left = (_deadlineUs - _options.Clock.NowUs) / 1000;
            if (left <= 0)
            {
                throw VitrineException.Unavailable("Vitrine at " + _endpoint + " did not answer in time.");
            }
            return (int)left;
        }
    }
}
