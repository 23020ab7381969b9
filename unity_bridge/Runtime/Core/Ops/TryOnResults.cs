using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>A picture with what is worn.</summary>
    public sealed class TryOnResult : PictureResult
    {
        private readonly VitrineImage _image;
        private readonly Dictionary<string, VitrineImage> _masks = new Dictionary<string, VitrineImage>();

        private TryOnResult(OpMap map) : base(map)
        {
            Reason = Reason.From(map);
            HasImage = TryOnPart.ReadImage(map, Reason != null, out _image);
            Confidence = map.Number("confidence");
            Fit = WornFit.From(map);
            if (map.Has("masks"))
            {
                OpMap masks = map.Map("masks");
                foreach (string name in masks.Keys()) { _masks[name] = masks.Image(name); }
            }
        }

        /// <summary>Whether there is a picture; without one, <see cref="Reason"/> says why.</summary>
        public bool HasImage { get; }

        /// <summary>The picture; empty if there is none.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        /// <summary>From 0 to 1; 0 where nothing could be shown.</summary>
        public double Confidence { get; }

        /// <summary>Why something could not be shown; null if all is.</summary>
        public Reason Reason { get; }

        /// <summary>How what is worn fits; null if that is not known.</summary>
        public WornFit Fit { get; }

        /// <summary>The masks that came: <c>person</c>, and one for each kind that is worn.</summary>
        public IEnumerable<string> MaskNames
        {
            get { return _masks.Keys; }
        }

        /// <summary>Finds a mask: 1 byte a pixel, the size of the picture, 255 where it is.</summary>
        public bool TryGetMask(string name, out VitrineImage mask)
        {
            if (name == null) { throw new ArgumentNullException(nameof(name)); }
            bool found = _masks.TryGetValue(name, out mask);
            mask = Live(mask);
            return found;
        }

        internal static TryOnResult Read(OpMap map)
        {
            return new TryOnResult(map);
        }
    }

    /// <summary>The answer to one frame of a live try-on.</summary>
    public sealed class TryOnFrame : PictureResult
    {
        private readonly VitrineImage _image;

        private TryOnFrame(OpMap map) : base(map)
        {
            Number = map.Int("n");
            TimeUs = map.Int("t_us");
            Reason = Reason.From(map);
            HasImage = TryOnPart.ReadImage(map, Reason != null, out _image);
            Confidence = map.Number("confidence");
            Fit = WornFit.From(map);
        }

        /// <summary>The number that the frame was pushed with.</summary>
        public long Number { get; }

        /// <summary>The time that the frame was pushed with, microseconds.</summary>
        public long TimeUs { get; }

        /// <summary>Whether there is a picture; without one, <see cref="Reason"/> says why.</summary>
        public bool HasImage { get; }

        /// <summary>The picture, perhaps in shared memory until this is disposed; empty if there is none.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        /// <summary>From 0 to 1; 0 where nothing could be shown.</summary>
        public double Confidence { get; }

        /// <summary>Why something could not be shown; null if all is.</summary>
        public Reason Reason { get; }

        /// <summary>How what is worn fits; null if that is not known.</summary>
        public WornFit Fit { get; }

        internal static TryOnFrame Read(OpMap map)
        {
            return new TryOnFrame(map);
        }
    }

    /// <summary>How a live try-on went.</summary>
    public sealed class TryOnSummary
    {
        private TryOnSummary(OpMap map)
        {
            FramesIn = map.Int("frames_in");
            FramesOut = map.Int("frames_out");
            Superseded = map.Int("superseded");
        }

        /// <summary>Frames that were sent.</summary>
        public long FramesIn { get; }
        /// <summary>Frames that were answered.</summary>
        public long FramesOut { get; }
        /// <summary>Frames that a newer one replaced.</summary>
        public long Superseded { get; }

        internal static TryOnSummary Read(OpMap map)
        {
            return new TryOnSummary(map);
        }
    }

    /// <summary>The person with what is worn, from one side.</summary>
    public sealed class TryOnView : PictureResult
    {
        private readonly VitrineImage _image;

        private TryOnView(OpMap map) : base(map)
        {
            YawDeg = map.Number("yaw_deg");
            Reason = Reason.From(map);
            HasImage = TryOnPart.ReadImage(map, Reason != null, out _image);
            Confidence = map.Number("confidence");
        }

        /// <summary>The angle around the vertical, degrees.</summary>
        public double YawDeg { get; }

        /// <summary>Whether there is a picture; without one, <see cref="Reason"/> says why.</summary>
        public bool HasImage { get; }

        /// <summary>The picture; empty if there is none.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        /// <summary>From 0 to 1.</summary>
        public double Confidence { get; }

        /// <summary>Why something could not be shown; null if all is.</summary>
        public Reason Reason { get; }

        internal static TryOnView Read(OpMap map)
        {
            return new TryOnView(map);
        }
    }

    /// <summary>Which size fits.</summary>
    public sealed class SizeAdvice
    {
        private SizeAdvice(OpMap map)
        {
            Size = map.Text("size");
            EaseCm = map.NumbersByName("ease_cm");
            Alternatives = map.Value("alternatives");
            Why = map.TextOrTexts("why");
        }

        /// <summary>The size to take.</summary>
        public string Size { get; }

        /// <summary>Room between body and garment by zone, cm; below 0 where it is tight.</summary>
        public IReadOnlyDictionary<string, double> EaseCm { get; }

        /// <summary>Other sizes to think of, in the form that the server gives them.</summary>
        public WireValue Alternatives { get; }

        /// <summary>Why this size, in plain sentences.</summary>
        public IReadOnlyList<string> Why { get; }

        internal static SizeAdvice Read(OpMap map)
        {
            return new SizeAdvice(map);
        }
    }
}
