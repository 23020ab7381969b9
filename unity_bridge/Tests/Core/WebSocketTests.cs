using System;
using System.Text;
using NUnit.Framework;
using Vitrine;

/// <summary>The framing and the handshake, in bytes.</summary>
[TestFixture]
public sealed class WebSocketTests
{
    [Test]
    public void TheHandshakeOfTheStandardIsAccepted()
    {
        // RFC 6455, section 1.3.
        var handshake = new WebSocketHandshake("127.0.0.1", 48710, Convert.FromBase64String("dGhlIHNhbXBsZSBub25jZQ=="));
        string request = Encoding.ASCII.GetString(handshake.Request());
        Assert.IsTrue(request.StartsWith("GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:48710\r\n", StringComparison.Ordinal), request);
        Assert.IsTrue(request.Contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), request);
        Assert.IsFalse(request.Contains("Extensions"), "no extension, so no compression, is asked for");
        Check(handshake, "101 Switching Protocols", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "vitrine.v1", "");
    }

    [Test]
    public void AnyOtherAnswerIsRefused()
    {
        var handshake = new WebSocketHandshake("127.0.0.1", 48710, Convert.FromBase64String("dGhlIHNhbXBsZSBub25jZQ=="));
        const string accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        Refused(handshake, "403 Forbidden", accept, "vitrine.v1", "");
        Refused(handshake, "101 Switching Protocols", "AAAA", "vitrine.v1", "");
        Refused(handshake, "101 Switching Protocols", accept, "chat", "");
        Refused(handshake, "101 Switching Protocols", accept, "vitrine.v1", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    }

    [Test]
    public void MessagesComeOutHoweverTheBytesAreCut()
    {
        byte[] stream = Join(Frame(0x82, 5), Frame(0x82, 0), Frame(0x02, 200), Frame(0x89, 3), Frame(0x00, 70000), Frame(0x80, 1), Frame(0x82, 126));
        foreach (int step in new[] { 1, 2, 3, 1000, 1 << 20 })
        {
            var reader = new WebSocketReader(1 << 20);
            var seen = new StringBuilder();
            for (int at = 0; at < stream.Length;)
            {
                ArraySegment<byte> space = reader.Space();
                int count = Math.Min(step, Math.Min(space.Count, stream.Length - at));
                Buffer.BlockCopy(stream, at, space.Array, space.Offset, count);
                reader.Filled(count);
                at += count;
                WebSocketOpcode opcode;
                ArraySegment<byte> payload;
                while (reader.TryTake(out opcode, out payload))
                {
                    seen.Append(opcode).Append(payload.Count).Append(' ');
                }
            }
            Assert.AreEqual("Binary5 Binary0 Ping3 Binary70201 Binary126 ", seen.ToString());
        }
    }

    [Test]
    public void BrokenFramesAreRefused()
    {
        foreach (string hex in new[]
        {
            "8105", // text
            "c200", // a reserved bit: compressed
            "8280", // masked
            "8300", // an unknown kind
            "8000", // a continuation of nothing
            "0900", // a fragmented ping
            "897e0080", // a long ping, refused once it is whole
            "827f7fffffffffffffff", // absurdly long
            "827f0000000000100001", // one byte over the limit
        })
        {
            byte[] bytes = Vectors.Bytes(hex == "897e0080" ? hex + new string('0', 256) : hex == "8105" ? hex + "0000000000" : hex);
            var reader = new WebSocketReader(1 << 20);
            ArraySegment<byte> space = reader.Space();
            Buffer.BlockCopy(bytes, 0, space.Array, space.Offset, bytes.Length);
            reader.Filled(bytes.Length);
            WebSocketOpcode opcode;
            ArraySegment<byte> payload;
            Assert.Throws<RemoteProtocolException>(() => reader.TryTake(out opcode, out payload));
        }
    }

    [Test]
    public void AFragmentedMessageIsLimitedAsAWhole()
    {
        byte[] stream = Join(Frame(0x02, 600), Frame(0x00, 600));
        var reader = new WebSocketReader(1000);
        ArraySegment<byte> space = reader.Space();
        Buffer.BlockCopy(stream, 0, space.Array, space.Offset, stream.Length);
        reader.Filled(stream.Length);
        WebSocketOpcode opcode;
        ArraySegment<byte> payload;
        Assert.Throws<RemoteProtocolException>(() => reader.TryTake(out opcode, out payload));
    }

    [Test]
    public void ClientFramesAreMaskedAndCarryTheirLength()
    {
        foreach (int length in new[] { 0, 1, 7, 8, 125, 126, 65535, 65536, 70001 })
        {
            var buffer = new byte[WebSocketWriter.Headroom + length];
            for (int i = 0; i < length; i++) { buffer[WebSocketWriter.Headroom + i] = (byte)i; }
            int start = WebSocketWriter.Frame(WebSocketOpcode.Binary, buffer, WebSocketWriter.Headroom, length, 0xa1b2c3d4);
            Assert.AreEqual(0x82, (int)buffer[start]);
            Assert.IsTrue((buffer[start + 1] & 0x80) != 0, "masked");
            int small = buffer[start + 1] & 0x7f;
            int header = small < 126 ? 2 : small == 126 ? 4 : 10;
            long told = small < 126 ? small : 0;
            for (int i = 2; i < header; i++) { told = (told << 8) | buffer[start + i]; }
            Assert.AreEqual((long)length, told);
            Assert.AreEqual(WebSocketWriter.Headroom, start + header + 4);
            for (int i = 0; i < length; i++)
            {
                byte plain = (byte)(buffer[WebSocketWriter.Headroom + i] ^ buffer[start + header + (i & 3)]);
                Assert.IsTrue(plain == (byte)i, "byte " + i + " of " + length);
            }
        }
    }

    private static void Check(WebSocketHandshake handshake, string status, string accept, string protocol, string more)
    {
        byte[] head = Encoding.ASCII.GetBytes(
            "HTTP/1.1 " + status + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
            + "\r\nSec-WebSocket-Protocol: " + protocol + "\r\n" + more + "\r\n");
        Assert.AreEqual(head.Length, WebSocketHandshake.EndOfHead(head, head.Length));
        Assert.AreEqual(0, WebSocketHandshake.EndOfHead(head, head.Length - 1));
        handshake.Check(head, head.Length);
    }

    private static void Refused(WebSocketHandshake handshake, string status, string accept, string protocol, string more)
    {
        Assert.Throws<VitrineException>(() => Check(handshake, status, accept, protocol, more));
    }

    private static byte[] Frame(byte first, int length)
    {
        int header = length < 126 ? 2 : length < 65536 ? 4 : 10;
        var frame = new byte[header + length];
        frame[0] = first;
        frame[1] = (byte)(header == 2 ? length : header == 4 ? 126 : 127);
        for (int i = 0; i < header - 2; i++) { frame[header - 1 - i] = (byte)((long)length >> (8 * i)); }
        return frame;
    }

    private static byte[] Join(params byte[][] parts)
    {
        int length = 0;
        foreach (byte[] part in parts) { length += part.Length; }
        var all = new byte[length];
        int at = 0;
        foreach (byte[] part in parts)
        {
            part.CopyTo(all, at);
            at += part.Length;
        }
        return all;
    }
}
