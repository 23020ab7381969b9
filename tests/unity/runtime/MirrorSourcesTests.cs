using System;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>Webcams that are forbidden, missing, silent or unplugged; cameras of the scene; pictures taken before.</summary>
[TestFixture]
public sealed class MirrorSourcesTests : IDisposable
{
    private const int W = MirrorRig.Width;
    private const int H = MirrorRig.Height;

    private readonly MirrorRig _rig = new MirrorRig();
    private readonly SteppedClock _clock = new SteppedClock();

    public void Dispose()
    {
        _rig.Dispose();
        Assert.AreEqual("", FakeLog.Faults);
    }

    [Test]
    public void PermissionIsAskedForOnceAndMayComeLater()
    {
        FakeApplication.Allowed = FakeApplication.WillAllow = 0;
        _rig.Mirror.Clock = _clock;
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.NoCameraPermission);
        Assert.AreEqual("The camera may not be used. Allow it in the system's privacy settings.", _rig.Mirror.StatusText);
        Assert.AreEqual(0, FakeWebCam.Looks + FakeWebCam.Plays);
        FakeApplication.Allowed = UserAuthorization.WebCam;
        _clock.NowUs += 2000000;
        _rig.UntilStatus(MirrorStatus.Live);
    }

    [Test]
    public void PermissionThatIsGivenStartsTheCamera()
    {
        FakeApplication.Allowed = 0;
        _rig.Begin();
        _rig.Unity.Step();
        Assert.AreEqual(0, FakeWebCam.Plays);
        _rig.UntilStatus(MirrorStatus.Live);
    }

    [Test]
    public void ACameraMayBePluggedInLater()
    {
        FakeWebCam.Devices.Clear();
        _rig.Mirror.Clock = _clock;
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.NoCamera);
        int looks = FakeWebCam.Looks;
        _rig.Unity.Steps(50);
        Assert.AreEqual(looks, FakeWebCam.Looks, "not looked for in each frame");
        FakeWebCam.Devices.Add("Late Camera");
        _clock.NowUs += 3000000;
        _rig.UntilStatus(MirrorStatus.Live);
    }

    [Test]
    public void ACameraThatWasUnpluggedIsTakenUpAgain()
    {
        _rig.Mirror.Clock = _clock;
        _rig.BeginLive();
        FakeWebCam.Unplug();
        _clock.NowUs += 6000000;
        _rig.UntilStatus(MirrorStatus.CameraSilent);
        _clock.NowUs += 6000000;
        _rig.UntilStatus(MirrorStatus.NoCamera);
        FakeWebCam.Devices.Add("Fake Camera");
        _clock.NowUs += 20000000;
        _rig.UntilStatus(MirrorStatus.Live);
        Assert.AreEqual(1, FakeWebCam.Running);
    }

    [Test]
    public void ANamedCameraIsTheOneThatIsTaken()
    {
        FakeWebCam.Devices.Add("Desk Camera");
        _rig.Mirror.CameraName = "Shelf Camera";
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.NoCamera);
        _rig.Mirror.CameraName = "Desk Camera";
        _rig.UntilStatus(MirrorStatus.Live);
    }

    [Test]
    public void ACameraOfTheSceneLendsItsPictures()
    {
        Camera camera = new GameObject("camera").AddComponent<Camera>();
        _rig.Mirror.SourceCamera = camera;
        _rig.Mirror.Source = MirrorSource.Camera;
        _rig.Begin();
        _rig.Unity.Step();
        Assert.AreEqual(W + "x" + H, camera.targetTexture.width + "x" + camera.targetTexture.height);
        byte[] rendered = MirrorRig.Pattern(W, H, 9);
        FakeGpu.Render(camera.targetTexture, rendered);
        _rig.UntilStatus(MirrorStatus.Live);
        Assert.AreEqual(rendered, _rig.Shown);
        Assert.AreEqual(0, FakeWebCam.Plays);
        _rig.Mirror.Source = MirrorSource.WebCam;
        _rig.UntilShown(MirrorRig.Pattern(W, H, 1), "the webcam");
        Assert.IsTrue(ReferenceEquals(camera.targetTexture, null), "the camera was given back as it was");
    }

    [Test]
    public void ATextureThatACameraHasAlreadyStays()
    {
        Camera camera = new GameObject("camera").AddComponent<Camera>();
        var own = new RenderTexture(W, H, 24);
        camera.targetTexture = own;
        FakeGpu.Render(own, MirrorRig.Pattern(W, H, 9));
        _rig.Mirror.SourceCamera = camera;
        _rig.Mirror.Source = MirrorSource.Camera;
        _rig.BeginLive();
        Assert.AreEqual(MirrorRig.Pattern(W, H, 9), _rig.Shown);
        _rig.Mirror.enabled = false;
        _rig.Unity.Step();
        Assert.IsTrue(camera.targetTexture == own && own, "left as it was");
    }

    [Test]
    public void APictureIsSentOnceAndAgainWhenSomethingElseIsWorn()
    {
        byte[] taken = MirrorRig.Pattern(W, H, 77);
        _rig.Mirror.Picture = Picture(taken);
        _rig.Mirror.Source = MirrorSource.Picture;
        _rig.BeginLive();
        Assert.AreEqual(taken, _rig.Shown);
        _rig.Unity.Steps(50);
        Assert.AreEqual(1L, _rig.Count("frames"));
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#ff0000";
        _rig.UntilShown(MirrorRig.Hat(taken, W, H, 255, 0, 0), "the hat");
        _rig.Unity.Steps(50);
        Assert.AreEqual(2L, _rig.Count("frames"));
        Assert.AreEqual(0, FakeWebCam.Plays);
        Assert.AreEqual(0L, _rig.Mirror.Counters.Superseded + _rig.Mirror.Counters.Failed);
    }

    [Test]
    public void APictureIsSentAgainToAServerThatWasRestarted()
    {
        byte[] taken = MirrorRig.Pattern(W, H, 77);
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#ff0000";
        _rig.Mirror.Picture = Picture(taken);
        _rig.Mirror.Source = MirrorSource.Picture;
        _rig.BeginLive();
        _rig.Server.Kill();
        _rig.UntilShown(taken, "the picture as it is");
        _rig.Server.Begin();
        _rig.UntilShown(MirrorRig.Hat(taken, W, H, 255, 0, 0), "the hat");
    }

    [Test]
    public void APictureWhoseReadBackFailedIsTakenAgain()
    {
        _rig.Mirror.Clock = _clock;
        _rig.Mirror.Picture = Picture(MirrorRig.Pattern(W, H, 77));
        _rig.Mirror.Source = MirrorSource.Picture;
        FakeGpu.FailReadbacks = true;
        _rig.Begin();
        _rig.Until(() => _rig.Mirror.Counters.Failed == 1, "the failure");
        FakeGpu.FailReadbacks = false;
        _rig.Unity.Steps(20);
        Assert.AreEqual(MirrorStatus.WaitingForAnswer, _rig.Mirror.Status);
        _clock.NowUs += 2000000;
        _rig.UntilStatus(MirrorStatus.Live);
    }

    [Test]
    public void WithoutAPictureOneIsAskedFor()
    {
        _rig.Mirror.Source = MirrorSource.Picture;
        _rig.Begin();
        _rig.UntilStatus(MirrorStatus.NoPicture);
        Assert.AreEqual("Take a picture first, before you put the headset on.", _rig.Mirror.StatusText);
        Assert.IsFalse(_rig.Mirror.Capture(), "there is no camera to take one with");
        _rig.Mirror.Picture = Picture(MirrorRig.Pattern(W, H, 4));
        _rig.UntilShown(MirrorRig.Pattern(W, H, 4), "the picture");
    }

    [Test]
    public void ThePictureCanBeTakenWithTheWebcam()
    {
        Assert.IsFalse(_rig.Mirror.Capture(), "not before it runs");
        _rig.BeginLive();
        Assert.IsTrue(_rig.Mirror.Capture(), "taken");
        Assert.AreEqual(MirrorSource.Picture, _rig.Mirror.Source);
        FakeWebCam.SetFrames(W, H, MirrorRig.Pattern(W, H, 200));
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#00ff00";
        _rig.UntilShown(MirrorRig.Hat(MirrorRig.Pattern(W, H, 1), W, H, 0, 255, 0), "the picture with the hat");
        Assert.AreEqual(0, FakeWebCam.Running, "the camera is off");
        _rig.Mirror.enabled = false;
        _rig.Unity.Step();
        _rig.Mirror.enabled = true;
        _rig.UntilShown(MirrorRig.Hat(MirrorRig.Pattern(W, H, 1), W, H, 0, 255, 0), "it is kept");
        _rig.Mirror.Source = MirrorSource.WebCam;
        _rig.UntilShown(MirrorRig.Hat(MirrorRig.Pattern(W, H, 200), W, H, 0, 255, 0), "the webcam again");
        Assert.IsTrue(_rig.Mirror.Capture(), "another one");
        _rig.UntilShown(MirrorRig.Hat(MirrorRig.Pattern(W, H, 200), W, H, 0, 255, 0), "the other picture");
    }

    [Test]
    public void APictureFromACameraOnItsSideStandsUpright()
    {
        byte[] seen = MirrorRig.Pattern(H, W, 3);
        FakeWebCam.SetFrames(H, W, seen);
        FakeWebCam.RotationAngle = 270;
        _rig.BeginLive();
        byte[] upright = MirrorRig.Moved(seen, H, W, H, (x, y) => y, (x, y) => W - 1 - x);
        Assert.AreEqual(upright, _rig.Shown);
        Assert.IsTrue(_rig.Mirror.Capture(), "taken");
        _rig.Mirror.Product = "hat";
        _rig.Mirror.Colour = "#00ff00";
        _rig.UntilShown(MirrorRig.Hat(upright, W, H, 0, 255, 0), "upright with a hat");
    }

    private static Texture2D Picture(byte[] pixels)
    {
        var picture = new Texture2D(W, H, TextureFormat.RGBA32, false);
        picture.LoadRawTextureData(pixels);
        picture.Apply(false, true);
        return picture;
    }
}

/// <summary>A clock that the test moves.</summary>
internal sealed class SteppedClock : IVitrineClock
{
    public long NowUs { get; set; } = 1000000;

    public bool Wait(System.Threading.WaitHandle until, int milliseconds)
    {
        return until.WaitOne(milliseconds);
    }
}
