using System;
using UnityEngine;
using UnityEngine.Rendering;

namespace Vitrine
{
    // What Unity calls, and what happens in a frame; fields and public members are in the other file.
    public sealed partial class TryOnMirror
    {
        private void OnEnable()
        {
            Begin(_ownClient ?? VitrineClient.Shared);
        }

        private void Update()
        {
            if (_loop == null)
            {
                return;
            }
            Renew();
            if (_loop == null)
            {
                return;
            }
            Apply();
            _loop.Tick(LinkOf(_client.State), SideOf(_width), SideOf(_height));
            Present();
            Tell();
        }

        private void OnDisable()
        {
            End();
        }

        private void OnApplicationQuit()
        {
            _quitting = true;
        }

        private void OnDestroy()
        {
            ForgetCaptured();
        }

        private void Begin(VitrineClient client)
        {
            _client = client;
            _loop = new MirrorLoop(client, Options(), _clock, client.Latency);
            _applied = default(SourceKey);
            _wardrobe.Forget();
            _line.Chinese = VitrineSettings.Current.IsChinese;
#if VITRINE_UGUI
            _view = new MirrorView(_target, _renderer);
            _backView = new MirrorView(_background, null);
#else
            _view = new MirrorView(_renderer);
            _backView = new MirrorView(null);
#endif
        }

        private void End()
        {
            if (_loop == null)
            {
                return;
            }
            // At the end of the application no frame comes any more in which the card could say that it has finished.
            if (_quitting) { AsyncGPUReadback.WaitAllRequests(); }
            _view.End();
            _backView.End();
            _loop.Dispose();
            _loop = null;
            _shown = 0;
            SetStatus(MirrorStatus.Off);
            Write(true);
        }

        // The shared client is another one after it was shut down.
        private void Renew()
        {
            VitrineClient client = _ownClient ?? (_client.State == ClientState.Closed ? VitrineClient.Shared : _client);
            if (client != _client && (client.State != ClientState.Closed || client == _ownClient))
            {
                End();
                // A handler of the status may have switched the component off.
                if (isActiveAndEnabled) { Begin(client); }
            }
        }

        private void Apply()
        {
            var key = new SourceKey(this);
            if (!key.Equals(_applied))
            {
                _applied = key;
                _loop.SetSource(MakeSource());
            }
            TryOnLayer[] layers;
            if (_wardrobe.TryChange(_product, _size, _colour, out layers)) { _loop.Session.SetLayers(layers); }
            _loop.SetOptions(Options());
            _loop.RateLimit = _framesPerSecond;
            _loop.IsFlipped = _flipSource && _source != MirrorSource.Picture;
            _loop.NeedsThrough = _output == MirrorOutput.Overlay;
        }

        private IFrameSource MakeSource()
        {
            int width = SideOf(_width), height = SideOf(_height);
            switch (_source)
            {
                case MirrorSource.Camera: return new CameraSource(_camera, width, height);
                case MirrorSource.Picture:
                    return new PictureSource(new SourcePicture(Picture, _captured != null ? _capturedTurns : 0, false));
                default:
                    return new WebCamSource(_cameraName, width, height, Mathf.Max(1, Mathf.RoundToInt(_framesPerSecond)));
            }
        }

        private void Present()
        {
            Texture2D answer = _loop.Answer;
            Texture through = _loop.Through;
            if (_output == MirrorOutput.Overlay)
            {
                if (answer == null) { _view.ShowNothing(); }
                else { _view.Show(answer); }
                _backView.Show(through);
                return;
            }
            _backView.Show(null);
            _view.Show(answer != null ? answer : through);
        }

        private void Tell()
        {
            bool changed = _line.Set(_loop.Status, _loop.ServerText);
            if (_loop.Shown != _shown)
            {
                _shown = _loop.Shown;
                Raise(FrameShown);
            }
            SetStatus(_loop == null ? MirrorStatus.Off : _loop.Status);
            Write(changed);
        }

        private void Write(bool changed)
        {
#if VITRINE_UGUI
            if (_text != null && _line.IsDue(changed, _clock.NowUs))
            {
                _text.text = _line.Compose(_showFigures, AgeMs, Confidence);
            }
#endif
        }

        private void SetStatus(MirrorStatus status)
        {
            if (status == _status)
            {
                return;
            }
            _status = status;
            _line.Set(status, _loop == null ? null : _loop.ServerText);
            if (StatusChanged == null)
            {
                return;
            }
            try
            {
                StatusChanged(status);
            }
            catch (Exception error)
            {
                // The boundary to handlers that are not ours: the mirror must go on.
                Debug.LogException(error, this);
            }
        }

        private void Raise(Action<TryOnMirror> raised)
        {
            if (raised == null)
            {
                return;
            }
            try
            {
                raised(this);
            }
            catch (Exception error)
            {
                Debug.LogException(error, this);
            }
        }

        private void ForgetCaptured()
        {
            FrameCapture.Release(_captured);
            _captured = null;
        }

        private MirrorOptions Options()
        {
            return new MirrorOptions(_output == MirrorOutput.Overlay, _mirror);
        }

        private static int SideOf(int side)
        {
            return Mathf.Clamp(side, SmallestSide, LargestSide);
        }

        private static MirrorLink LinkOf(ClientState state)
        {
            switch (state)
            {
                case ClientState.Starting: return MirrorLink.Starting;
                case ClientState.Connecting: return MirrorLink.Connecting;
                case ClientState.Ready: return MirrorLink.Ready;
                case ClientState.Lost: return MirrorLink.Lost;
                default: return MirrorLink.Absent;
            }
        }

        /// <summary>What a source was made of, to see whether another is wanted.</summary>
        private readonly struct SourceKey
        {
            private readonly bool _made;
            private readonly MirrorSource _source;
            private readonly string _name;
            private readonly Camera _camera;
            private readonly Texture _picture;

            internal SourceKey(TryOnMirror mirror)
            {
                _made = true;
                _source = mirror._source;
                _name = mirror._cameraName;
                _camera = mirror._camera;
                _picture = mirror._source == MirrorSource.Picture ? mirror.Picture : null;
            }

            internal bool Equals(in SourceKey other)
            {
                return _made == other._made && _source == other._source && _name == other._name
                    && ReferenceEquals(_camera, other._camera) && ReferenceEquals(_picture, other._picture);
            }
        }
    }
}
