using System;
using System.Collections.Generic;
using System.Threading;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>Many frames, no garbage, and nothing left behind.</summary>
[TestFixture]
public sealed class MirrorLifeTests : IDisposable
{
    private const int W = MirrorRig.Width;
    private const int H = MirrorRig.Height;

    private readonly MirrorRig _rig = new MirrorRig();

    public void Dispose()
    {
        _rig.Dispose();
        Assert.AreEqual("", FakeLog.Faults);
    }

    [Test]
    public void AFrameAllocatesNothingOnTheMainThread()
    {
        const int Frames = 400;
        _rig.Mirror.Product = "reason:low_light";
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.LowLight);
        _rig.Unity.StepUntil(() => _rig.Mirror.Counters.Answered > 100);
        long answered = _rig.Mirror.Counters.Answered;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Frames; i++)
        {
            _rig.Unity.Step();
            Thread.Sleep(1);
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        answered = _rig.Mirror.Counters.Answered - answered;
        Assert.IsTrue(answered > Frames / 10, answered + " answers in " + Frames + " frames");
        Assert.AreEqual(0L, allocated);
    }

    [Test]
    public void TwoThousandFramesGoThrough()
    {
        const int Frames = 2000;
        var frames = new byte[16][];
        var dressed = new HashSet<string>();
        for (int i = 0; i < frames.Length; i++)
        {
            frames[i] = MirrorRig.Pattern(W, H, i * 13);
            dressed.Add(Convert.ToBase64String(MirrorRig.Hat(frames[i], W, H, 255, 0, 0)));
        }
        FakeWebCam.SetFrames(W, H, frames);
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#ff0000";
        _rig.BeginLive();
        double busy = FakeGpu.BusySeconds;
        var ms = new List<double>(Frames);
        var watch = new System.Diagnostics.Stopwatch();
        for (int i = 0; i < Frames; i++)
        {
            watch.Restart();
            _rig.Unity.Step();
            ms.Add(watch.Elapsed.TotalMilliseconds - (FakeGpu.BusySeconds - busy) * 1000);
            busy = FakeGpu.BusySeconds;
            if (i % 97 == 0) { Assert.IsTrue(dressed.Contains(Convert.ToBase64String(_rig.Shown)), "a whole frame, dressed"); }
            if (i % 4 == 0) { Thread.Sleep(1); }
        }
        MirrorCounters counters = _rig.Mirror.Counters;
        ms.Sort();
        Console.WriteLine(
            "     {0} frames: main thread p50 {1:0.000} p99 {2:0.000} ms; {3} sent, {4} answered, {5} superseded, {6} skipped",
            Frames, ms[Frames / 2], ms[Frames * 99 / 100], counters.Sent, counters.Answered, counters.Superseded, counters.Skipped);
        Assert.IsTrue(counters.Answered > 100, counters.Answered + " answered");
        Assert.AreEqual(0L, counters.Failed);
        Assert.IsTrue(FakeGpu.MostReadbacks <= 2, FakeGpu.MostReadbacks + " read-backs at once");
        Assert.AreEqual(4, FakeMemory.LiveArrays);
        _rig.Unity.StepUntil(() => false, 0.3); // a last answer may still be on its way
        counters = _rig.Mirror.Counters;
        Assert.IsTrue(counters.Sent - counters.Answered - counters.Superseded < 20, "every frame sent is accounted for");
    }

    [Test]
    public void ABusyCardSkipsFramesAndDoesNotQueueThem()
    {
        FakeGpu.ReadbackFrames = 10;
        _rig.BeginLive();
        long skipped = _rig.Mirror.Counters.Skipped;
        _rig.Unity.Steps(100);
        Assert.AreEqual(2, FakeGpu.MostReadbacks);
        Assert.IsTrue(_rig.Mirror.Counters.Skipped - skipped > 60, "skipped, and counted");
    }

    [Test]
    public void TheRateIsHeld()
    {
        var clock = new SteppedClock();
        _rig.Mirror.Clock = clock;
        _rig.BeginLive();
        _rig.Mirror.FramesPerSecond = 20;
        _rig.Unity.Step();
        int before = FakeGpu.Blits;
        for (int i = 0; i < 180; i++)
        {
            clock.NowUs += 11111;
            _rig.Unity.Step();
        }
        int taken = FakeGpu.Blits - before;
        Assert.IsTrue(taken >= 39 && taken <= 42, taken + " frames in two seconds");
    }

    [Test]
    public void SwitchedOffAndOnItLeavesNothingBehind()
    {
        int textures = FakeGpu.LiveTextures;
        var placeholder = new Texture2D(2, 2);
        _rig.Target.texture = placeholder;
        for (int i = 0; i < 3; i++)
        {
            _rig.BeginLive();
            Assert.AreEqual(1, MirrorRig.Pumps());
            _rig.Mirror.enabled = false;
            Assert.AreEqual(MirrorStatus.Off, _rig.Mirror.Status);
            Assert.IsTrue(ReferenceEquals(placeholder, _rig.Target.texture), "what was there before is there again");
            Assert.AreEqual(0, MirrorRig.Pumps());
            Assert.AreEqual(0, FakeWebCam.Running);
            _rig.Unity.Steps(4);
            Assert.AreEqual(0, FakeMemory.LiveArrays);
            Assert.AreEqual(textures + 1, FakeGpu.LiveTextures);
            _rig.Mirror.enabled = true;
        }
        _rig.Until(() => _rig.Mirror.Counters.Sent > 2, "frames");
        UnityEngine.Object.Destroy(_rig.Mirror.gameObject);
        _rig.Unity.Steps(5);
        Assert.AreEqual(0, MirrorRig.Pumps() + FakeMemory.LiveArrays + FakeWebCam.Running);
        Assert.AreEqual(textures + 1, FakeGpu.LiveTextures);
        Thread.Sleep(50);
        Assert.AreEqual(4L, _rig.Count("cancels"), "each stream was ended");
        Assert.AreEqual(4L, _rig.Count("free"), "every slot came back");
    }

    [Test]
    public void QuittingLeavesNoBuffer()
    {
        FakeGpu.ReadbackFrames = 50;
        _rig.Begin();
        _rig.Until(() => FakeGpu.Readbacks == 2, "read-backs");
        _rig.Unity.Quit();
        Assert.AreEqual(0, FakeMemory.LiveArrays);
        Assert.AreEqual(0, MirrorRig.Pumps());
    }

    [Test]
    public void TheSharedClientMayBeShutDownUnderIt()
    {
        _rig.Mirror.Client = null;
        FakeAssets.Resources[VitrineSettings.ResourceName] = Settings();
        _rig.BeginLive();
        VitrineClient first = _rig.Mirror.Client;
        VitrineClient.ShutdownShared();
        _rig.Unity.Steps(2);
        _rig.Until(() => _rig.Mirror.Status == MirrorStatus.Live, "the new shared client");
        Assert.IsFalse(ReferenceEquals(first, _rig.Mirror.Client), "another client");
        Assert.AreEqual(1, MirrorRig.Pumps());
        _rig.Mirror.Client = _rig.Client;
        _rig.Until(() => _rig.Mirror.Client == _rig.Client && _rig.Mirror.Status == MirrorStatus.Live, "the own client");
    }

    private VitrineSettings Settings()
    {
        VitrineSettings settings = ScriptableObject.CreateInstance<VitrineSettings>();
        settings.StartSidecar = false;
        settings.RunFolder = _rig.Server.RunFolder;
        return settings;
    }
}
