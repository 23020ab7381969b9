using UnityEngine;

namespace Vitrine
{
    /// <summary>A picture that was taken before: sent once, and again whenever something else is worn.</summary>
    internal sealed class PictureSource : IFrameSource
    {
        private readonly SourcePicture _picture;
        private int _taken;
        private bool _isTaken;

        internal PictureSource(SourcePicture picture)
        {
            _picture = picture;
        }

        public FrameSourceState State
        {
            get { return _picture.Texture == null ? FrameSourceState.NoPicture : FrameSourceState.Live; }
        }

        public bool IsStill
        {
            get { return true; }
        }

        public SourcePicture Picture
        {
            get { return _picture; }
        }

        public void Tick(long nowUs)
        {
        }

        public bool HasNew(int revision)
        {
            return _picture.Texture != null && (!_isTaken || _taken != revision);
        }

        public void MarkTaken(int revision)
        {
            _isTaken = true;
            _taken = revision;
        }

        public void Dispose()
        {
        }
    }
}
