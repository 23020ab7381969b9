using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Vitrine;

/// <summary>
/// Streams frames through tryon.stream and writes what comes back.
/// MirrorConsole.exe FRAMES.rgb WIDTH HEIGHT OUT [--frames 90] [--rate 30] [--layer sample-glasses-1]... [--write-every 1]
/// FRAMES.rgb holds one or more raw rgb8 frames, top row first; they are sent in turn. Prints one JSON line: latencies in
/// milliseconds from the intended time of sending to the copy of the answer in private memory.
/// </summary>
internal static class MirrorConsole
{
    private static int Main(string[] arguments)
    {
        try
        {
            Mirror mirror = Parse(arguments);
            mirror.RunAsync().GetAwaiter().GetResult();
            Console.WriteLine(mirror.Report());
            return mirror.FramesOut > 0 ? 0 : 1;
        }
        catch (VitrineException error)
        {
            Console.Error.WriteLine(error.Code + ": " + error.Message);
            return 1;
        }
    }

    private static Mirror Parse(string[] arguments)
    {
        var mirror = new Mirror(
            File.ReadAllBytes(arguments[0]), Int(arguments[1]), Int(arguments[2]), arguments[3]);
        for (int i = 4; i < arguments.Length; i += 2)
        {
            switch (arguments[i])
            {
                case "--frames": mirror.Frames = Int(arguments[i + 1]); break;
                case "--rate": mirror.RateHz = double.Parse(arguments[i + 1], CultureInfo.InvariantCulture); break;
                case "--layer": mirror.Layers.Add(new WireMap { { "product", arguments[i + 1] } }); break;
                case "--write-every": mirror.WriteEvery = Int(arguments[i + 1]); break;
                default: throw new ArgumentException("unknown argument " + arguments[i]);
            }
        }
        return mirror;
    }

    private static int Int(string text)
    {
        return int.Parse(text, CultureInfo.InvariantCulture);
    }
}

/// <summary>One run of the mirror.</summary>
internal sealed class Mirror
{
    private const int WarmUpFrames = 30;
    private const int EndMs = 30000;

    private readonly byte[] _frames;
    private readonly int _width;
    private readonly int _height;
    private readonly FrameFiles _files;
    private readonly List<double> _latencyMs = new List<double>(1 << 16);
    private readonly byte[] _shown;
    private long _sendAllocated, _receiveAllocated, _receiveStart;
    private int _framesIn, _measuredIn, _measuredOut, _shared, _skipped;
    private long _superseded;

    internal Mirror(byte[] frames, int width, int height, string folder)
    {
        if (width <= 0 || height <= 0 || frames.Length == 0 || frames.Length % ((long)width * height * 3) != 0)
        {
            throw new ArgumentException("the file does not hold whole rgb8 frames of that size");
        }
        _frames = frames;
        _width = width;
        _height = height;
        _shown = new byte[width * height * 3];
        _files = new FrameFiles(folder, width, height);
    }

    internal int Frames { get; set; } = 90;
    internal double RateHz { get; set; } = 30;
    internal int WriteEvery { get; set; } = 1;
    internal List<WireMap> Layers { get; } = new List<WireMap>();
    internal int FramesOut { get; private set; }

    internal async Task RunAsync()
    {
        using (var connection = await VitrineConnection.ConnectAsync(new VitrineOptions { ClientName = "mirror-console" })
            .ConfigureAwait(false))
        {
            var layers = new WireValue[Layers.Count];
            for (int i = 0; i < layers.Length; i++) { layers[i] = Layers[i]; }
            var arguments = new WireMap { { "layers", WireValue.Array(layers) } };
            var options = new StreamOptions { PartReceived = OnPart };
            using (VitrineStream stream = await connection
                .OpenAsync("tryon.stream", arguments, default(CancellationToken), options).ConfigureAwait(false))
            {
                var sender = new Thread(() => Send(stream)) { IsBackground = true, Name = "camera" };
                sender.Start();
                sender.Join();
                Task<VitrineReply> end = stream.EndAsync();
                if (await Task.WhenAny(end, Task.Delay(EndMs)).ConfigureAwait(false) != end)
                {
                    throw new VitrineException(VitrineCodes.Unavailable, "the stream did not end in time");
                }
                using (VitrineReply done = await end.ConfigureAwait(false))
                {
                    _superseded = done.Data["superseded"].AsInt();
                }
            }
        }
        _files.Finish();
    }

    internal string Report()
    {
        _latencyMs.Sort();
        var json = new StringBuilder("{");
        json.AppendFormat(
            CultureInfo.InvariantCulture,
            "\"latency_ms\": {{\"p50\": {0:0.00}, \"p95\": {1:0.00}, \"p99\": {2:0.00}}}, \"frames_in\": {3}, \"frames_out\": {4}, ",
            Quantile(0.5), Quantile(0.95), Quantile(0.99), _framesIn, FramesOut);
        json.AppendFormat(
            CultureInfo.InvariantCulture,
            "\"superseded\": {0}, \"skipped\": {1}, \"through_shared_memory\": {2}, \"files\": {3}, ",
            _superseded, _skipped, _shared, _files.Written);
        json.AppendFormat(
            CultureInfo.InvariantCulture,
            "\"allocated_bytes_per_frame\": {{\"send\": {0:0.0}, \"receive\": {1:0.0}}}}}",
            _measuredIn == 0 ? 0 : (double)_sendAllocated / _measuredIn,
            _measuredOut == 0 ? 0 : (double)_receiveAllocated / _measuredOut);
        return json.ToString();
    }

    private void Send(VitrineStream stream)
    {
        int size = _width * _height * 3;
        int different = _frames.Length / size;
        long start = NowUs(), allocated = 0;
        for (int i = 0; i < Frames; i++)
        {
            long intendedUs = start + (long)(i * 1e6 / RateHz);
            SleepUntil(intendedUs);
            if (i == WarmUpFrames) { allocated = GC.GetAllocatedBytesForCurrentThread(); }
            var pixels = new ArraySegment<byte>(_frames, i % different * size, size);
            var frame = new ImageFrame(_width, _height, ImageFormat.Rgb8, RowOrder.Top, pixels);
            if (stream.TryPushImage(i, intendedUs, frame)) { _framesIn++; }
            else { _skipped++; }
        }
        if (Frames > WarmUpFrames)
        {
            _measuredIn = Frames - WarmUpFrames;
            _sendAllocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        }
    }

    // On the receiving thread.
    private void OnPart(VitrineReply part)
    {
        VitrineImage image;
        if (!part.TryGetImage("image", out image) || image.ByteCount != _shown.Length)
        {
            return;
        }
        image.CopyTo(_shown, 0);
        FramesOut++;
        _shared += image.IsShared ? 1 : 0;
        if (_latencyMs.Count < _latencyMs.Capacity)
        {
            _latencyMs.Add((NowUs() - part.Data["t_us"].AsInt()) / 1000.0);
        }
        long number = part.Data["n"].AsInt();
        if (number % WriteEvery == 0)
        {
            _files.Add(number, _shown);
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        if (number < WarmUpFrames) { _receiveStart = allocated; }
        else
        {
            _measuredOut++;
            _receiveAllocated = allocated - _receiveStart;
        }
    }

    private double Quantile(double q)
    {
        return _latencyMs.Count == 0 ? 0 : _latencyMs[Math.Min(_latencyMs.Count - 1, (int)(q * _latencyMs.Count))];
    }

    private static long NowUs()
    {
        return (long)(Stopwatch.GetTimestamp() * (1e6 / Stopwatch.Frequency));
    }

    private static void SleepUntil(long timeUs)
    {
        long left = timeUs - NowUs();
        if (left > 0) { Thread.Sleep((int)((left + 999) / 1000)); }
    }
}

/// <summary>Writes frames as PPM files on a thread of its own; a frame that finds no free buffer is not written.</summary>
internal sealed class FrameFiles
{
    private readonly string _folder;
    private readonly byte[] _head;
    private readonly Stack<byte[]> _free = new Stack<byte[]>();
    private readonly Queue<KeyValuePair<long, byte[]>> _full = new Queue<KeyValuePair<long, byte[]>>(16);
    private readonly Thread _thread;
    private bool _finished;

    internal FrameFiles(string folder, int width, int height)
    {
        Directory.CreateDirectory(folder);
        _folder = folder;
        _head = Encoding.ASCII.GetBytes("P6\n" + width + " " + height + "\n255\n");
        for (int i = 0; i < 8; i++) { _free.Push(new byte[width * height * 3]); }
        _thread = new Thread(Write) { IsBackground = true, Name = "files" };
        _thread.Start();
    }

    internal int Written { get; private set; }

    internal void Add(long number, byte[] pixels)
    {
        lock (_full)
        {
            if (_free.Count == 0) { return; }
            byte[] buffer = _free.Pop();
            Buffer.BlockCopy(pixels, 0, buffer, 0, buffer.Length);
            _full.Enqueue(new KeyValuePair<long, byte[]>(number, buffer));
            Monitor.Pulse(_full);
        }
    }

    internal void Finish()
    {
        lock (_full)
        {
            _finished = true;
            Monitor.Pulse(_full);
        }
        _thread.Join();
    }

    private void Write()
    {
        while (true)
        {
            KeyValuePair<long, byte[]> next;
            lock (_full)
            {
                while (_full.Count == 0 && !_finished) { Monitor.Wait(_full, 1000); }
                if (_full.Count == 0) { return; }
                next = _full.Dequeue();
            }
            string path = Path.Combine(_folder, "frame-" + next.Key.ToString("D5", CultureInfo.InvariantCulture) + ".ppm");
            using (var stream = new FileStream(path, FileMode.Create, FileAccess.Write))
            {
                stream.Write(_head, 0, _head.Length);
                stream.Write(next.Value, 0, next.Value.Length);
            }
            Written++;
            lock (_full) { _free.Push(next.Value); }
        }
    }
}
