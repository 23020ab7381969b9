using UnityEngine;

namespace Vitrine
{
    /// <summary>
    /// A webcam: asks for permission, starts it, and starts it again when it falls silent or is plugged in later.
    /// </summary>
    internal sealed class WebCamSource : IFrameSource
    {
        // Until its first frame a WebCamTexture claims to be 16 pixels wide.
        private const int PlaceholderPixels = 16;
        private const long SilentUs = 5000000;
        private const long LookUs = 1000000;
        private const int RetryFirstMs = 2000;
        private const int RetryLimitMs = 30000;
        private const double Spread = 0.99;

        private readonly string _device;
        private readonly int _width;
        private readonly int _height;
        private readonly int _rate;
        // Looking for cameras and starting one can stop a frame: tried less and less often.
        private readonly Backoff _backoff = new Backoff(RetryFirstMs, RetryLimitMs);
        private WebCamTexture _camera;
        private AsyncOperation _asking;
        private bool _asked;
        private bool _fresh;
        private long _nextUs = long.MinValue;
        private long _heardUs;

        /// <summary>
        /// <paramref name="device"/>: the camera's name, empty for the system's first; size and rate are wishes.
        /// </summary>
        internal WebCamSource(string device, int width, int height, int rate)
        {
            _device = device ?? "";
            _width = width;
            _height = height;
            _rate = rate;
        }

        public FrameSourceState State { get; private set; }

        public bool IsStill
        {
            get { return false; }
        }

        public SourcePicture Picture
        {
            get
            {
                bool shows = _camera != null && State == FrameSourceState.Live;
                return shows
                    ? new SourcePicture(_camera, _camera.videoRotationAngle / 90, _camera.videoVerticallyMirrored)
                    : default(SourcePicture);
            }
        }

        public void Tick(long nowUs)
        {
            if (!IsAllowed(nowUs))
            {
                return;
            }
            if (_camera == null)
            {
                if (nowUs >= _nextUs) { Begin(nowUs); }
            }
            else if (_camera.didUpdateThisFrame && _camera.width > PlaceholderPixels)
            {
                State = FrameSourceState.Live;
                _fresh = true;
                _heardUs = nowUs;
                _backoff.Reset();
            }
            else if (nowUs - _heardUs > SilentUs)
            {
                State = FrameSourceState.Silent;
                Drop();
                PauseFrom(nowUs);
            }
        }

        public bool HasNew(int revision)
        {
            return _fresh;
        }

        public void MarkTaken(int revision)
        {
            _fresh = false;
        }

        public void Dispose()
        {
            Drop();
        }

        private bool IsAllowed(long nowUs)
        {
            if (_camera != null)
            {
                return true;
            }
            if (_asking != null)
            {
                if (!_asking.isDone) { return false; }
                _asking = null;
            }
            else if (State == FrameSourceState.NoPermission && nowUs < _nextUs)
            {
                return false;
            }
            if (Application.HasUserAuthorization(UserAuthorization.WebCam))
            {
                if (State == FrameSourceState.NoPermission) { State = FrameSourceState.Waiting; }
                return true;
            }
            if (!_asked)
            {
                _asked = true;
                _asking = Application.RequestUserAuthorization(UserAuthorization.WebCam);
                return false;
            }
            // The person may change it in the system's settings at any time.
            State = FrameSourceState.NoPermission;
            _nextUs = nowUs + LookUs;
            return false;
        }

        private void Begin(long nowUs)
        {
            if (!IsPlugged())
            {
                State = FrameSourceState.NoCamera;
                PauseFrom(nowUs);
                return;
            }
            if (State == FrameSourceState.NoCamera) { State = FrameSourceState.Waiting; }
            _camera = _device.Length == 0
                ? new WebCamTexture(_width, _height, _rate) : new WebCamTexture(_device, _width, _height, _rate);
            _camera.Play();
            _heardUs = nowUs;
        }

        private bool IsPlugged()
        {
            WebCamDevice[] devices = WebCamTexture.devices;
            for (int i = 0; i < devices.Length; i++)
            {
                if (_device.Length == 0 || devices[i].name == _device) { return true; }
            }
            return false;
        }

        private void PauseFrom(long nowUs)
        {
            _nextUs = nowUs + _backoff.NextMs(Spread) * 1000L;
        }

        private void Drop()
        {
            _fresh = false;
            if (_camera != null)
            {
                _camera.Stop();
                Object.Destroy(_camera);
                _camera = null;
            }
        }
    }
}
