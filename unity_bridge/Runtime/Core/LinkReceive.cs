using System;
using System.Collections.Generic;
using System.Net.Sockets;
using System.Threading;

namespace Vitrine
{
    /// <summary>The receiving half, the keep-alive and the end of a link.</summary>
    internal sealed partial class Link
    {
        /// <summary>
        /// Receives until the connection ends, and answers why it did; <see cref="FailAll"/> is to follow.
        /// </summary>
        internal VitrineException Run()
        {
            Volatile.Write(ref _receiverId, Thread.CurrentThread.ManagedThreadId);
            try
            {
                while (HandleAll())
                {
                    ArraySegment<byte> space = _reader.Space();
                    int count = _socket.Receive(space.Array, space.Offset, space.Count, SocketFlags.None);
                    if (count == 0) { break; }
                    _reader.Filled(count);
                }
            }
            catch (SocketException error) { SetCause(error); }
            catch (ObjectDisposedException error) { SetCause(error); }
            catch (RemoteProtocolException error)
            {
                QueueRaw(WebSocketOpcode.Close, CloseCodes.ProtocolError);
                Flush();
                Interlocked.CompareExchange(
                    ref _cause, new VitrineException(VitrineCodes.Internal, "Vitrine broke its own protocol: " + error.Message), null);
            }
            Abort(VitrineException.Unavailable("The connection to Vitrine ended; it is made again by itself."));
            _sender.Join();
            return _cause;
        }

        private void SendLoop()
        {
            try
            {
                while (_outbox.SendOrWait(Math.Min(250, _options.PingEveryMs)))
                {
                    KeepAlive();
                }
            }
            catch (SocketException error) { Abort(Lost(error)); }
            catch (ObjectDisposedException error) { Abort(Lost(error)); }
        }

        private void KeepAlive()
        {
            long now = _options.Clock.NowUs;
            if (now - Volatile.Read(ref _lastHeardUs) > _options.DeadAfterMs * 1000L)
            {
                Abort(VitrineException.Unavailable("Vitrine does not answer any more; the connection is made again."));
                return;
            }
            if (now - _lastPingUs < _options.PingEveryMs * 1000L)
            {
                return;
            }
            _lastPingUs = now;
            MsgPackWriter writer = _outbox.Rent();
            lock (_gate)
            {
                if (_session.State != SessionState.Open)
                {
                    _outbox.GiveBack(writer);
                    return;
                }
                _session.SendPing(writer, now);
                Queue(writer);
            }
            Flush();
        }

        private bool HandleAll()
        {
            WebSocketOpcode opcode;
            ArraySegment<byte> payload;
            while (_reader.TryTake(out opcode, out payload))
            {
                Volatile.Write(ref _lastHeardUs, _options.Clock.NowUs);
                if (opcode == WebSocketOpcode.Close)
                {
                    OnClose(payload);
                    return false;
                }
                if (opcode == WebSocketOpcode.Binary)
                {
                    Handle(payload);
                    SendFreed();
                }
                else if (opcode == WebSocketOpcode.Ping)
                {
                    MsgPackWriter writer = _outbox.Rent();
                    writer.WriteRaw(payload);
                    _outbox.TryAdd(writer, WebSocketOpcode.Pong);
                    Flush();
                }
            }
            return true;
        }

        private void OnClose(ArraySegment<byte> payload)
        {
            Interlocked.CompareExchange(ref _cause, CloseCodes.Explain(CloseCodes.Of(payload)), null);
            QueueRaw(WebSocketOpcode.Close, CloseCodes.Normal);
            Flush();
        }

        private void Handle(ArraySegment<byte> bytes)
        {
            ServerMessage message;
            VitrineReply reply = null;
            ICallSink sink = null;
            lock (_gate)
            {
                message = _session.Receive(bytes);
                switch (message.Kind)
                {
                    case ServerMessageKind.Part:
                    case ServerMessageKind.Done:
                        reply = ReplyOf(message);
                        sink = SinkOf(message);
                        break;
                    case ServerMessageKind.Fail:
                        sink = SinkOf(message);
                        break;
                    case ServerMessageKind.Pong:
                        _clockSync.Add(message.Pong, _options.Clock.NowUs);
                        break;
                }
            }
            switch (message.Kind)
            {
                case ServerMessageKind.Part: sink.OnPart(reply); break;
                case ServerMessageKind.Done: sink.OnDone(reply); break;
                case ServerMessageKind.Fail: sink.OnFail(message.Error); break;
                case ServerMessageKind.Note: OnNote(message); break;
            }
        }

        private VitrineReply ReplyOf(in ServerMessage message)
        {
            VitrineReply reply = _replies.Rent();
            try
            {
                reply.Fill(message);
            }
            catch (MsgPackException error)
            {
                throw new RemoteProtocolException("an answer is malformed: " + error.Message, error);
            }
            IReadOnlyList<ShmReference> references = reply.References;
            if (references.Count == 0)
            {
                return reply;
            }
            for (int i = 0; i < references.Count; i++)
            {
                if (_map == null || !_session.Slots.TryHold(references[i]))
                {
                    throw new RemoteProtocolException("an answer points outside the shared memory that the server may write");
                }
            }
            _map.TryAddUser();
            reply.HoldSlots(this, _map);
            return reply;
        }

        private ICallSink SinkOf(in ServerMessage message)
        {
            ICallSink sink = _sinks[message.Id];
            if (message.Kind != ServerMessageKind.Part)
            {
                _sinks.Remove(message.Id);
            }
            return sink;
        }

        private void OnNote(in ServerMessage message)
        {
            try
            {
                _noted(message.Topic, message.Data.ToValue().AsMap);
            }
            catch (MsgPackException error)
            {
                throw new RemoteProtocolException("a note is malformed: " + error.Message, error);
            }
        }

        /// <summary>Fails every call that is still open; after <see cref="Run"/>.</summary>
        internal void FailAll()
        {
            var sinks = new List<ICallSink>();
            lock (_gate)
            {
                _session.Lost();
                sinks.AddRange(_sinks.Values);
                _sinks.Clear();
                if (_mapOwned)
                {
                    _mapOwned = false;
                    _map.Release();
                }
            }
            string code = _cause.Code == VitrineCodes.Unavailable ? _cause.Message : _cause.Message + " (" + _cause.Code + ")";
            for (int i = 0; i < sinks.Count; i++)
            {
                sinks[i].OnFail(VitrineException.Unavailable(code, _cause));
            }
        }

        private void SetCause(Exception error)
        {
            Interlocked.CompareExchange(ref _cause, Lost(error), null);
        }

        private static VitrineException Lost(Exception error)
        {
            return VitrineException.Unavailable("The connection to Vitrine was lost; it is made again by itself.", error);
        }
    }
}
