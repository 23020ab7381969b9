namespace Vitrine
{
    /// <summary>Holds frames to a rate on average, whatever the rhythm in which it is asked.</summary>
    public sealed class FrameRate
    {
        private long _nextUs = long.MinValue;

        /// <summary>Frames a second at most; 0 or less: no limit.</summary>
        public double Limit { get; set; }

        /// <summary>
        /// Whether a frame may be taken now; if so it counts. Early by a quarter of the interval is on time, so that
        /// jitter of the caller does not halve the rate.
        /// </summary>
        public bool TryTake(long nowUs)
        {
            if (Limit <= 0)
            {
                return true;
            }
            long interval = (long)(1e6 / Limit);
            if (_nextUs != long.MinValue && nowUs < _nextUs - interval / 4)
            {
                return false;
            }
            bool late = _nextUs == long.MinValue || nowUs > _nextUs + interval;
            _nextUs = (late ? nowUs : _nextUs) + interval;
            return true;
        }
    }
}
