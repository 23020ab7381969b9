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
/// JSON object, microseconds.
/// EchoBench.exe --raw ws://127.0.0.1:PORT/v1 [--floor PORT PATH] [--rounds 5] [--small 400] [--large 40]
/// </summary>
internal static class EchoBench
{
    private const int Mebibyte = 1 << 20;

    private static readonly Dictionary<string, List<double>> Samples = new Dictionary<string, List<double>>();
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
                    _floorPort = int.Parse(arguments[++i], CultureInfo.InvariantCulture);
                    _floorPath = arguments[++i];
                    break;
                case "--rounds": _rounds = int.Parse(arguments[++i], CultureInfo.InvariantCulture); break;
                case "--small": _small = int.Parse(arguments[++i], CultureInfo.InvariantCulture); break;
                case "--large": _large = int.Parse(arguments[++i], CultureInfo.InvariantCulture); break;
                default:
                    Console.Error.WriteLine("unknown argument " + arguments[i]);
                    return 2;
            }
        }
        RunAsync().GetAwaiter().GetResult();
        Report();
        return 0;
    }

    private static async Task RunAsync()
    {
        using (var connection = await VitrineConnection.ConnectAsync().ConfigureAwait(false))
        using (var raw = new ClientWebSocket())
        using (Floor floor = _floorPath == null ? null : new Floor(_floorPort, _floorPath))
        {
            raw.Options.AddSubProtocol(BridgeSession.Subprotocol);
            await raw.ConnectAsync(new Uri(_raw), CancellationToken.None).ConfigureAwait(false);
            var image = new ImageFrame(
                512, 512, ImageFormat.Rgba8, RowOrder.Top, new ArraySegment<byte>(new byte[Mebibyte]));
            for (int round = -1; round < _rounds; round++)
            {
                bool keep = round >= 0; // the first round warms up
                await RawEcho(raw, 64, _small, keep ? "raw_64" : null).ConfigureAwait(false);
                await Echo(connection, "gateway", _small, keep ? "gateway_64" : null).ConfigureAwait(false);
                await Echo(connection, "engine", _small, keep ? "engine_64" : null).ConfigureAwait(false);
                await RawEcho(raw, Mebibyte, _large, keep ? "raw_1mib" : null).ConfigureAwait(false);
                await ImageEcho(connection, image, _large, keep ? "engine_1mib_shm" : null).ConfigureAwait(false);
                if (floor != null)
                {
                    floor.Measure(_large, keep ? Times("floor_1mib") : null);
                }
            }
        }
    }

    private static async Task RawEcho(ClientWebSocket raw, int size, int count, string name)
    {
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
            Record(name, start);
        }
    }

    private static async Task Echo(VitrineConnection connection, string where, int count, string name)
    {
        var arguments = new WireMap { { "where", where }, { "data", new byte[64] } };
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            using (VitrineReply reply = await connection.CallAsync("server.echo", arguments).ConfigureAwait(false))
            {
                Record(name, start);
                Expect(reply.Data["data"].AsBin().Count == 64, "the echo came back with another length");
            }
        }
    }

    private static async Task ImageEcho(VitrineConnection connection, ImageFrame image, int count, string name)
    {
        Expect(connection.UsesSharedMemory, "the shared memory is not mapped");
        var arguments = new WireMap { { "where", "engine" }, { "image", image } };
        var texture = new byte[Mebibyte];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            using (VitrineReply reply = await connection.CallAsync("server.echo", arguments).ConfigureAwait(false))
            {
                VitrineImage back = reply.Image("image");
                Record(name, start);
                Expect(back.IsShared && back.ByteCount == Mebibyte, "the picture did not come back through shared memory");
                back.CopyTo(texture, 0);
            }
        }
    }

    private static List<double> Times(string name)
    {
        List<double> times;
        if (!Samples.TryGetValue(name, out times))
        {
            times = new List<double>();
            Samples.Add(name, times);
        }
        return times;
    }

    private static void Record(string name, long start)
    {
        if (name != null)
        {
            Times(name).Add((Stopwatch.GetTimestamp() - start) * 1e6 / Stopwatch.Frequency);
        }
    }

    private static void Expect(bool fine, string otherwise)
    {
        if (!fine) { throw new InvalidOperationException(otherwise); }
    }

    private static void Report()
    {
        var json = new StringBuilder("{");
        foreach (KeyValuePair<string, List<double>> pair in Samples)
        {
            pair.Value.Sort();
            json.AppendFormat(
                CultureInfo.InvariantCulture, "\"{0}\": {{\"p50_us\": {1:0.0}, \"p99_us\": {2:0.0}, \"runs\": {3}}}, ",
                pair.Key, Quantile(pair.Value, 0.5), Quantile(pair.Value, 0.99), pair.Value.Count);
        }
        double raw = Quantile(Samples["raw_64"], 0.5);
        json.AppendFormat(
            CultureInfo.InvariantCulture,
            "\"ratios\": {{\"gateway_to_raw\": {0:0.00}, \"engine_to_raw\": {1:0.00}, \"raw_1mib_to_shm\": {2:0.00}}}}}",
            Quantile(Samples["gateway_64"], 0.5) / raw, Quantile(Samples["engine_64"], 0.5) / raw,
            Quantile(Samples["raw_1mib"], 0.5) / Quantile(Samples["engine_1mib_shm"], 0.5));
        Console.WriteLine(json);
    }

    private static double Quantile(List<double> sorted, double q)
    {
        return sorted[Math.Min(sorted.Count - 1, (int)(q * sorted.Count))];
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
                    if (times != null)
                    {
                        times.Add((Stopwatch.GetTimestamp() - start) * 1e6 / Stopwatch.Frequency);
                    }
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
