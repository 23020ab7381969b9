using System;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using UnityEngine.UI;
using Vitrine;

/// <summary>What is seen: pictures compared pixel by pixel, from the camera to the target.</summary>
[TestFixture]
public sealed class MirrorPicturesTests : IDisposable
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
    public void WhatTheCameraSeesIsWhatIsShown()
    {
        _rig.BeginLive();
        Assert.AreEqual(MirrorRig.Pattern(W, H, 1), _rig.Shown);
        Assert.IsTrue(ReferenceEquals(_rig.Mirror.Texture, _rig.Target.texture), "the answer's texture is on the target");
        Assert.AreEqual("", _rig.Mirror.StatusText);
        Assert.IsTrue(_rig.Mirror.Confidence == 0.875f && _rig.Mirror.LatencyMs > 0, "confidence and latency");
        Assert.IsTrue(_rig.Mirror.AgeMs >= _rig.Mirror.LatencyMs, "what is shown gets older");
        _rig.Until(() => _rig.Label.text.EndsWith(" ms · 88 %", StringComparison.Ordinal), "the figures");
        Assert.IsTrue(_rig.Client.Latency.Snapshot().Answered > 0, "the board was told");
        Assert.AreEqual(0, FakeGpu.SlowReads);
    }

    [Test]
    public void NewFramesReplaceOldOnesInTheSameTexture()
    {
        FakeWebCam.SetFrames(W, H, MirrorRig.Pattern(W, H, 1));
        _rig.BeginLive();
        Texture texture = _rig.Target.texture;
        FakeWebCam.SetFrames(W, H, MirrorRig.Pattern(W, H, 90));
        _rig.UntilShown(MirrorRig.Pattern(W, H, 90), "the second frame");
        Assert.IsTrue(ReferenceEquals(texture, _rig.Target.texture), "the texture is used again");
    }

    [Test]
    public void ACameraThatIsUpsideDownIsTurnedOver()
    {
        FakeWebCam.VerticallyMirrored = true;
        _rig.BeginLive();
        byte[] turned = MirrorRig.Moved(MirrorRig.Pattern(W, H, 1), W, W, H, (x, y) => x, (x, y) => H - 1 - y);
        Assert.AreEqual(turned, _rig.Shown);
        _rig.Mirror.FlipSource = true;
        _rig.UntilShown(MirrorRig.Pattern(W, H, 1), "the flip by hand");
    }

    [Test]
    public void ACameraOnItsHeadIsTurnedByHalf()
    {
        FakeWebCam.RotationAngle = 180;
        _rig.BeginLive();
        Assert.AreEqual(
            MirrorRig.Moved(MirrorRig.Pattern(W, H, 1), W, W, H, (x, y) => W - 1 - x, (x, y) => H - 1 - y), _rig.Shown);
    }

    [Test]
    public void ACameraOnItsSideIsTurnedUpright()
    {
        // Turned clockwise, the left column becomes the top row.
        byte[] seen = MirrorRig.Pattern(H, W, 3);
        FakeWebCam.SetFrames(H, W, seen);
        FakeWebCam.RotationAngle = 90;
        _rig.BeginLive();
        Assert.AreEqual(MirrorRig.Moved(seen, H, W, H, (x, y) => H - 1 - y, (x, y) => x), _rig.Shown);
    }

    [Test]
    public void ACameraOnItsOtherSideIsTurnedUpright()
    {
        byte[] seen = MirrorRig.Pattern(H, W, 3);
        FakeWebCam.SetFrames(H, W, seen);
        FakeWebCam.RotationAngle = 270;
        FakeWebCam.VerticallyMirrored = true;
        _rig.BeginLive();
        // First flipped, then turned: the right column becomes the top row.
        Assert.AreEqual(MirrorRig.Moved(seen, H, W, H, (x, y) => y, (x, y) => x), _rig.Shown);
    }

    [Test]
    public void AWiderCameraIsCutNotStretched()
    {
        byte[] seen = MirrorRig.Pattern(96, H, 5);
        FakeWebCam.SetFrames(96, H, seen);
        _rig.BeginLive();
        Assert.AreEqual(MirrorRig.Moved(seen, 96, W, H, (x, y) => x + 16, (x, y) => y), _rig.Shown);
    }

    [Test]
    public void ATallerCameraIsCutNotStretched()
    {
        byte[] seen = MirrorRig.Pattern(W, 80, 5);
        FakeWebCam.SetFrames(W, 80, seen);
        _rig.BeginLive();
        Assert.AreEqual(MirrorRig.Moved(seen, W, W, H, (x, y) => x, (x, y) => y + 16), _rig.Shown);
    }

    [Test]
    public void LeftAndRightAreExchangedInAMirror()
    {
        _rig.Mirror.Mirror = true;
        _rig.BeginLive();
        byte[] straight = MirrorRig.Pattern(W, H, 1);
        Assert.AreEqual(MirrorRig.Mirrored(straight, W, H), _rig.Shown);
        _rig.Mirror.Mirror = false;
        _rig.UntilShown(straight, "the change of the option");
    }

    [Test]
    public void WhatIsWornSitsOnTop()
    {
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#ff0000";
        _rig.BeginLive();
        Assert.AreEqual(MirrorRig.Hat(MirrorRig.Pattern(W, H, 1), W, H, 255, 0, 0), _rig.Shown);
    }

    [Test]
    public void WhatIsWornChangesWithoutANewStream()
    {
        byte[] bare = MirrorRig.Pattern(W, H, 1);
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#ff0000";
        _rig.BeginLive();
        _rig.Mirror.Colour = "#0000ff";
        _rig.UntilShown(MirrorRig.Hat(bare, W, H, 0, 0, 255), "the blue hat");
        _rig.Mirror.SetLayers(new TryOnLayer("hat", "M", "#00ff00"), new TryOnLayer("scarf"));
        _rig.UntilShown(MirrorRig.Hat(bare, W, H, 0, 255, 0), "the green hat");
        _rig.Mirror.Product = "";
        _rig.UntilShown(bare, "nothing worn");
        Assert.AreEqual(3L, _rig.Count("layers"));
        Assert.AreEqual(0L, _rig.Count("cancels"));
        Assert.AreEqual(0L, _rig.Mirror.Counters.Failed);
    }

    [Test]
    public void AnOverlayLiesBeforeTheSource()
    {
        var background = new GameObject("background").AddComponent<RawImage>();
        _rig.Mirror.Background = background;
        _rig.Mirror.Output = MirrorOutput.Overlay;
        _rig.Mirror.Mirror = true;
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#ff0000";
        _rig.Begin();
        _rig.Unity.Step();
        Assert.AreEqual(new byte[4], _rig.Shown, "nothing is worn yet, and no white square is seen");
        _rig.UntilShown(MirrorRig.Hat(new byte[W * H * 4], W, H, 255, 0, 0), "the overlay");
        byte[] behind = MirrorRig.Mirrored(MirrorRig.Pattern(W, H, 1), W, H);
        Assert.AreEqual(behind, FakeGpu.Pixels(background.texture));
        FakeWebCam.SetFrames(W, H, MirrorRig.Pattern(W, H, 40));
        _rig.Unity.Steps(3);
        Assert.AreEqual(MirrorRig.Mirrored(MirrorRig.Pattern(W, H, 40), W, H), FakeGpu.Pixels(background.texture), "live");
        _rig.Mirror.Output = MirrorOutput.Composite;
        _rig.Until(() => background.texture == null, "the background's end");
    }

    [Test]
    public void ARendererShowsItOnItsOwnMaterial()
    {
        Renderer quad = GameObject.CreatePrimitive(PrimitiveType.Quad).GetComponent<Renderer>();
        Material shared = quad.sharedMaterial;
        _rig.Mirror.TargetRenderer = quad;
        _rig.BeginLive();
        var block = new MaterialPropertyBlock();
        quad.GetPropertyBlock(block);
        Assert.IsTrue(ReferenceEquals(block.GetTexture("_MainTex"), _rig.Mirror.Texture), "built-in pipeline");
        Assert.IsTrue(ReferenceEquals(block.GetTexture("_BaseMap"), _rig.Mirror.Texture), "scriptable pipelines");
        Assert.IsTrue(ReferenceEquals(shared, quad.sharedMaterial), "other objects with the material do not change");
        _rig.Mirror.enabled = false;
        Assert.IsFalse(quad.HasPropertyBlock(), "put back");
    }

    [Test]
    public void AnotherSizeIsTakenWhileItRuns()
    {
        _rig.BeginLive();
        _rig.Mirror.Width = 32;
        _rig.Mirror.Height = 24;
        _rig.Until(() => _rig.Target.texture.width == 32 && _rig.Target.texture.height == 24, "the small picture");
        _rig.Mirror.Width = W;
        _rig.Mirror.Height = H;
        _rig.UntilShown(MirrorRig.Pattern(W, H, 1), "the large picture");
        Assert.AreEqual(4, FakeMemory.LiveArrays, "the buffers of other sizes are gone");
        Assert.AreEqual(0L, _rig.Mirror.Counters.Failed);
    }
}
