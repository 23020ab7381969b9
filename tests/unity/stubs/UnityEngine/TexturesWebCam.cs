using System;
using System.Collections.Generic;
using System.IO;
using UnityEngine.Fakes;

namespace UnityEngine
{
    public struct WebCamDevice
    {
        internal string Name;

        public string name
        {
            get { return Name; }
        }

        public bool isFrontFacing
        {
            get { return false; }
        }
    }

    /// <summary>A camera that shows what <see cref="FakeWebCam"/> holds before it.</summary>
    public sealed class WebCamTexture : Texture
    {
        private float _requestedFps;
        private bool _playing;

        public WebCamTexture(int requestedWidth, int requestedHeight, int requestedFPS)
            : this("", requestedWidth, requestedHeight, requestedFPS) { }

        public WebCamTexture(string deviceName, int requestedWidth, int requestedHeight, int requestedFPS)
        {
            this.deviceName = deviceName;
            this.requestedWidth = requestedWidth;
            this.requestedHeight = requestedHeight;
            _requestedFps = requestedFPS;
            SetSize(16, 16); // what the real one says until its first frame
        }

        public static WebCamDevice[] devices
        {
            get
            {
                FakeUnity.CheckThread("get_devices");
                FakeWebCam.Looks++;
                return FakeWebCam.Devices.ConvertAll(name => new WebCamDevice { Name = name }).ToArray();
            }
        }

        public string deviceName { get; set; }

        public int requestedWidth { get; set; }

        public int requestedHeight { get; set; }

        public float requestedFPS
        {
            get { return _requestedFps; }
            set { _requestedFps = value; }
        }

        public bool isPlaying
        {
            get { Check("get_isPlaying"); return _playing; }
        }

        public int videoRotationAngle
        {
            get { return FakeWebCam.RotationAngle; }
        }

        public bool videoVerticallyMirrored
        {
            get { return FakeWebCam.VerticallyMirrored; }
        }

        public bool didUpdateThisFrame { get; internal set; }

        public void Play()
        {
            Check("Play");
            FakeWebCam.Plays++;
            if (!Application.HasUserAuthorization(UserAuthorization.WebCam) || !IsThere)
            {
                Debug.LogWarning("Could not start the camera.");
                return;
            }
            _playing = true;
            FakeWebCam.Open(this);
        }

        public void Pause()
        {
            Stop();
        }

        public void Stop()
        {
            Check("Stop");
            _playing = didUpdateThisFrame = false;
            FakeWebCam.Close(this);
        }

        public Color32[] GetPixels32()
        {
            FakeGpu.SlowReads++;
            throw new NotSupportedException("the frame path must not read a camera's pixels on the main thread");
        }

        internal bool IsThere
        {
            get { return FakeWebCam.Devices.Count > 0 && (string.IsNullOrEmpty(deviceName) || FakeWebCam.Devices.Contains(deviceName)); }
        }

        internal unsafe void Show(byte[] rgba, int width, int height)
        {
            if (this.width != width || this.height != height) { SetSize(width, height); }
            rgba.AsSpan().CopyTo(new Span<byte>(Gpu(), Bytes));
            didUpdateThisFrame = true;
            updateCount++;
        }

        internal void Unplug()
        {
            _playing = didUpdateThisFrame = false;
        }

        internal override void OnDestroyed()
        {
            _playing = false;
            FakeWebCam.Close(this);
            base.OnDestroyed();
        }
    }
}

namespace UnityEngine.Fakes
{
    /// <summary>What the cameras see: a roll of frames, one a fake frame, over and over.</summary>
    public static class FakeWebCam
    {
        private static readonly List<WebCamTexture> Playing = new List<WebCamTexture>();
        private static byte[][] _frames = new byte[0][];
        private static int _width, _height, _next;

        static FakeWebCam()
        {
            FakeUnity.FrameBegan += Advance;
        }

        /// <summary>The cameras there are.</summary>
        public static List<string> Devices { get; } = new List<string> { "Fake Camera" };

        public static int RotationAngle { get; set; }

        public static bool VerticallyMirrored { get; set; }

        /// <summary>Frames of the game to a frame of the camera.</summary>
        public static int Every { get; set; } = 1;

        /// <summary>Whether the camera runs and gives nothing.</summary>
        public static bool Silent { get; set; }

        /// <summary>How often cameras were looked for, and started.</summary>
        public static int Looks { get; internal set; }

        public static int Plays { get; internal set; }

        /// <summary>Cameras that run.</summary>
        public static int Running
        {
            get { return Playing.Count; }
        }

        /// <summary>The number of the frame that is shown, from 0.</summary>
        public static int Shown
        {
            get { return _next - 1; }
        }

        /// <summary>Puts frames before the cameras: rgba8, rows bottom first.</summary>
        public static void SetFrames(int width, int height, params byte[][] frames)
        {
            foreach (byte[] frame in frames)
            {
                if (frame.Length != width * height * 4) { throw new ArgumentException("not width * height * 4 bytes"); }
            }
            _frames = frames;
            _width = width;
            _height = height;
            _next = 0;
        }

        /// <summary>Puts the frames of a raw file before the cameras.</summary>
        public static void SetFile(string path, int width, int height)
        {
            byte[] all = File.ReadAllBytes(path);
            int size = width * height * 4;
            if (all.Length == 0 || all.Length % size != 0) { throw new ArgumentException("the file does not hold whole rgba8 frames"); }
            var frames = new byte[all.Length / size][];
            for (int i = 0; i < frames.Length; i++) { frames[i] = all.AsSpan().Slice(i * size, size).ToArray(); }
            SetFrames(width, height, frames);
        }

        /// <summary>Pulls every camera's cable.</summary>
        public static void Unplug()
        {
            Devices.Clear();
            foreach (WebCamTexture camera in Playing) { camera.Unplug(); }
            Playing.Clear();
        }

        internal static void Open(WebCamTexture camera)
        {
            if (!Playing.Contains(camera)) { Playing.Add(camera); }
        }

        internal static void Close(WebCamTexture camera)
        {
            Playing.Remove(camera);
        }

        internal static void Reset()
        {
            Playing.Clear();
            Devices.Clear();
            Devices.Add("Fake Camera");
            SetFrames(0, 0);
            RotationAngle = Looks = Plays = 0;
            VerticallyMirrored = Silent = false;
            Every = 1;
        }

        private static void Advance()
        {
            bool due = _frames.Length > 0 && !Silent && FakeTime.Frames % Every == 0 && Playing.Count > 0;
            long start = FakeGpu.Begin();
            for (int i = 0; i < Playing.Count; i++)
            {
                if (due) { Playing[i].Show(_frames[_next % _frames.Length], _width, _height); }
                else { Playing[i].didUpdateThisFrame = false; }
            }
            FakeGpu.End(start);
            if (due) { _next++; }
        }
    }
}
