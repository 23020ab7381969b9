using System;
using System.Diagnostics;
using System.Threading;

namespace Vitrine
{
    /// <summary>Time as it is passed in, so that tests own it.</summary>
    public interface IVitrineClock
    {
        /// <summary>Microseconds that never go back; their origin means nothing.</summary>
        long NowUs { get; }

        /// <summary>Waits; true when the handle was signalled first.</summary>
        bool Wait(WaitHandle until, int milliseconds);
    }

    /// <summary>The machine's own clock.</summary>
    public sealed class SystemClock : IVitrineClock
    {
        /// <inheritdoc/>
        public long NowUs
        {
            get { return (long)(Stopwatch.GetTimestamp() * (1e6 / Stopwatch.Frequency)); }
        }

        /// <inheritdoc/>
        public bool Wait(WaitHandle until, int milliseconds)
        {
            return until.WaitOne(milliseconds);
        }
    }

    /// <summary>
    /// Delays between attempts to connect: they double up to a limit, and chance spreads them over half their length.
    /// </summary>
    public sealed class Backoff
    {
        private readonly int _firstMs;
        private readonly int _limitMs;
        private int _attempt;

        /// <summary>
        /// Begins at <paramref name="firstMs"/> and never waits longer than <paramref name="limitMs"/>.
        /// </summary>
        public Backoff(int firstMs, int limitMs)
        {
            if (firstMs < 1 || limitMs < firstMs) { throw new ArgumentOutOfRangeException(nameof(firstMs)); }
            _firstMs = firstMs;
            _limitMs = limitMs;
        }

        /// <summary>The next delay in milliseconds; <paramref name="chance"/> is within [0, 1).</summary>
        public int NextMs(double chance)
        {
            double full = Math.Min(_limitMs, _firstMs * Math.Pow(2, Math.Min(_attempt, 30)));
            _attempt++;
            return (int)Math.Max(1, full * (0.5 + chance / 2));
        }

        /// <summary>A connection stood: begin anew.</summary>
        public void Reset()
        {
            _attempt = 0;
        }
    }
}
