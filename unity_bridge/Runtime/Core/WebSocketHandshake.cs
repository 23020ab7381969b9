using System;
using System.Security.Cryptography;
using System.Text;

namespace Vitrine
{
    /// <summary>The opening handshake (RFC 6455, section 4) as text in and text out, without I/O.</summary>
    internal sealed class WebSocketHandshake
    {
        /// <summary>A longer answer is refused.</summary>
        internal const int MaxResponseBytes = 8 * 1024;

        private const string Magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

        private readonly string _key;
        private readonly string _host;

        internal WebSocketHandshake(string host, int port, byte[] nonce)
        {
            _key = Convert.ToBase64String(nonce);
            _host = (host.IndexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
        }

        /// <summary>Asks for the wire's subprotocol and for no extension: compression is never negotiated.</summary>
        internal byte[] Request()
        {
            return Encoding.ASCII.GetBytes(
                "GET /v1 HTTP/1.1\r\nHost: " + _host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + _key + "\r\nSec-WebSocket-Protocol: "
                + BridgeSession.Subprotocol + "\r\n\r\n");
        }

        /// <summary>Index after the blank line that ends the response head; 0 while it is not there.</summary>
        internal static int EndOfHead(byte[] buffer, int count)
        {
            for (int i = 3; i < count; i++)
            {
                if (buffer[i] == '\n' && buffer[i - 1] == '\r' && buffer[i - 2] == '\n' && buffer[i - 3] == '\r')
                {
                    return i + 1;
                }
            }
            return 0;
        }

        /// <summary>
        /// Checks the server's answer. Throws <see cref="VitrineException"/> (<c>unavailable</c>) when it is not the
        /// one that the request calls for.
        /// </summary>
        internal void Check(byte[] buffer, int headBytes)
        {
            string[] lines = Encoding.ASCII.GetString(buffer, 0, headBytes).Split(new[] { "\r\n" }, StringSplitOptions.None);
            if (!lines[0].StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
            {
                throw Refused("it answered " + Clip(lines[0]));
            }
            string accept = null, protocol = null, upgrade = null, extensions = null;
            for (int i = 1; i < lines.Length; i++)
            {
                int colon = lines[i].IndexOf(':');
                if (colon <= 0) { continue; }
                string value = lines[i].Substring(colon + 1).Trim();
                switch (lines[i].Substring(0, colon).ToLowerInvariant())
                {
                    case "sec-websocket-accept": accept = value; break;
                    case "sec-websocket-protocol": protocol = value; break;
                    case "sec-websocket-extensions": extensions = value; break;
                    case "upgrade": upgrade = value.ToLowerInvariant(); break;
                }
            }
            if (upgrade != "websocket" || accept != Accept()) { throw Refused("it is not a WebSocket server"); }
            if (protocol != BridgeSession.Subprotocol) { throw Refused("it does not speak " + BridgeSession.Subprotocol); }
            if (!string.IsNullOrEmpty(extensions)) { throw Refused("it wants a WebSocket extension"); }
        }

        private string Accept()
        {
            using (var sha = new SHA1Managed())
            {
                return Convert.ToBase64String(sha.ComputeHash(Encoding.ASCII.GetBytes(_key + Magic)));
            }
        }

        private static string Clip(string line)
        {
            return line.Length <= 80 ? line : line.Substring(0, 80);
        }

        private static VitrineException Refused(string why)
        {
            return VitrineException.Unavailable(
                "The program on Vitrine's port did not take the connection (" + why + "); restart Vitrine.");
        }
    }
}
