using System;
using System.Threading;
using NUnit.Framework;
using Vitrine;

/// <summary>The arithmetic of frames and latencies, with frames and clocks given by hand.</summary>
[TestFixture]
public sealed class MetricsTests
{
    private const double At90 = 1000 / 90.0;

    private readonly HandClock _clock = new HandClock();

    [Test]
    public void APaceComesEveryHalfSecond()
    {
        var meter = new PaceMeter();
        FramePace pace;
        int taken = 0;
        for (int i = 0; i < 900; i++)
        {
            meter.AddFrame(At90, 7);
            if (meter.TryTake(90, null, out pace))
            {
                taken++;
                Near(90, pace.RefreshHz);
                Near(7, pace.FrameMs);
                Assert.AreEqual(0, pace.Dropped);
            }
        }
        Assert.IsTrue(taken >= 19 && taken <= 20, "10 s of frames gave " + taken);
    }

    [Test]
    public void FramesLongerThanOneAndAHalfIntervalsAreMissed()
    {
        FramePace pace = PaceOf(90, null, At90, 1.4 * At90, 2 * At90, 3.1 * At90, 500);
        // one for the double, two for the triple; 500 ms are 45 intervals, 44 of them missed
        Assert.AreEqual(1 + 2 + 44, pace.Dropped);
        Assert.AreEqual(5, pace.Frames);
    }

    [Test]
    public void APauseIsNoSignOfTooMuchWork()
    {
        FramePace pace = PaceOf(90, null, 30000, At90, At90, 480);
        Assert.AreEqual(42, pace.Dropped);
        pace = PaceOf(90, null, double.NaN, 0, -1, 505);
        Assert.AreEqual(1, pace.Frames);
    }

    [Test]
    public void AFrameThatOnlyWaitsForTheDisplayLeavesRoom()
    {
        // Told as it is, it would be 100% of its time, and a sidecar that once yielded would never come back.
        FramePace paced = PaceOf(100, null, Many(60, 10));
        Near(8.5, paced.FrameMs);
        FramePace slow = PaceOf(100, null, Many(60, 12));
        Near(12, slow.FrameMs);
        FramePace missing = PaceOf(100, null, Many(60, 10, 20));
        Near(10, missing.FrameMs);
        FramePace quick = PaceOf(100, null, Many(120, 5));
        Near(5, quick.FrameMs);
    }

    [Test]
    public void ATypicalFrameIsTheMedianOfTheWork()
    {
        var meter = new PaceMeter();
        for (int i = 0; i < 60; i++) { meter.AddFrame(10, i % 10 == 0 ? 40 : 6); }
        FramePace pace;
        Assert.IsTrue(meter.TryTake(100, null, out pace), "taken");
        Near(6, pace.FrameMs);
    }

    [Test]
    public void TheHeadsetsCounterCountsByItsRises()
    {
        var meter = new PaceMeter();
        var counters = new int?[] { 1000, 1003, 1003, 5, 9, null, 20, 21 };
        var expected = new[] { 0, 3, 0, 0, 4, 0, 0, 1 };
        for (int i = 0; i < counters.Length; i++)
        {
            Assert.AreEqual(expected[i], Take(meter, 100, counters[i], Many(60, 10)).Dropped, "interval " + i);
        }
        Assert.AreEqual(8L, meter.DroppedTotal);
        // What was seen here counts where the headset says less.
        Assert.AreEqual(1, Take(meter, 100, 21, Many(60, 10, 20)).Dropped);
        // A counter that leaps is not believed beyond reason.
        Assert.IsTrue(Take(meter, 100, int.MaxValue, Many(60, 10)).Dropped <= 240, "bounded");
    }

    [Test]
    public void AgesBecomePercentilesAndARate()
    {
        var board = new LatencyBoard(_clock);
        for (int i = 1; i <= 100; i++)
        {
            _clock.NowUs += 20000;
            board.Add(i);
        }
        board.SetPending(2);
        board.AddMissed(3);
        LatencySnapshot now = board.Snapshot();
        Near(50, now.Rate);
        Near(50, now.P50Ms);
        Near(95, now.P95Ms);
        Near(100, now.LastMs);
        Assert.AreEqual(100L, now.Answered);
        Assert.AreEqual(3L, now.Missed);
        Assert.AreEqual(2, now.Pending);
    }

    [Test]
    public void OldAgesAreForgotten()
    {
        var board = new LatencyBoard(_clock);
        for (int i = 0; i < 2000; i++) { board.Add(80); } // more than the ring holds
        _clock.NowUs += 3000000;
        board.Add(10);
        LatencySnapshot now = board.Snapshot();
        Near(0.5, now.Rate);
        Near(80, now.P50Ms);
        _clock.NowUs += 3000000;
        now = board.Snapshot();
        Near(0, now.Rate);
        Near(10, now.P50Ms);
        _clock.NowUs += 3000000;
        now = board.Snapshot();
        Near(0, now.P50Ms);
        Assert.AreEqual(2001L, now.Answered);
        board.Add(double.NaN);
        Assert.AreEqual(2001L, board.Snapshot().Answered);
        board.Reset();
        Assert.AreEqual(0L, board.Snapshot().Answered);
    }

    [Test]
    public void AgesInAnyOrderAreSorted()
    {
        var random = new Random(7);
        var board = new LatencyBoard(_clock);
        var ages = new double[512];
        for (int i = 0; i < ages.Length; i++)
        {
            ages[i] = random.Next(1000) / 8.0;
            board.Add(ages[i]);
        }
        Array.Sort(ages);
        Near(ages[255], board.Snapshot().P50Ms);
        Near(ages[486], board.Snapshot().P95Ms);
    }

    [Test]
    public void TheBoardMakesNoGarbage()
    {
        var board = new LatencyBoard(_clock);
        var meter = new PaceMeter();
        Frames(board, meter, 200);
        Assert.AreEqual(0L, Frames(board, meter, 2000));
    }

    [Test]
    public void TheTextIsMadeAnewOnlyWhenItChanges()
    {
        var text = new HudText();
        var board = new LatencyBoard(_clock);
        board.Add(12.34);
        var figures = new HudFigures
        {
            State = "Vitrine is ready.", IsReady = true, Provider = "CUDA", Latency = board.Snapshot(), RefreshHz = 90,
            MissedFrames = 7, MainThreadMs = 0.042,
        };
        string first = text.Build(figures);
        Assert.AreEqual(
            "Vitrine is ready.\n0.5 answers a second\nage 12.3 ms, p95 12.3 ms (1.1 / 1.1 frames)\nqueue 0, unanswered 0\n"
            + "runs on CUDA\nframes missed by the game 7 at 90 Hz\nanswers on the main thread 0.04 ms a frame", first);
        Assert.IsTrue(ReferenceEquals(first, text.Build(figures)), "the same string");
        figures.MissedFrames = 1234567890123;
        Assert.IsTrue(text.Build(figures).Contains("game 1234567890123 at"), "a new string");
        figures.IsReady = false;
        Assert.IsFalse(text.Build(figures).Contains("answers a second"), "no figures of what is not there");
    }

    private long Frames(LatencyBoard board, PaceMeter meter, int count)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        FramePace pace;
        for (int i = 0; i < count; i++)
        {
            _clock.NowUs += 11111;
            board.Add(i % 50);
            board.Snapshot();
            meter.AddFrame(At90, 5);
            meter.TryTake(90, i, out pace);
        }
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static FramePace PaceOf(double hz, int? counter, params double[] frames)
    {
        return Take(new PaceMeter(), hz, counter, frames);
    }

    private static FramePace Take(PaceMeter meter, double hz, int? counter, params double[] frames)
    {
        foreach (double frame in frames) { meter.AddFrame(frame); }
        FramePace pace;
        Assert.IsTrue(meter.TryTake(hz, counter, out pace), "half a second is over");
        return pace;
    }

    private static double[] Many(int count, double ms, params double[] more)
    {
        var frames = new double[count + more.Length];
        for (int i = 0; i < count; i++) { frames[i] = ms; }
        more.CopyTo(frames, count);
        return frames;
    }

    private static void Near(double expected, double actual)
    {
        Assert.IsTrue(Math.Abs(expected - actual) < 1e-6, "expected " + expected + ", got " + actual);
    }

    private sealed class HandClock : IVitrineClock
    {
        public long NowUs { get; set; } = 1000000;

        public bool Wait(WaitHandle until, int milliseconds)
        {
            return until.WaitOne(milliseconds);
        }
    }
}
