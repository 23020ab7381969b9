using System;

namespace Vitrine
{
    /// <summary>
    /// How what is worn fits. The contract leaves the form to the server: what this version knows is typed, null where
    /// it is not there, and the rest is in <see cref="Data"/>.
    /// </summary>
    public sealed class WornFit
    {
        private WornFit(WireMap data)
        {
            Data = data;
            WireValue part;
            if (data.TryGet("glasses", out part) && part.Kind == WireKind.Map) { Glasses = new GlassesFit(part.AsMap); }
            if (data.TryGet("top", out part) && part.Kind == WireKind.Map) { Top = new TopFit(part.AsMap); }
        }

        /// <summary>The glasses; null if none are worn.</summary>
        public GlassesFit Glasses { get; }

        /// <summary>The top; null if none is worn.</summary>
        public TopFit Top { get; }

        /// <summary>All of it.</summary>
        public WireMap Data { get; }

        internal static WornFit From(OpMap map)
        {
            WireValue fit = map.Value("fit");
            return fit.Kind == WireKind.Map ? new WornFit(fit.AsMap) : null;
        }

        internal static string Text(WireMap map, string key)
        {
            WireValue value;
            return map.TryGet(key, out value) && value.Kind == WireKind.String ? value.AsString : null;
        }

        internal static double? Number(WireMap map, string key)
        {
            WireValue value;
            bool has = map.TryGet(key, out value) && (value.Kind == WireKind.Double || value.Kind == WireKind.Int);
            double number = has ? value.AsDouble : double.NaN;
            return double.IsNaN(number) || double.IsInfinity(number) ? (double?)null : number;
        }
    }

    /// <summary>How glasses fit.</summary>
    public sealed class GlassesFit
    {
        internal GlassesFit(WireMap map)
        {
            Size = WornFit.Text(map, "size");
            FrameMm = WornFit.Number(map, "frame_mm");
            FaceMm = WornFit.Number(map, "face_mm");
            Verdict = WornFit.Text(map, "verdict");
        }

        /// <summary>The size that is worn.</summary>
        public string Size { get; }
        /// <summary>Width of the frame, mm.</summary>
        public double? FrameMm { get; }
        /// <summary>Width of the face at the temples, mm.</summary>
        public double? FaceMm { get; }
        /// <summary><c>narrow</c>, <c>good</c> or <c>wide</c>.</summary>
        public string Verdict { get; }
    }

    /// <summary>How a top fits.</summary>
    public sealed class TopFit
    {
        internal TopFit(WireMap map)
        {
            Size = WornFit.Text(map, "size");
            Width = WornFit.Number(map, "width");
            Length = WornFit.Number(map, "length");
            ShouldersCm = WornFit.Number(map, "shoulders_cm");
        }

        /// <summary>The size that is worn.</summary>
        public string Size { get; }
        /// <summary>Its width as a factor of the base size's.</summary>
        public double? Width { get; }
        /// <summary>Its length as a factor of the base size's.</summary>
        public double? Length { get; }
        /// <summary>Estimated width of the person's shoulders, cm.</summary>
        public double? ShouldersCm { get; }
    }
}
