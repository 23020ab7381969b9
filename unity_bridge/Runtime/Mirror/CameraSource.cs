using UnityEngine;

namespace Vitrine
{
    /// <summary>
    /// A camera of the scene: what it rendered in the frame before. It needs a render texture of its own to be read
    /// back; one that it has already is used as it is.
    /// </summary>
    internal sealed class CameraSource : IFrameSource
    {
        private const int DepthBits = 24;

        private readonly Camera _camera;
        private readonly RenderTexture _own;
        private bool _fresh;
        private bool _rendered;

        internal CameraSource(Camera camera, int width, int height)
        {
            _camera = camera;
            if (camera != null && camera.targetTexture == null)
            {
                _own = new RenderTexture(width, height, DepthBits, RenderTextureFormat.ARGB32, RenderTextureReadWrite.sRGB)
                {
                    name = "Vitrine camera"
                };
                camera.targetTexture = _own;
            }
        }

        public FrameSourceState State { get; private set; }

        public bool IsStill
        {
            get { return false; }
        }

        public SourcePicture Picture
        {
            get { return new SourcePicture(_camera == null ? null : _camera.targetTexture, 0, false); }
        }

        public void Tick(long nowUs)
        {
            if (_camera == null || _camera.targetTexture == null)
            {
                State = FrameSourceState.NoCamera;
                _fresh = false;
                return;
            }
            bool renders = _camera.isActiveAndEnabled;
            // In the first frame nothing has been rendered yet.
            _fresh |= renders && _rendered;
            _rendered = renders;
            State = _fresh || (renders && State == FrameSourceState.Live) ? FrameSourceState.Live : FrameSourceState.Waiting;
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
            if (_own == null)
            {
                return;
            }
            if (_camera != null && _camera.targetTexture == _own) { _camera.targetTexture = null; }
            _own.Release();
            Object.Destroy(_own);
        }
    }
}
