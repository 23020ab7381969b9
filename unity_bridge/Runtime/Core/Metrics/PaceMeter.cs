using System;

namespace Vitrine
{
    /// <summary>A game's frame timing over an interval, as <c>pace</c> tells it to the sidecar.</summary>
    public readonly struct FramePace
    {
        /// <summary>Makes a pace.</summary>
        public FramePace(double refreshHz, double frameMs, int dropped, int frames)
        {
            RefreshHz = refreshHz;
            FrameMs = frameMs;
            Dropped = dropped;
            Frames = frames;
        }

        /// <summary>The display's refresh rate, Hz.</summary>
        public double RefreshHz { get; }

        /// <summary>What a typical frame takes, milliseconds.</summary>
        public double FrameMs { get; }

        /// <summary>Refreshes that got no new frame.</summary>
        public int Dropped { get; }

        /// <summary>Frames that were measured.</summary>
        public int Frames { get; }
    }

    /// <summary>
    /// Makes a <see cref="FramePace"/> of the frames of each half second. Fixed buffers, no garbage; one thread.
    /// </summary>
    public sealed class PaceMeter
    {
        private const int Capacity = 256;
        private const double MissedIntervals = 1.5;
        private const double PauseMs = 1000;

        // A display that waits for its refresh makes every frame last a whole interval, however little work is in it.
        // Told like that, a game on time would look fully loaded for ever, and the sidecar would never come back from
        // yielding; so such frames count as ones that fit with a little room, and misses tell the rest.
        private const double FitsShare = 0.85;
        private const double OnTimeShare = 1.05;

        private readonly double _everyMs;
        private readonly double[] _intervals = new double[Capacity];
        private readonly double[] _work = new double[Capacity];
        private readonly double[] _sorted = new double[Capacity];
        private double _elapsedMs;
        private int _count;
        private int _worked;
        private int? _headsetDropped;

        /// <summary>Takes a pace every <paramref name="everyS"/> seconds.</summary>
        public PaceMeter(double everyS = 0.5)
        {
            if (!(everyS > 0)) { throw new ArgumentOutOfRangeException(nameof(everyS)); }
            _everyMs = everyS * 1000;
        }

        /// <summary>Refreshes that got no new frame, since the meter was made.</summary>
        public long DroppedTotal { get; private set; }

        /// <summary>Adds a frame.</summary>
        /// <param name="intervalMs">Since the frame before, waiting included.</param>
        /// <param name="workMs">Work in it, without waiting for the display; 0 where that is not known.</param>
        public void AddFrame(double intervalMs, double workMs = 0)
        {
            if (!(intervalMs > 0) || intervalMs > PauseMs)
            {
                return; // the application slept, or loaded a scene: no sign of too much work
            }
            _elapsedMs += intervalMs;
            if (_count < Capacity) { _intervals[_count++] = intervalMs; }
            if (workMs > 0 && workMs <= PauseMs && _worked < Capacity) { _work[_worked++] = workMs; }
        }

        /// <summary>True once an interval is over: its pace; the next one begins.</summary>
        /// <param name="refreshHz">The display's refresh rate, Hz.</param>
        /// <param name="headsetDropped">The headset's own counter of missed frames; null where it has none.</param>
        /// <param name="pace">The pace.</param>
        public bool TryTake(double refreshHz, int? headsetDropped, out FramePace pace)
        {
            pace = default(FramePace);
            if (_elapsedMs < _everyMs || _count == 0) { return false; }
            double intervalMs = 1000 / Math.Min(Math.Max(refreshHz, 1), 1000);
            int dropped = Math.Max(Missed(intervalMs), Risen(headsetDropped));
            pace = new FramePace(1000 / intervalMs, Typical(intervalMs, dropped), dropped, _count);
            DroppedTotal += dropped;
            _elapsedMs = 0;
            _count = _worked = 0;
            return true;
        }

        private int Missed(double intervalMs)
        {
            int missed = 0;
            for (int i = 0; i < _count; i++)
            {
                if (_intervals[i] > MissedIntervals * intervalMs) { missed += (int)Math.Round(_intervals[i] / intervalMs) - 1; }
            }
            return missed;
        }

        // Headsets differ in whether the counter runs on or starts again; only its rises are counted, and frames that
        // took too long are counted here anyway.
        private int Risen(int? counter)
        {
            int? before = _headsetDropped;
            _headsetDropped = counter;
            int risen = counter.HasValue && before.HasValue ? counter.Value - before.Value : 0;
            return Math.Min(Math.Max(risen, 0), _count * 4);
        }

        private double Typical(double intervalMs, int dropped)
        {
            if (_worked > 0) { return Median(_work, _worked); }
            double waited = Median(_intervals, _count);
            return dropped == 0 && waited <= OnTimeShare * intervalMs ? Math.Min(waited, FitsShare * intervalMs) : waited;
        }

        private double Median(double[] values, int count)
        {
            Array.Copy(values, _sorted, count);
            InPlace.Sort(_sorted, count);
            return _sorted[count / 2];
        }
    }
}
