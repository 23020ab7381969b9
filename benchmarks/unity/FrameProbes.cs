using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using Vitrine;

/// <summary>Processor time of the calling thread.</summary>
internal static unsafe class ThreadCpu
{
    private const int ClockThreadCpu = 3; // CLOCK_THREAD_CPUTIME_ID

    internal static readonly bool IsExact = Path.DirectorySeparatorChar == '/';

    /// <summary>Milliseconds; elsewhere than on POSIX, wall time, which counts other programs too.</summary>
    internal static double NowMs
    {
        get
        {
            if (!IsExact) { return Stopwatch.GetTimestamp() * 1e3 / Stopwatch.Frequency; }
            TimeSpec time;
            clock_gettime(ClockThreadCpu, &time);
            return (long)time.Seconds * 1e3 + (long)time.Nanoseconds / 1e6;
        }
    }

    [DllImport("libc")]
    private static extern int clock_gettime(int clock, TimeSpec* time);

    private struct TimeSpec
    {
        internal IntPtr Seconds;
        internal IntPtr Nanoseconds;
    }
}

/// <summary>
/// A clock that, whenever a thread of the connection asks it for the time, notes how much that thread has allocated: the
/// runtime tells a thread only of itself.
/// </summary>
internal sealed class ProbeClock : IVitrineClock
{
    private readonly SystemClock _clock = new SystemClock();
    // Their numbers, not the threads: a dead thread would keep its connection in memory.
    private readonly int[] _threads = new int[64];
    private readonly long[] _bytes = new long[64];
    private int _count;

    /// <summary>Bytes that whoever asks for the time allocates, so that it is seen that they are counted.</summary>
    internal volatile int Garbage;

    public long NowUs
    {
        get
        {
            if (Garbage > 0) { GC.KeepAlive(new byte[Garbage]); }
            Note();
            return _clock.NowUs;
        }
    }

    public bool Wait(WaitHandle until, int milliseconds)
    {
        return _clock.Wait(until, milliseconds);
    }

    /// <summary>Bytes that threads other than this one had allocated when they last asked.</summary>
    internal long OfOthers()
    {
        long sum = 0;
        lock (_threads)
        {
            for (int i = 0; i < _count; i++)
            {
                if (_threads[i] != Thread.CurrentThread.ManagedThreadId) { sum += _bytes[i]; }
            }
        }
        return sum;
    }

    private void Note()
    {
        int thread = Thread.CurrentThread.ManagedThreadId;
        long bytes = GC.GetAllocatedBytesForCurrentThread();
        lock (_threads)
        {
            for (int i = 0; i < _count; i++)
            {
                if (_threads[i] == thread)
                {
                    _bytes[i] = bytes;
                    return;
                }
            }
            if (_count < _threads.Length)
            {
                _threads[_count] = thread;
                _bytes[_count++] = bytes;
            }
        }
    }
}

/// <summary>
/// The baseline: a picture into a map, 8 bytes to the peer and 8 back, a picture out again, on a thread of its own at each
/// call. The peer is floor_peer.py.
/// </summary>
internal sealed class BareSocket : IDisposable
{
    private const int Size = 1 << 20;

    private readonly Socket _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte[] _pixels = new byte[Size];
    private readonly byte[] _notice = new byte[8];
    private readonly object _gate = new object();
    private readonly Thread _thread;
    private int _wanted;
    private long _allocated;
    private bool _closing;

    internal BareSocket(int port, string path)
    {
        _socket.NoDelay = true;
        _socket.ReceiveTimeout = 10000;
        _socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
        _view = _file.CreateViewAccessor(0, 2 * Size);
        _thread = new Thread(Main) { IsBackground = true, Name = "bare socket" };
        _thread.Start();
    }

    /// <summary>Bytes that its thread has allocated so far.</summary>
    internal long Allocated
    {
        get { lock (_gate) { return _allocated; } }
    }

    /// <summary>One picture there and back.</summary>
    internal void Kick()
    {
        lock (_gate)
        {
            _wanted++;
            Monitor.Pulse(_gate);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.Pulse(_gate);
        }
        _thread.Join(1000);
        _socket.Close();
        _view.Dispose();
        _file.Dispose();
    }

    private void Main()
    {
        while (true)
        {
            lock (_gate)
            {
                _allocated = GC.GetAllocatedBytesForCurrentThread();
                while (_wanted == 0 && !_closing) { Monitor.Wait(_gate); }
                if (_closing) { return; }
                _wanted--;
            }
            Once();
        }
    }

    private unsafe void Once()
    {
        byte* map = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref map);
        fixed (byte* pixels = _pixels) { Buffer.MemoryCopy(pixels, map, Size, Size); }
        _socket.Send(_notice);
        for (int got = 0; got < 8;) { got += _socket.Receive(_notice, got, 8 - got, SocketFlags.None); }
        fixed (byte* pixels = _pixels) { Buffer.MemoryCopy(map + Size, pixels, Size, Size); }
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
    }
}

/// <summary>Numbers of a run, in memory that was taken before it began.</summary>
internal sealed class Numbers
{
    private readonly double[] _values;

    internal Numbers(int capacity)
    {
        _values = new double[capacity];
    }

    internal int Count { get; private set; }

    internal void Add(double value)
    {
        if (Count < _values.Length) { _values[Count++] = value; }
    }

    internal IEnumerable<double> All()
    {
        for (int i = 0; i < Count; i++) { yield return _values[i]; }
    }
}

/// <summary>Numbers as JSON.</summary>
internal static class Json
{
    internal static void Series(StringBuilder json, string name, Numbers numbers)
    {
        json.Append('"').Append(name).Append("\": [");
        bool first = true;
        foreach (double value in numbers.All())
        {
            json.Append(first ? "" : ", ").Append(value.ToString("0.######", CultureInfo.InvariantCulture));
            first = false;
        }
        json.Append(']');
    }
}
