using System;
using System.Text;

namespace Vitrine
{
    /// <summary>What a display of latencies tells.</summary>
    public struct HudFigures
    {
        /// <summary>Where the client stands, in a sentence.</summary>
        public string State { get; set; }
        /// <summary>Whether answers can come.</summary>
        public bool IsReady { get; set; }
        /// <summary>What models run on; null while that is not known.</summary>
        public string Provider { get; set; }
        /// <summary>Ages and counts of answers.</summary>
        public LatencySnapshot Latency { get; set; }
        /// <summary>The display's refresh rate, Hz.</summary>
        public double RefreshHz { get; set; }
        /// <summary>Frames that the game missed.</summary>
        public long MissedFrames { get; set; }
        /// <summary>Longest time that answers took on the main thread in a frame, milliseconds.</summary>
        public double MainThreadMs { get; set; }
    }

    /// <summary>
    /// The lines of a latency display, built in one buffer; a new string is made only when the text has changed.
    /// </summary>
    public sealed class HudText
    {
        private readonly StringBuilder _text = new StringBuilder(512);
        private string _shown = "";

        /// <summary>The text for these figures: the same string again while nothing has changed.</summary>
        public string Build(in HudFigures figures)
        {
            _text.Length = 0;
            Line(figures.State ?? "");
            if (figures.IsReady)
            {
                Answers(figures.Latency, figures.RefreshHz);
                Provider(figures.Provider);
            }
            _text.Append("frames missed by the game ");
            Whole(figures.MissedFrames);
            _text.Append(" at ");
            Whole((long)Math.Round(figures.RefreshHz));
            Line(" Hz");
            _text.Append("answers on the main thread ");
            Decimal(figures.MainThreadMs, 100);
            _text.Append(" ms a frame");
            if (!Same()) { _shown = _text.ToString(); }
            return _shown;
        }

        private void Answers(in LatencySnapshot latency, double refreshHz)
        {
            Decimal(latency.Rate, 10);
            Line(" answers a second");
            _text.Append("age ");
            Decimal(latency.P50Ms, 10);
            _text.Append(" ms, p95 ");
            Decimal(latency.P95Ms, 10);
            _text.Append(" ms (");
            Decimal(latency.P50Ms * refreshHz / 1000, 10);
            _text.Append(" / ");
            Decimal(latency.P95Ms * refreshHz / 1000, 10);
            Line(" frames)");
            _text.Append("queue ");
            Whole(latency.Pending);
            _text.Append(", unanswered ");
            Whole(latency.Missed);
            Line("");
        }

        private void Provider(string provider)
        {
            if (provider == null) { return; }
            _text.Append("runs on ");
            Line(provider);
        }

        private void Line(string text)
        {
            _text.Append(text).Append('\n');
        }

        // StringBuilder's own numbers make a string each.
        private void Whole(long value)
        {
            if (value < 0)
            {
                _text.Append('-');
                value = -value;
            }
            long place = 1;
            while (value / place >= 10) { place *= 10; }
            for (; place > 0; place /= 10) { _text.Append((char)('0' + value / place % 10)); }
        }

        /// <summary>A value with one decimal (parts 10) or two (parts 100).</summary>
        private void Decimal(double value, int parts)
        {
            long scaled = (long)Math.Round(Math.Min(Math.Max(value, 0), 1e12) * parts);
            Whole(scaled / parts);
            _text.Append('.');
            if (parts == 100 && scaled % 100 < 10) { _text.Append('0'); }
            Whole(scaled % parts);
        }

        private bool Same()
        {
            if (_text.Length != _shown.Length) { return false; }
            for (int i = 0; i < _shown.Length; i++)
            {
                if (_text[i] != _shown[i]) { return false; }
            }
            return true;
        }
    }
}
