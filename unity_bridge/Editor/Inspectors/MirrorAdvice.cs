using System.Collections.Generic;

namespace Vitrine.Editor
{
    /// <summary>What a mirror lacks, as sentences that say what to do.</summary>
    public static class MirrorAdvice
    {
        private const int LargePixels = 1280 * 720;

        /// <summary>What keeps the mirror from working; empty when nothing does.</summary>
        public static IReadOnlyList<string> Faults(TryOnMirror mirror)
        {
            var found = new List<string>();
            if (!HasTarget(mirror))
            {
                found.Add("Nothing shows the mirror. Assign a Raw Image as Target, or a Renderer.");
            }
            if (mirror.Source == MirrorSource.Camera && mirror.SourceCamera == null)
            {
                found.Add("The source is a camera of the scene, and none is assigned. Assign one as Camera, or choose Web Cam.");
            }
            if (mirror.Source == MirrorSource.Picture && mirror.Picture == null)
            {
                found.Add("The source is a picture, and there is none. Assign one, or call Capture() before the headset goes on.");
            }
            return found;
        }

        /// <summary>What works and could be better; empty when all is well.</summary>
        public static IReadOnlyList<string> Hints(TryOnMirror mirror, bool hasPacer)
        {
            var found = new List<string>();
            if (mirror.Product.Trim().Length == 0)
            {
                found.Add("Nothing is worn until a product is named, or a script calls SetLayers.");
            }
            if (mirror.Width * mirror.Height > LargePixels)
            {
                found.Add("Frames this large cost time at every step. 640 x 480 is enough for a mirror in a headset.");
            }
            if (mirror.FramesPerSecond > 60 || mirror.FramesPerSecond <= 0)
            {
                found.Add("Webcams give 30 to 60 frames a second. A limit of 30 leaves the most to the game.");
            }
            if (mirror.Source == MirrorSource.WebCam)
            {
                found.Add("A headset covers the face: glasses then need the source Picture, taken by Capture() before.");
            }
            if (!hasPacer)
            {
                found.Add("No Frame Pacer is in the scene: the sidecar does not learn when the game misses frames.");
            }
            return found;
        }

        private static bool HasTarget(TryOnMirror mirror)
        {
#if VITRINE_UGUI
            if (mirror.Target != null) { return true; }
#endif
            return mirror.TargetRenderer != null;
        }
    }
}
