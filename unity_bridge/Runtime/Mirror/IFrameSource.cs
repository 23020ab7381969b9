using System;
using UnityEngine;

namespace Vitrine
{
    /// <summary>A picture as its source holds it, and how it has to be turned to stand upright.</summary>
    internal readonly struct SourcePicture
    {
        internal SourcePicture(Texture texture, int quarterTurns, bool flipped)
        {
            Texture = texture;
            QuarterTurns = quarterTurns & 3;
            IsFlipped = flipped;
        }

        /// <summary>The picture; null for none.</summary>
        internal Texture Texture { get; }

        /// <summary>Quarter turns clockwise, after the flip.</summary>
        internal int QuarterTurns { get; }

        /// <summary>Whether the top row lies where the bottom row should.</summary>
        internal bool IsFlipped { get; }
    }

    /// <summary>Where the pictures of a mirror come from. Never waits and never throws.</summary>
    internal interface IFrameSource : IDisposable
    {
        /// <summary>Where it stands.</summary>
        FrameSourceState State { get; }

        /// <summary>Whether it is one picture rather than a stream of them.</summary>
        bool IsStill { get; }

        /// <summary>The newest picture.</summary>
        SourcePicture Picture { get; }

        /// <summary>Goes on; once a frame.</summary>
        void Tick(long nowUs);

        /// <summary>Whether the picture has not been taken yet, in this revision for a still one.</summary>
        bool HasNew(int revision);

        /// <summary>The picture was taken.</summary>
        void MarkTaken(int revision);
    }
}
