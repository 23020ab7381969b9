using System;

namespace Vitrine
{
    /// <summary>What a <see cref="LatencyBoard"/> showed at one moment.</summary>
    public readonly struct LatencySnapshot
    {
        internal LatencySnapshot(double rate, double p50Ms, double p95Ms, double lastMs, long answered, long missed, int pending)
        {
            Rate = rate;
            P50Ms = p50Ms;
            P95Ms = p95Ms;
            LastMs = lastMs;
            Answered = answered;
            Missed = missed;
            Pending = pending;
        }

        /// <summary>Answers a second, over the last two seconds.</summary>
        public double Rate { get; }

        /// <summary>Median age of the answers of the last seconds when they were shown, milliseconds; 0 when none.</summary>
        public double P50Ms { get; }

        /// <summary>95th percentile of those ages, milliseconds; 0 when there were none.</summary>
        public double P95Ms { get; }

        /// <summary>Age of the last answer, milliseconds.</summary>
        public double LastMs { get; }

        /// <summary>Answers in all.</summary>
        public long Answered { get; }

        /// <summary>Frames that got no answer in all: superseded, skipped or failed.</summary>
        public long Missed { get; }

        /// <summary>Frames that were sent and are not answered yet.</summary>
        public int Pending { get; }
    }

    /// <summary>
    /// Keeps how old answers were when they were shown, over the last seconds. Fixed buffers, no garbage; any thread.
    /// </summary>
    public sealed class LatencyBoard
    {
        private const int Capacity = 512;
        private const long RateUs = 2000000;
        private const long AgesUs = 5000000;

        private readonly object _gate = new object();
        private readonly IVitrineClock _clock;
        private readonly long[] _at = new long[Capacity];
        private readonly double[] _ages = new double[Capacity];
        private readonly double[] _sorted = new double[Capacity];
        private int _next;
        private int _count;
        private long _answered;
        private long _missed;
        private int _pending;

        /// <summary>An empty board.</summary>
        public LatencyBoard(IVitrineClock clock = null)
        {
            _clock = clock ?? new SystemClock();
        }

        /// <summary>An answer was shown.</summary>
        /// <param name="ageMs">Since the frame that it answers was taken, milliseconds.</param>
        public void Add(double ageMs)
        {
            if (double.IsNaN(ageMs) || double.IsInfinity(ageMs)) { return; }
            lock (_gate)
            {
                _at[_next] = _clock.NowUs;
                _ages[_next] = Math.Max(0, ageMs);
                _next = (_next + 1) % Capacity;
                _count = Math.Min(_count + 1, Capacity);
                _answered++;
            }
        }

        /// <summary>Frames got no answer: superseded, skipped or failed.</summary>
        public void AddMissed(long frames)
        {
            lock (_gate) { _missed += Math.Max(0, frames); }
        }

        /// <summary>How many frames are sent and not answered now.</summary>
        public void SetPending(int frames)
        {
            lock (_gate) { _pending = Math.Max(0, frames); }
        }

        /// <summary>Forgets everything.</summary>
        public void Reset()
        {
            lock (_gate)
            {
                _next = _count = _pending = 0;
                _answered = _missed = 0;
            }
        }

        /// <summary>What the board shows now.</summary>
        public LatencySnapshot Snapshot()
        {
            lock (_gate)
            {
                long now = _clock.NowUs;
                int recent = 0, aged = 0;
                while (aged < _count && now - _at[Back(aged)] <= AgesUs)
                {
                    if (now - _at[Back(aged)] <= RateUs) { recent++; }
                    _sorted[aged] = _ages[Back(aged)];
                    aged++;
                }
                InPlace.Sort(_sorted, aged);
                double last = _count > 0 ? _ages[Back(0)] : 0;
                return new LatencySnapshot(
                    recent * 1e6 / RateUs, At(0.5, aged), At(0.95, aged), last, _answered, _missed, _pending);
            }
        }

        private int Back(int steps)
        {
            return (_next - 1 - steps + 2 * Capacity) % Capacity;
        }

        /// <summary>The smallest value that at least this share of the values does not exceed.</summary>
        private double At(double share, int count)
        {
            return count == 0 ? 0 : _sorted[Math.Max(0, (int)Math.Ceiling(share * count) - 1)];
        }
    }
}
