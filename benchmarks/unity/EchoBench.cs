using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Vitrine;

/// <summary>
/// Latencies of small calls and of 1 MiB both ways, beside raw floors in interleaved rounds of the same run. Prints one
/// JSON object: microseconds of every round trip, by series and round.
/// EchoBench.exe --raw ws://127.0.0.1:PORT/v1 --floor PORT PATH [--rounds 5] [--small 400] [--large 40]
/// </summary>
internal static class EchoBench
{
    private const int Side = 512;
    private const int Mebibyte = Side * Side * 4;

    private static readonly Series Samples = new Series();
    private static string _raw;
    private static int _floorPort;
    private static string _floorPath;
    private static int _rounds = 5;
    private static int _small = 400;
    private static int _large = 40;

    private static int Main(string[] arguments)
    {
        for (int i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--raw": _raw = arguments[++i]; break;
                case "--floor":
                    _floorPort = Int(arguments[++i]);
                    _floorPath = arguments[++i];
                    break;
                case "--rounds": _rounds = Int(arguments[++i]); break;
                case "--small": _small = Int(arguments[++i]); break;
                case "--large": _large = Int(arguments[++i]); break;
                default:
                    Console.Error.WriteLine("unknown argument " + arguments[i]);
                    return 2;
            }
        }
        RunAsync().GetAwaiter().GetResult();
        Console.WriteLine(Samples.ToJson());
        return 0;
    }

    private static int Int(string text)
    {
        return int.Parse(text, CultureInfo.InvariantCulture);
    }

    private static async Task RunAsync()
    {
        using (var connection = await VitrineConnection.ConnectAsync().ConfigureAwait(false))
        using (var inline = await VitrineConnection
            .ConnectAsync(new VitrineOptions { UseSharedMemory = false }).ConfigureAwait(false))
        using (var raw = new ClientWebSocket())
        using (var floor = new Floor(_floorPort, _floorPath))
        {
            Expect(connection.UsesSharedMemory, "the shared memory is not mapped");
            raw.Options.AddSubProtocol(BridgeSession.Subprotocol);
            await raw.ConnectAsync(new Uri(_raw), CancellationToken.None).ConfigureAwait(false);
            for (int round = -1; round < _rounds; round++)
            {
                Samples.Keep = round >= 0; // the first round warms up
                await RawEcho(raw, 64, _small, "raw_64").ConfigureAwait(false);
                await Echo(connection, "gateway", _small, "gateway_64").ConfigureAwait(false);
                await Echo(connection, "engine", _small, "engine_64").ConfigureAwait(false);
                await RawEcho(raw, Mebibyte, _large, "raw_1mib").ConfigureAwait(false);
                await ImageEcho(inline, false, _large, "engine_1mib_inline").ConfigureAwait(false);
                await ImageEcho(connection, true, _large, "engine_1mib_shm").ConfigureAwait(false);
                floor.Measure(_large, Samples.Begin("floor_1mib"));
            }
        }
    }

    private static async Task RawEcho(ClientWebSocket raw, int size, int count, string name)
    {
        List<double> times = Samples.Begin(name);
        var message = new ArraySegment<byte>(new byte[size]);
        var answer = new byte[size];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await raw.SendAsync(message, WebSocketMessageType.Binary, true, CancellationToken.None).ConfigureAwait(false);
            int got = 0;
            bool whole = false;
            while (!whole)
            {
                WebSocketReceiveResult part = await raw.ReceiveAsync(
                    new ArraySegment<byte>(answer, got, size - got), CancellationToken.None).ConfigureAwait(false);
                got += part.Count;
                whole = part.EndOfMessage;
            }
            times.Add(Since(start));
            Expect(got == size, "the bare echo came back with another length");
        }
    }

    private static async Task Echo(VitrineConnection connection, string where, int count, string name)
    {
        List<double> times = Samples.Begin(name);
        var data = new byte[64];
        var arguments = new WireMap { { "where", where }, { "data", data } };
        for (int i = 0; i < count; i++)
        {
            data[63] = (byte)i;
            long start = Stopwatch.GetTimestamp();
            using (VitrineReply reply = await connection.CallAsync("server.echo", arguments).ConfigureAwait(false))
            {
                times.Add(Since(start));
                ArraySegment<byte> back = reply.Data["data"].AsBin();
                Expect(back.Count == 64 && back.Array[back.Offset + 63] == (byte)i, "another message came back");
            }
        }
    }

    private static async Task ImageEcho(VitrineConnection connection, bool shared, int count, string name)
    {
        List<double> times = Samples.Begin(name);
        var pixels = new byte[Mebibyte];
        var texture = new byte[Mebibyte];
        var image = new ImageFrame(Side, Side, ImageFormat.Rgba8, RowOrder.Top, new ArraySegment<byte>(pixels));
        var arguments = new WireMap { { "where", "engine" }, { "image", image } };
        for (int i = 0; i < count; i++)
        {
            pixels[0] = pixels[Mebibyte - 1] = (byte)(i + 1);
            long start = Stopwatch.GetTimestamp();
            using (VitrineReply reply = await connection.CallAsync("server.echo", arguments).ConfigureAwait(false))
            {
                VitrineImage back = reply.Image("image");
                times.Add(Since(start));
                Expect(back.IsShared == shared && back.ByteCount == Mebibyte, "the picture took another way");
                back.CopyTo(texture, 0);
                Expect(texture[0] == pixels[0] && texture[Mebibyte - 1] == pixels[0], "another picture came back");
            }
        }
    }

    private static double Since(long start)
    {
        return (Stopwatch.GetTimestamp() - start) * 1e6 / Stopwatch.Frequency;
    }

    private static void Expect(bool fine, string otherwise)
    {
        if (!fine) { throw new InvalidOperationException(otherwise); }
    }

    /// <summary>Samples by name and round.</summary>
    private sealed class Series
    {
        private readonly Dictionary<string, List<List<double>>> _rounds = new Dictionary<string, List<List<double>>>();

        internal bool Keep { get; set; }

        internal List<double> Begin(string name)
        {
            var round = new List<double>(1024);
            if (!Keep) { return round; }
            List<List<double>> rounds;
            if (!_rounds.TryGetValue(name, out rounds))
            {
                rounds = new List<List<double>>();
                _rounds.Add(name, rounds);
            }
            rounds.Add(round);
            return round;
        }

        internal string ToJson()
        {
            var json = new StringBuilder();
            foreach (KeyValuePair<string, List<List<double>>> series in _rounds)
            {
                json.Append(json.Length == 0 ? "{\"" : ", \"").Append(series.Key).Append("\": [");
                for (int i = 0; i < series.Value.Count; i++)
                {
                    json.Append(i == 0 ? "[" : ", [");
                    Append(json, series.Value[i]);
                    json.Append(']');
                }
                json.Append(']');
            }
            return json.Append('}').ToString();
        }

        private static void Append(StringBuilder json, List<double> times)
        {
            for (int i = 0; i < times.Count; i++)
            {
                json.AppendFormat(CultureInfo.InvariantCulture, i == 0 ? "{0:0.0}" : ", {0:0.0}", times[i]);
            }
        }
    }

    /// <summary>
    /// The floor: copy 1 MiB into a map, tell the peer in 8 bytes, it copies there and back, tells us, copy out. The peer is
    /// floor_peer.py.
    /// </summary>
    private sealed class Floor : IDisposable
    {
        private readonly Socket _socket;
        private readonly MemoryMappedFile _file;
        private readonly MemoryMappedViewAccessor _view;
        private readonly byte[] _pixels = new byte[Mebibyte];
        private readonly byte[] _notice = new byte[8];

        internal Floor(int port, string path)
        {
            _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            _socket.ReceiveTimeout = 10000;
            _socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
            _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
            _view = _file.CreateViewAccessor(0, 2 * Mebibyte);
        }

        internal unsafe void Measure(int count, List<double> times)
        {
            byte* map = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref map);
            fixed (byte* pixels = _pixels)
            {
                for (int i = 0; i < count; i++)
                {
                    long start = Stopwatch.GetTimestamp();
                    Buffer.MemoryCopy(pixels, map, Mebibyte, Mebibyte);
                    _socket.Send(_notice);
                    for (int got = 0; got < 8;)
                    {
                        got += _socket.Receive(_notice, got, 8 - got, SocketFlags.None);
                    }
                    Buffer.MemoryCopy(map + Mebibyte, pixels, Mebibyte, Mebibyte);
                    times.Add(Since(start));
                }
            }
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        }

        public void Dispose()
        {
            _socket.Close();
            _view.Dispose();
            _file.Dispose();
        }
    }
}
