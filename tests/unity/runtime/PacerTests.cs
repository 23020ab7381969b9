using System;
using System.Threading.Tasks;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>The pacer in a scene, from the headset's counters to the server.</summary>
[TestFixture]
public sealed class PacerTests : IDisposable
{
    private readonly FakeUnity _unity = new FakeUnity();
    private readonly TestFolder _folder = new TestFolder();
    private HudServer _server;
    private VitrineClient _client;
    private FramePacer _pacer;

    public void Dispose()
    {
        if (_client != null) { _client.Dispose(); }
        _unity.Dispose();
        if (_server != null) { _server.Dispose(); }
        _folder.Dispose();
    }

    [Test]
    public void TheServerIsToldEveryHalfSecond()
    {
        FakeXr.Begin(90);
        FakeXr.GpuTime = 0.0065f;
        FakeXr.Dropped = 100;
        _server = new HudServer();
        _client = new VitrineClient(new VitrineOptions { RunFolder = _server.RunFolder, RetryFirstMs = 20 });
        ClientKit.Reach(_unity, _client, ClientState.Ready);
        Place();
        _unity.Steps(44, 1 / 90.0);
        Assert.AreEqual(0L, _pacer.Sent);
        _unity.Steps(140, 1 / 90.0);
        Assert.AreEqual(4L, _pacer.Sent);
        Near(90, _pacer.Last.RefreshHz);
        Near(6.5, _pacer.Last.FrameMs);
        Assert.AreEqual(0, _pacer.Last.Dropped);
        FakeXr.Dropped = 105;
        _unity.Steps(46, 1 / 90.0);
        Assert.AreEqual(5, _pacer.Last.Dropped);
        Assert.AreEqual(5L, Told("pace"));
        Assert.AreEqual(90L, Told("pace_hz"));
        Assert.AreEqual(6500L, Told("pace_us"));
        Assert.AreEqual(5L, Told("pace_dropped"));
        ClientKit.NoFaults();
    }

    [Test]
    public void WithoutAHeadsetFramesAndTheMonitorTell()
    {
        FakeProfiler.DisplayHz = 60;
        Absent();
        _unity.Steps(29, 1 / 60.0);
        _unity.Step(3 / 60.0);
        Near(60, _pacer.Last.RefreshHz);
        Assert.AreEqual(2, _pacer.Last.Dropped);
        Near(1000 / 60.0, _pacer.Last.FrameMs);
        Assert.AreEqual(0L, _pacer.Sent);
        _unity.Steps(31, 1 / 60.0);
        Near(0.85 * 1000 / 60, _pacer.Last.FrameMs); // on time: what is in the frame is not known, room is assumed
    }

    [Test]
    public void TheEnginesTimingIsWorkWithoutWaiting()
    {
        FakeProfiler.Timing = new FrameTiming
        {
            cpuMainThreadFrameTime = 16.6, cpuMainThreadPresentWaitTime = 10, cpuRenderThreadFrameTime = 4, gpuFrameTime = 5,
        };
        Absent();
        _unity.Steps(40, 1 / 60.0);
        Near(6.6, _pacer.Last.FrameMs);
        Assert.AreEqual(0, FakeProfiler.Open);
    }

    [Test]
    public void TheProfilersCountersAreTheNextBest()
    {
        FakeProfiler.Values["Main Thread"] = 16600000;
        FakeProfiler.Values["Gfx.WaitForPresentOnGfxThread"] = 9600000;
        Absent();
        _unity.Steps(40, 1 / 60.0);
        Near(7, _pacer.Last.FrameMs);
        Assert.AreEqual(2, FakeProfiler.Open);
        _pacer.enabled = false;
        Assert.AreEqual(0, FakeProfiler.Open);
        _pacer.enabled = true;
        Assert.AreEqual(2, FakeProfiler.Open);
        UnityEngine.Object.DestroyImmediate(_pacer.gameObject);
        Assert.AreEqual(0, FakeProfiler.Open);
    }

    [Test]
    public void ATargetRateCountsWhereNothingWaitsForTheDisplay()
    {
        QualitySettings.vSyncCount = 0;
        Application.targetFrameRate = 30;
        Absent();
        _unity.Steps(20, 1 / 30.0);
        Application.targetFrameRate = -1;
        Near(30, _pacer.Last.RefreshHz);
    }

    [Test]
    public void AFrameOfThePacerMakesNoGarbage()
    {
        FakeXr.Begin(90);
        FakeXr.GpuTime = 0.005f;
        Absent();
        _unity.Steps(200, 1 / 90.0);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _unity.Steps(900, 1 / 90.0);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.AreEqual(0L, bytes);
        ClientKit.NoFaults();
    }

    private void Absent()
    {
        _client = new VitrineClient(ClientKit.Nowhere(_folder.Path));
        Place();
    }

    private void Place()
    {
        _pacer = new GameObject("pacer").AddComponent<FramePacer>();
        _pacer.Client = _client;
    }

    private long Told(string name)
    {
        Task<VitrineReply> asked = _client.CallAsync("test.counts");
        asked.Wait(5000);
        using (VitrineReply reply = asked.Result) { return reply.Data[name].AsInt(); }
    }

    private static void Near(double expected, double actual)
    {
        Assert.IsTrue(Math.Abs(expected - actual) < 1e-3, "expected " + expected + ", got " + actual);
    }
}
