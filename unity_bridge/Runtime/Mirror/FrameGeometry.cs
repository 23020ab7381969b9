using UnityEngine;

namespace Vitrine
{
    /// <summary>Which part of a picture is drawn over the whole of a target, as scale and offset of a blit.</summary>
    internal readonly struct FrameGeometry
    {
        internal FrameGeometry(Vector2 scale, Vector2 offset)
        {
            Scale = scale;
            Offset = offset;
        }

        internal Vector2 Scale { get; }

        internal Vector2 Offset { get; }

        /// <summary>
        /// The middle of the picture in the target's shape, so that a face is not stretched; flipped, and turned by half
        /// where the picture asks for two quarters or more. What is left is at most one quarter clockwise.
        /// </summary>
        /// <param name="picture">The picture.</param>
        /// <param name="width">The target's width; its shape before the quarter turn that is left.</param>
        /// <param name="height">The target's height.</param>
        /// <param name="mirrored">Whether left and right are exchanged too.</param>
        internal static FrameGeometry Of(in SourcePicture picture, int width, int height, bool mirrored)
        {
            float across = picture.Texture.width * (float)height, down = picture.Texture.height * (float)width;
            float x = Mathf.Min(1, down / across), y = Mathf.Min(1, across / down);
            bool half = picture.QuarterTurns >= 2;
            // A quarter turn that comes later makes left and right of what is up and down now.
            bool sideways = (picture.QuarterTurns & 1) != 0;
            bool backwards = half ^ (mirrored && !sideways);
            bool upsideDown = half ^ picture.IsFlipped ^ (mirrored && sideways);
            return new FrameGeometry(
                new Vector2(backwards ? -x : x, upsideDown ? -y : y),
                new Vector2(backwards ? (1 + x) / 2 : (1 - x) / 2, upsideDown ? (1 + y) / 2 : (1 - y) / 2));
        }
    }
}
