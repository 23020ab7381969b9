using System.Collections.Generic;
using System.Globalization;

namespace Vitrine.Editor
{
    /// <summary>What the running game measures of its mirrors.</summary>
    internal static class GameFigures
    {
        private static readonly Figure[] None = new Figure[0];

        /// <summary>Empty while no game uses the shared client.</summary>
        internal static IReadOnlyList<Figure> Read()
        {
            if (!VitrineClient.HasShared) { return None; }
            VitrineClient client = VitrineClient.Shared;
            LatencySnapshot shown = client.Latency.Snapshot();
            return new[]
            {
                new Figure("Game's connection", client.StateText),
                new Figure("Answers a second", One(shown.Rate)),
                new Figure("Age when shown, p50 and p95", One(shown.P50Ms) + " ms, " + One(shown.P95Ms) + " ms"),
                new Figure("Frames without an answer", shown.Missed.ToString(CultureInfo.InvariantCulture)),
                new Figure("Frames under way", shown.Pending.ToString(CultureInfo.InvariantCulture))
            };
        }

        private static string One(double value)
        {
            return value.ToString("0.0", CultureInfo.InvariantCulture);
        }
    }
}
