using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;
using NUnit.Framework;
using Vitrine;

/// <summary>The thread between a mirror and its stream, its buffers, turns and rates.</summary>
[TestFixture]
public sealed class MirrorPumpTests : IDisposable
{
    private const int Side = 4;
    private const int Bytes = Side * Side * 4;

    private readonly IntPtr[] _memory = new IntPtr[4];
    private readonly FramePool _pool;
    private readonly FramePump _pump = new FramePump();
    private readonly FakeSink _sink = new FakeSink();

    public MirrorPumpTests()
    {
        for (int i = 0; i < _memory.Length; i++) { _memory[i] = Marshal.AllocHGlobal(Bytes); }
        _pool = new FramePool(_memory, Bytes);
    }

    public void Dispose()
    {
        _sink.Open();
        _pump.Dispose();
        foreach (IntPtr memory in _memory) { Marshal.FreeHGlobal(memory); }
    }

    [Test]
    public void FramesAreNumberedFromZeroForEachSink()
    {
        _pump.Attach(_sink);
        SendAndWait(10);
        SendAndWait(20);
        var other = new FakeSink();
        _pump.Attach(other);
        FrameSlot slot = Rent(30);
        _pump.Offer(slot);
        Until(() => other.Count == 1, "sent");
        Assert.AreEqual("0@10 1@20", _sink.Log);
        Assert.AreEqual("0@30", other.Log);
        Assert.AreEqual(3L, _pump.Sent);
        Until(() => _pump.LastNumber == 0 && _pool.IsIdle, "counted and given back");
    }

    [Test]
    public void TheNewestFrameWinsWhileOneIsBeingSent()
    {
        _sink.Shut();
        _pump.Attach(_sink);
        _pump.Offer(Rent(1));
        Until(() => _sink.Entered == 1, "being sent");
        _pump.Offer(Rent(2));
        _pump.Offer(Rent(3));
        _pump.Offer(Rent(4));
        Assert.AreEqual(2L, _pump.Skipped);
        _sink.Open();
        Until(() => _sink.Count == 2 && _pool.IsIdle, "both were sent");
        Assert.AreEqual("0@1 1@4", _sink.Log);
    }

    [Test]
    public void AFullQueueIsTriedAgainUntilANewerFrameComes()
    {
        _sink.Full = true;
        _pump.Attach(_sink);
        _pump.Offer(Rent(1));
        Until(() => _sink.Refused >= 3, "tried again");
        _pump.Offer(Rent(2));
        _sink.Full = false;
        Until(() => _sink.Count == 1 && _pool.IsIdle, "sent");
        Assert.IsTrue(_sink.Log == "0@2" || _sink.Log == "0@1", _sink.Log);
        Assert.AreEqual(1L, _pump.Sent);
    }

    [Test]
    public void LayersGoBeforeTheFrameThatWaits()
    {
        _sink.Full = true;
        _pump.Attach(_sink);
        _pump.Offer(Rent(1));
        Until(() => _sink.Refused >= 1, "tried");
        _pump.Send(new WireMap { { "layers", 1 } });
        _pump.Send(new WireMap { { "layers", 2 } });
        _sink.Full = false;
        Until(() => _sink.Count == 2, "both");
        Assert.IsTrue(_sink.Log == "layers 2 0@1" || _sink.Log == "0@1 layers 2", _sink.Log);
        _sink.Full = true;
        _pump.Send(new WireMap { { "layers", 3 } });
        Until(() => _sink.Refused >= 6, "tried again");
        _pump.Offer(Rent(5));
        Thread.Sleep(20);
        _sink.Full = false;
        Until(() => _sink.Count == 4, "all");
        Assert.IsTrue(_sink.Log.EndsWith("layers 3 1@5", StringComparison.Ordinal), _sink.Log);
    }

    [Test]
    public void WithoutASinkFramesGoBackUnsent()
    {
        _pump.Offer(Rent(1));
        Assert.IsTrue(_pool.IsIdle, "back at once");
        _sink.Full = true;
        _pump.Attach(_sink);
        _pump.Offer(Rent(2));
        Until(() => _sink.Refused >= 1, "tried");
        _pump.Detach();
        Until(() => _pool.IsIdle, "back");
        Assert.AreEqual(2L, _pump.Skipped);
        Assert.AreEqual(0L, _pump.Sent);
    }

    [Test]
    public void AnErrorIsKeptAndTheThreadGoesOn()
    {
        _sink.Error = new VitrineException(VitrineCodes.TooLarge, "too large");
        _pump.Attach(_sink);
        _pump.Offer(Rent(1));
        Exception error = null;
        Until(() => _pump.TryTakeError(out error), "the error");
        Assert.IsTrue(ReferenceEquals(_sink.Error, error), "this error");
        Assert.IsFalse(_pump.TryTakeError(out error), "once");
        Until(() => _pool.IsIdle, "the frame came back");
        _sink.Error = null;
        SendAndWait(2);
        Assert.AreEqual("0@2", _sink.Log);
    }

    [Test]
    public void AFrameLargerThanItsBufferIsNotRead()
    {
        _pump.Attach(_sink);
        FrameSlot slot = Rent(1);
        slot.Width = Side + 1;
        _pump.Offer(slot);
        Exception error = null;
        Until(() => _pump.TryTakeError(out error), "the error");
        Assert.AreEqual(0, _sink.Count);
    }

    [Test]
    public void TheThreadEndsWithItsOwner()
    {
        _sink.Full = true;
        _pump.Attach(_sink);
        _pump.Offer(Rent(1));
        _pump.Dispose();
        Assert.IsFalse(_pump.IsAlive, "ended");
        Assert.IsTrue(_pool.IsIdle, "and gave back what waited");
        _pump.Offer(Rent(2));
        Assert.IsTrue(_pool.IsIdle, "nothing is taken any more");
        _pump.Dispose();
    }

    [Test]
    public void NothingIsAllocatedPerFrame()
    {
        _sink.Counts = true;
        _pump.Attach(_sink);
        Run(50);
        long own = GC.GetAllocatedBytesForCurrentThread(), before = _sink.AllocatedBytes;
        int frames = _sink.Entered;
        Run(200);
        long offering = GC.GetAllocatedBytesForCurrentThread() - own, sending = _sink.AllocatedBytes - before;
        Assert.AreEqual(0L, offering);
        Assert.AreEqual(0L, sending);
        Assert.AreEqual(200, _sink.Entered - frames);
    }

    [Test]
    public void NothingIsAllocatedOnTheWayIntoARealStream()
    {
        using (var server = new FakeServer())
        using (VitrineConnection connection = VitrineConnection.ConnectAsync(server.Options()).Result)
        {
            var options = new StreamOptions { QueueParts = 1, DropOldest = true };
            var arguments = new WireMap { { "layers", WireValue.Array() } };
            VitrineStream stream = connection.OpenAsync("tryon.stream", arguments, CancellationToken.None, options).Result;
            _sink.Counts = true;
            _sink.Stream = stream;
            _pump.Attach(_sink);
            Run(300, stream);
            long before = _sink.AllocatedBytes;
            Run(300, stream);
            long sending = _sink.AllocatedBytes - before;
            Assert.AreEqual(0L, sending);
            _pump.Dispose();
            stream.Dispose();
        }
    }

    private void Run(int frames, VitrineStream stream = null)
    {
        for (int i = 0; i < frames; i++)
        {
            int sent = _sink.Entered;
            FrameSlot slot;
            while (!_pool.TryRent(out slot)) { Thread.Sleep(0); }
            Fill(slot, i);
            slot.QuarterTurns = i & 1;
            _pump.Offer(slot);
            while (_sink.Entered == sent) { Thread.Sleep(0); }
            VitrineReply part;
            if (stream == null) { continue; }
            while (!stream.TryReadPart(out part)) { Thread.Sleep(0); }
            _pump.Release(part);
        }
    }

    [Test]
    public void AQuarterTurnIsMadeOnTheWay()
    {
        _pump.Attach(_sink);
        FrameSlot slot = Rent(1);
        slot.Width = 3;
        slot.Height = 2;
        slot.QuarterTurns = 1;
        Marshal.Copy(new[] { 1, 2, 3, 4, 5, 6 }, 0, slot.Pixels, 6); // 4 5 6 above 1 2 3
        _pump.Offer(slot);
        Until(() => _sink.Count == 1, "sent");
        Assert.AreEqual("2x3 Bottom", _sink.Shape);
        // Clockwise: 1 4, 2 5, 3 6 from the top down.
        Assert.AreEqual("3 6 2 5 1 4", string.Join(" ", _sink.Pixels));
        slot = Rent(1);
        slot.Width = 3;
        slot.Height = 2;
        slot.QuarterTurns = 3;
        Marshal.Copy(new[] { 1, 2, 3, 4, 5, 6 }, 0, slot.Pixels, 6);
        _pump.Offer(slot);
        Until(() => _sink.Count == 2, "sent");
        Assert.AreEqual("4 1 5 2 6 3", string.Join(" ", _sink.Pixels));
    }

    [Test]
    public void LargePicturesTurnByTilesAndBack()
    {
        const int Width = 50, Height = 35;
        var pixels = new int[Width * Height];
        for (int i = 0; i < pixels.Length; i++) { pixels[i] = i; }
        IntPtr one = Marshal.AllocHGlobal(pixels.Length * 4), other = Marshal.AllocHGlobal(pixels.Length * 4);
        Marshal.Copy(pixels, 0, one, pixels.Length);
        PixelTurn.Quarter(one, other, Width, Height, 1);
        var turned = new int[pixels.Length];
        Marshal.Copy(other, turned, 0, turned.Length);
        Assert.AreEqual(pixels[Width - 1], turned[0]);
        Assert.AreEqual(pixels[0], turned[(Width - 1) * Height]);
        PixelTurn.Quarter(other, one, Height, Width, 3);
        Marshal.Copy(one, turned, 0, turned.Length);
        for (int i = 0; i < pixels.Length; i++) { Assert.AreEqual(pixels[i], turned[i]); }
        Marshal.FreeHGlobal(one);
        Marshal.FreeHGlobal(other);
    }

    [Test]
    public void ABufferIsGivenBackOnceHoweverOften()
    {
        FrameSlot slot, second;
        Assert.IsTrue(_pool.TryRent(out slot), "free");
        slot.Return();
        slot.Return();
        for (int i = 0; i < _memory.Length; i++) { Assert.IsTrue(_pool.TryRent(out second), "free"); }
        Assert.IsFalse(_pool.TryRent(out second), "no more than there are");
    }

    [Test]
    public void ARateHoldsOnAverageWhateverTheRhythm()
    {
        Assert.AreEqual(90, Taken(30, 90, 3.0)); // every third frame of a 90 Hz game
        Assert.AreEqual(60, Taken(20, 72, 3.0)); // no divisor
        Assert.AreEqual(30, Taken(60, 10, 3.0)); // slower than allowed
        Assert.AreEqual(216, Taken(0, 72, 3.0)); // no limit
    }

    [Test]
    public void ARateDoesNotCatchUpAfterAPause()
    {
        var rate = new FrameRate { Limit = 10 };
        Assert.IsTrue(rate.TryTake(0), "first");
        Assert.IsTrue(rate.TryTake(60000000), "after a minute");
        Assert.IsFalse(rate.TryTake(60011000), "no burst");
        Assert.IsTrue(rate.TryTake(60100000), "on time");
    }

    private static int Taken(double limit, double hz, double seconds)
    {
        var rate = new FrameRate { Limit = limit };
        int taken = 0;
        for (int i = 0; i < seconds * hz; i++) { taken += rate.TryTake((long)(i * 1e6 / hz)) ? 1 : 0; }
        return taken;
    }

    private FrameSlot Rent(long timeUs)
    {
        FrameSlot slot;
        Assert.IsTrue(_pool.TryRent(out slot), "a free buffer");
        Fill(slot, timeUs);
        return slot;
    }

    private static void Fill(FrameSlot slot, long timeUs)
    {
        slot.Width = slot.Height = Side;
        slot.QuarterTurns = 0;
        slot.TimeUs = timeUs;
    }

    private void SendAndWait(long timeUs)
    {
        int sent = _sink.Count;
        _pump.Offer(Rent(timeUs));
        Until(() => _sink.Count == sent + 1, "sent");
    }

    private static void Until(Func<bool> condition, string what)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.IsTrue(watch.ElapsedMilliseconds < 5000, what);
            Thread.Sleep(1);
        }
    }

    /// <summary>A stream that can be full, shut, or broken.</summary>
    private sealed class FakeSink : IFrameSink
    {
        private readonly List<string> _log = new List<string>();
        private readonly ManualResetEvent _open = new ManualResetEvent(true);
        private volatile int _entered;
        private volatile int _refused;
        private long _allocated;

        internal volatile bool Full;
        internal volatile Exception Error;

        /// <summary>Only the bytes that the thread allocates are looked at.</summary>
        internal bool Counts { get; set; }

        /// <summary>Where frames go on to; null: nowhere.</summary>
        internal VitrineStream Stream { get; set; }

        internal int Entered
        {
            get { return _entered; }
        }

        internal int Refused
        {
            get { return _refused; }
        }

        internal long AllocatedBytes
        {
            get { return Interlocked.Read(ref _allocated); }
        }

        internal int[] Pixels { get; private set; }

        internal string Shape { get; private set; }

        internal int Count
        {
            get { lock (_log) { return _log.Count; } }
        }

        internal string Log
        {
            get { lock (_log) { return string.Join(" ", _log); } }
        }

        internal void Shut()
        {
            _open.Reset();
        }

        internal void Open()
        {
            _open.Set();
        }

        bool IFrameSink.TryPush(WireMap data)
        {
            if (Full)
            {
                _refused++;
                return false;
            }
            lock (_log) { _log.Add("layers " + data["layers"].AsInt); }
            return true;
        }

        unsafe bool IFrameSink.TryPushImage(long number, long timeUs, in ImageFrame frame)
        {
            if (Counts)
            {
                bool pushed = Stream == null || Stream.TryPushImage(number, timeUs, frame);
                Interlocked.Exchange(ref _allocated, GC.GetAllocatedBytesForCurrentThread());
                _entered += pushed ? 1 : 0;
                return pushed;
            }
            _entered++;
            _open.WaitOne();
            if (Error != null) { throw Error; }
            if (Full)
            {
                _refused++;
                return false;
            }
            var pixels = new int[frame.ByteCount / 4];
            fixed (int* at = pixels) { frame.CopyTo((byte*)at); }
            Pixels = pixels;
            Shape = frame.Width + "x" + frame.Height + " " + frame.Order;
            lock (_log) { _log.Add(number + "@" + timeUs); }
            return true;
        }
    }
}
