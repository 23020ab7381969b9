using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Vitrine;

/// <summary>Takes calls without a server: keeps what was sent, answers what it was told to.</summary>
internal sealed class FakeCalls : IVitrineCalls
{
    private static readonly ReplyPool Pool = new ReplyPool();

    internal string Op { get; private set; }
    internal string Sent { get; private set; }
    internal CancellationToken Token { get; private set; }
    internal CallOptions Options { get; private set; }
    internal StreamOptions StreamOptions { get; private set; }
    internal int Delivered { get; private set; }
    internal VitrineReply LastReply { get; private set; }
    internal WireMap Answer { get; set; } = new WireMap();
    internal Exception Error { get; set; }
    internal FakeLink Link { get; set; }

    public Task<VitrineReply> CallAsync(string op, WireMap arguments, CancellationToken cancel, CallOptions options)
    {
        Keep(op, arguments, cancel, options);
        if (cancel.IsCancellationRequested) { return Task.FromCanceled<VitrineReply>(cancel); }
        if (Error != null) { return Task.FromException<VitrineReply>(Error); }
        LastReply = Reply(Answer, -1);
        return Task.FromResult(LastReply);
    }

    public Task<VitrineStream> OpenAsync(string op, WireMap arguments, CancellationToken cancel, StreamOptions options)
    {
        Keep(op, arguments, cancel, options.Call);
        StreamOptions = options;
        if (Error != null) { return Task.FromException<VitrineStream>(Error); }
        var stream = new VitrineStream(options, true, cancel);
        if (Link != null)
        {
            Link.Open(op, arguments, stream);
            stream.WatchToken();
        }
        return Task.FromResult(stream);
    }

    public Task<T> DeliverAsync<T>(Task<T> work) where T : class
    {
        Delivered++;
        return work;
    }

    /// <summary>A reply as it comes off the wire; a number below 0 stands for a result.</summary>
    internal static VitrineReply Reply(WireMap data, int number)
    {
        var message = new WireMap
        {
            { "t", number < 0 ? "done" : "part" }, { "id", 0 }, { "n", Math.Max(0, number) }, { "d", data },
            { "tm", new WireMap { { "total_ms", 1.5 } } },
        };
        var writer = new MsgPackWriter();
        WireCodec.Write(writer, message);
        VitrineReply reply = Pool.Rent();
        reply.Fill(ServerMessage.Decode(new ArraySegment<byte>(writer.ToArray())));
        return reply;
    }

    private void Keep(string op, WireMap arguments, CancellationToken cancel, CallOptions options)
    {
        Op = op;
        Sent = Shown.Of(arguments);
        Token = cancel;
        Options = options;
    }
}

/// <summary>An open connection whose other end is read by the test: what a stream sends really goes out.</summary>
internal sealed class FakeLink : IDisposable
{
    private readonly Link _link;
    private readonly Socket _peer;
    private ICallSink _sink;
    private int _parts;

    internal FakeLink()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(listener.LocalEndpoint);
        _peer = listener.AcceptSocket();
        _peer.ReceiveTimeout = 5000;
        listener.Stop();
        _link = new Link(new VitrineOptions(), OpenSession(), socket, new WebSocketReader(1 << 20), null, null);
    }

    internal void Open(string op, WireMap arguments, VitrineStream stream)
    {
        _sink = stream;
        _link.Call(op, arguments, null, stream);
        // What ended streams sent on their disposal comes first.
        while (!Read().StartsWith("{t: call", StringComparison.Ordinal)) { }
    }

    /// <summary>The next message that was sent.</summary>
    internal string Read()
    {
        byte[] head = Receive(2);
        int length = head[1] & 0x7f;
        if (length == 126)
        {
            byte[] two = Receive(2);
            length = (two[0] << 8) | two[1];
        }
        byte[] mask = Receive(4), payload = Receive(length);
        for (int i = 0; i < length; i++) { payload[i] ^= mask[i & 3]; }
        var reader = new MsgPackReader(payload, 0, length);
        return Shown.Of(WireCodec.Read(ref reader));
    }

    internal VitrineReply Part(WireMap data)
    {
        VitrineReply reply = FakeCalls.Reply(data, _parts++);
        _sink.OnPart(reply);
        return reply;
    }

    internal VitrineReply Done(WireMap data)
    {
        VitrineReply reply = FakeCalls.Reply(data, -1);
        _sink.OnDone(reply);
        return reply;
    }

    internal void Fail(string code)
    {
        _sink.OnFail(new VitrineException(code, "Said by the test."));
    }

    public void Dispose()
    {
        _link.Abort(VitrineException.Unavailable("The test is over."));
        _peer.Close();
    }

    private byte[] Receive(int count)
    {
        var bytes = new byte[count];
        for (int got = 0; got < count;)
        {
            int more = _peer.Receive(bytes, got, count - got, SocketFlags.None);
            if (more == 0) { throw new InvalidOperationException("the connection ended"); }
            got += more;
        }
        return bytes;
    }

    private static BridgeSession OpenSession()
    {
        var session = new BridgeSession();
        session.SendHello(new MsgPackWriter(), new Hello { Token = "t", ClientName = "test", ClientVersion = "1" });
        var welcome = new WireMap
        {
            { "t", "welcome" }, { "v", 1 }, { "session", "s" },
            { "server", new WireMap { { "name", "x" }, { "version", "1" }, { "pid", 7 } } },
            { "ops", WireValue.Array("server.echo") },
            { "limits", new WireMap { { "message_bytes", 100000 }, { "open_calls", 4 }, { "image_px", 10000 } } },
        };
        var writer = new MsgPackWriter();
        WireCodec.Write(writer, welcome);
        session.Receive(new ArraySegment<byte>(writer.ToArray()));
        return session;
    }
}

/// <summary>Messages of the golden vectors by their names.</summary>
internal static class Golden
{
    internal static WireMap Message(string name)
    {
        foreach (WireValue one in Vectors.Load("golden/messages.json")["cases"].AsArray)
        {
            if (one.AsMap["name"].AsString != name) { continue; }
            byte[] bytes = Vectors.Bytes(one.AsMap["hex"].AsString);
            var reader = new MsgPackReader(bytes, 0, bytes.Length);
            return WireCodec.Read(ref reader).AsMap;
        }
        throw new InvalidOperationException("no vector is called " + name);
    }
}

/// <summary>Values as text that tells types apart: 1 and 1.0, a text and its bytes.</summary>
internal static class Shown
{
    internal static string Of(WireMap map)
    {
        return map == null ? "{}" : Of((WireValue)map);
    }

    /// <summary>As it goes over the wire, so that pictures are shown as the maps that they become.</summary>
    internal static string Of(WireValue value)
    {
        var writer = new MsgPackWriter();
        WireCodec.Write(writer, value);
        byte[] bytes = writer.ToArray();
        var reader = new MsgPackReader(bytes, 0, bytes.Length);
        var text = new StringBuilder();
        Append(text, WireCodec.Read(ref reader));
        return text.ToString();
    }

    private static void Append(StringBuilder text, WireValue value)
    {
        switch (value.Kind)
        {
            case WireKind.Nil: text.Append("nil"); break;
            case WireKind.Bool: text.Append(value.AsBool ? "true" : "false"); break;
            case WireKind.Int: text.Append(value.AsInt); break;
            case WireKind.UInt: text.Append(value.AsUInt); break;
            case WireKind.Double: text.Append(value.AsDouble.ToString("0.0###", CultureInfo.InvariantCulture)); break;
            case WireKind.String: text.Append(value.AsString); break;
            case WireKind.Bin: text.Append('<').Append(Vectors.Hex(Copy(value.AsBin))).Append('>'); break;
            case WireKind.Array:
                text.Append('[');
                foreach (WireValue item in value.AsArray)
                {
                    if (text[text.Length - 1] != '[') { text.Append(", "); }
                    Append(text, item);
                }
                text.Append(']');
                break;
            case WireKind.Map:
                text.Append('{');
                foreach (KeyValuePair<string, WireValue> pair in value.AsMap)
                {
                    if (text[text.Length - 1] != '{') { text.Append(", "); }
                    text.Append(pair.Key).Append(": ");
                    Append(text, pair.Value);
                }
                text.Append('}');
                break;
            default: throw new InvalidOperationException("not shown: " + value.Kind);
        }
    }

    private static byte[] Copy(ArraySegment<byte> bytes)
    {
        var copy = new byte[bytes.Count];
        Buffer.BlockCopy(bytes.Array, bytes.Offset, copy, 0, copy.Length);
        return copy;
    }
}
