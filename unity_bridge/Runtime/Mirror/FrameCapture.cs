using System;
using System.Collections.Generic;
using UnityEngine;

namespace Vitrine
{
    /// <summary>
    /// From a source's picture to raw pixels, without waiting: the card scales, flips and turns it into a render
    /// texture, and copies that into a pooled buffer some frames later.
    /// </summary>
    internal sealed class FrameCapture : IDisposable
    {
        private readonly IReadbackSink _sink;
        private readonly List<ReadbackRing> _retired = new List<ReadbackRing>();
        private ReadbackRing _ring;
        private RenderTexture _scaled;

        internal FrameCapture(IReadbackSink sink)
        {
            _sink = sink;
        }

        /// <summary>
        /// Begins to take a picture as <paramref name="width"/> x <paramref name="height"/> pixels, upright; false when
        /// every buffer is busy.
        /// </summary>
        internal bool TryBegin(in SourcePicture picture, int width, int height, long timeUs)
        {
            bool sideways = (picture.QuarterTurns & 1) != 0;
            Fit(sideways ? height : width, sideways ? width : height);
            FrameSlot slot;
            if (!_ring.TryRent(out slot))
            {
                return false;
            }
            FrameGeometry geometry = FrameGeometry.Of(picture, _ring.Width, _ring.Height, false);
            Graphics.Blit(picture.Texture, _scaled, geometry.Scale, geometry.Offset);
            _ring.Read(_scaled, slot, picture.QuarterTurns & 1, timeUs);
            return true;
        }

        /// <summary>Frees what was waiting for a last reader; once a frame.</summary>
        internal void Tick()
        {
            for (int i = _retired.Count - 1; i >= 0; i--)
            {
                if (_retired[i].TryFree()) { _retired.RemoveAt(i); }
            }
        }

        /// <summary>Ends; memory that the card still writes to is freed when it has finished.</summary>
        public void Dispose()
        {
            Drop();
            Tick();
        }

        private void Fit(int width, int height)
        {
            if (_ring != null && _ring.Width == width && _ring.Height == height)
            {
                return;
            }
            Drop();
            _ring = new ReadbackRing(width, height, _sink);
            _scaled = Scratch(width, height);
        }

        private void Drop()
        {
            if (_ring == null)
            {
                return;
            }
            _ring.Retire();
            _retired.Add(_ring);
            _ring = null;
            Release(_scaled);
            _scaled = null;
        }

        /// <summary>A render texture whose bytes are sRGB in projects of either colour space.</summary>
        internal static RenderTexture Scratch(int width, int height)
        {
            return new RenderTexture(width, height, 0, RenderTextureFormat.ARGB32, RenderTextureReadWrite.sRGB)
            {
                name = "Vitrine frame"
            };
        }

        internal static void Release(RenderTexture texture)
        {
            if (texture != null)
            {
                texture.Release();
                UnityEngine.Object.Destroy(texture);
            }
        }
    }
}
