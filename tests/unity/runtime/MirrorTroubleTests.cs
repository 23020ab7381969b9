using System;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>What is said when something is missing, and that the mirror goes on by itself.</summary>
[TestFixture]
public sealed class MirrorTroubleTests : IDisposable
{
    private const int W = MirrorRig.Width;
    private const int H = MirrorRig.Height;

    private MirrorRig _rig;

    public void Dispose()
    {
        if (_rig == null) { return; }
        _rig.Dispose();
        Assert.AreEqual("", FakeLog.Faults);
    }

    [Test]
    public void WithoutTheServerTheSourceIsShownAndItGoesOnByItself()
    {
        _rig = new MirrorRig(false);
        _rig.Mirror.Mirror = true;
        _rig.Begin();
        byte[] mirrored = MirrorRig.Mirrored(MirrorRig.Pattern(W, H, 1), W, H);
        _rig.UntilStatus(MirrorStatus.ServerAbsent);
        _rig.UntilShown(mirrored, "the source as it is");
        Assert.IsFalse(_rig.Mirror.IsDressed, "nothing is worn");
        Assert.IsTrue(_rig.Label.text.StartsWith("The try-on is not running.", StringComparison.Ordinal), _rig.Label.text);
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#ff0000";
        _rig.Server.Begin();
        _rig.UntilShown(MirrorRig.Hat(mirrored, W, H, 255, 0, 0), "the answers");
        Assert.AreEqual(MirrorStatus.Live, _rig.Mirror.Status);
    }

    [Test]
    public void FramesResumeWhenTheServerWasKilled()
    {
        _rig = new MirrorRig();
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#ff0000";
        _rig.BeginLive();
        for (int i = 0; i < 3; i++)
        {
            _rig.Server.Kill();
            _rig.UntilStatus(MirrorStatus.Lost);
            _rig.UntilShown(MirrorRig.Pattern(W, H, 1), "the source as it is");
            _rig.Server.Begin();
            _rig.UntilStatus(MirrorStatus.Live);
            _rig.UntilShown(MirrorRig.Hat(MirrorRig.Pattern(W, H, 1), W, H, 255, 0, 0), "dressed again");
        }
        _rig.Unity.Steps(5);
        Assert.AreEqual(4, FakeMemory.LiveArrays);
        Assert.AreEqual(1, MirrorRig.Pumps());
    }

    [Test]
    public void ACoveredFaceIsSaidKindly()
    {
        _rig = new MirrorRig();
        _rig.Mirror.Product = "reason:face_covered";
        int changes = 0;
        _rig.Mirror.StatusChanged += status => changes++;
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.FaceCovered);
        Assert.AreEqual("The headset covers your face. Use the picture taken before you put it on.", _rig.Mirror.StatusText);
        _rig.Until(() => _rig.Label.text == _rig.Mirror.StatusText, "the label");
        Assert.AreEqual(MirrorRig.Pattern(W, H, 1), _rig.Shown, "the person is shown all the same");
        int before = changes;
        _rig.Mirror.Product = "sample-glasses-1";
        _rig.UntilStatus(MirrorStatus.Live);
        Assert.AreEqual(before + 1, changes);
        Assert.AreEqual("", _rig.Mirror.StatusText);
    }

    [Test]
    public void EveryReasonHasAStatusAndBothLanguages()
    {
        _rig = new MirrorRig();
        FakeApplication.Language = SystemLanguage.ChineseSimplified;
        _rig.Mirror.Product = "hat";
        _rig.BeginLive();
        var reasons = new[] { "no_person", "many_people", "face_covered", "too_small", "back_view", "no_assets", "bad_size", "low_light" };
        for (int i = 0; i < reasons.Length; i++)
        {
            _rig.Mirror.Product = "reason:" + reasons[i];
            _rig.UntilStatus(MirrorStatus.NoPerson + i);
            Assert.IsTrue(_rig.Mirror.StatusText[0] > 0x2000, "Chinese: " + _rig.Mirror.StatusText);
        }
    }

    [Test]
    public void AReasonOfANewerServerIsSaidInItsWords()
    {
        _rig = new MirrorRig();
        _rig.Mirror.Product = "reason:made_of_glass";
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.OtherReason);
        Assert.AreEqual("Said by the fake server: made_of_glass", _rig.Mirror.StatusText);
    }

    [Test]
    public void ARefusedProductEndsWithTheNextOne()
    {
        _rig = new MirrorRig();
        _rig.Mirror.Product = "fail:not_found";
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.Refused);
        Assert.AreEqual("Said by the fake server.", _rig.Mirror.StatusText);
        _rig.UntilShown(MirrorRig.Pattern(W, H, 1), "the source as it is");
        _rig.Unity.Steps(20);
        Assert.AreEqual(1L, _rig.Count("frames"), "what was refused is not tried in each frame");
        _rig.Mirror.Product = "hat";
        _rig.UntilStatus(MirrorStatus.Live);
    }

    [Test]
    public void AFailureThatPassesIsTriedAgain()
    {
        _rig = new MirrorRig();
        _rig.Mirror.Product = "fail:overloaded";
        _rig.Begin();
        _rig.Until(() => _rig.Mirror.Counters.Failed >= 3, "three attempts");
        Assert.AreEqual(MirrorStatus.Lost, _rig.Mirror.Status);
        _rig.Mirror.Product = "hat";
        _rig.UntilStatus(MirrorStatus.Live);
    }

    [Test]
    public void AModelThatLoadsCountsAsGettingReady()
    {
        _rig = new MirrorRig();
        _rig.Mirror.Product = "fail:model_loading";
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.ServerStarting);
    }

    [Test]
    public void AnswersThatAreNoneAreCountedAndHarmNothing()
    {
        _rig = new MirrorRig();
        _rig.Mirror.Product = "broken";
        _rig.Begin();
        _rig.Until(() => _rig.Mirror.Counters.Failed >= 5, "broken answers");
        Assert.IsFalse(_rig.Mirror.IsDressed, "nothing to show");
        _rig.Mirror.Product = "hat";
        _rig.Until(() => _rig.Mirror.IsDressed, "a good answer");
        Assert.AreEqual(MirrorRig.Pattern(W, H, 1), _rig.Shown);
    }

    [Test]
    public void HandlersThatThrowDoNotStopIt()
    {
        _rig = new MirrorRig();
        int shown = 0;
        _rig.Mirror.StatusChanged += status => { throw new InvalidOperationException("status handler"); };
        _rig.Mirror.FrameShown += mirror =>
        {
            shown++;
            throw new InvalidOperationException("frame handler");
        };
        _rig.Begin();
        _rig.Until(() => shown > 3 && _rig.Mirror.Status == MirrorStatus.Live, "frames");
        Assert.IsTrue(FakeLog.Faults.Contains("status handler") && FakeLog.Faults.Contains("frame handler"), "they are logged");
        FakeLog.Clear();
        _rig.Mirror.gameObject.SetActive(false);
        FakeLog.Clear();
    }

    [Test]
    public void TheCardThatFailsIsCountedAndTriedAgain()
    {
        _rig = new MirrorRig();
        FakeGpu.FailReadbacks = true;
        _rig.Begin();
        _rig.Until(() => _rig.Mirror.Counters.Failed >= 3, "failed read-backs");
        FakeGpu.FailReadbacks = false;
        _rig.UntilStatus(MirrorStatus.Live);
    }

    [Test]
    public void AGraphicsApiWithoutReadBackIsNamed()
    {
        _rig = new MirrorRig();
        FakeGpu.SupportsReadback = false;
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.Unsupported);
        _rig.UntilShown(MirrorRig.Pattern(W, H, 1), "the source as it is");
        Assert.AreEqual(0, FakeGpu.Readbacks);
    }
}
