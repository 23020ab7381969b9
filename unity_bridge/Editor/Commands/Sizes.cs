using System.Globalization;

namespace Vitrine.Editor
{
    /// <summary>Sizes as a person reads them, in powers of ten as the sidecar's own command line shows them.</summary>
    public static class Sizes
    {
        /// <summary>Such as <c>36 MB</c> or <c>1.2 GB</c>.</summary>
        public static string Of(double bytes)
        {
            if (bytes >= 1e9) { return (bytes / 1e9).ToString("0.0", CultureInfo.InvariantCulture) + " GB"; }
            if (bytes >= 1e7) { return (bytes / 1e6).ToString("0", CultureInfo.InvariantCulture) + " MB"; }
            if (bytes >= 1e5) { return (bytes / 1e6).ToString("0.0", CultureInfo.InvariantCulture) + " MB"; }
            return (bytes / 1e3).ToString("0", CultureInfo.InvariantCulture) + " kB";
        }
    }
}
