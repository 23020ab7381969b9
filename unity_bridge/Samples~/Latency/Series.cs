using System;

namespace Vitrine.Samples
{
    /// <summary>Samples of one quantity, in a buffer that was made beforehand: measuring must make no garbage.</summary>
    public sealed class Series
    {
        private readonly double[] _samples;

        /// <summary>Makes room for so many samples; what comes beyond is counted and left out.</summary>
        public Series(string name, string unit, int capacity)
        {
            Name = name;
            Unit = unit;
            _samples = new double[Math.Max(1, capacity)];
        }

        /// <summary>What is measured.</summary>
        public string Name { get; }

        /// <summary>In what.</summary>
        public string Unit { get; }

        /// <summary>Samples that are kept.</summary>
        public int Count { get; private set; }

        /// <summary>Samples for which there was no room.</summary>
        public int LeftOut { get; private set; }

        /// <summary>A sample by its number.</summary>
        public double this[int index]
        {
            get { return _samples[index]; }
        }

        /// <summary>Keeps a sample; what is no number is left out.</summary>
        public void Add(double sample)
        {
            if (double.IsNaN(sample) || double.IsInfinity(sample)) { return; }
            if (Count == _samples.Length)
            {
                LeftOut++;
                return;
            }
            _samples[Count++] = sample;
        }

        /// <summary>The value that so many of a hundred samples do not exceed; 0 without samples.</summary>
        public double Percentile(double percent)
        {
            if (Count == 0) { return 0; }
            var sorted = new double[Count];
            Array.Copy(_samples, sorted, Count);
            Array.Sort(sorted);
            int at = (int)Math.Ceiling(percent / 100 * Count) - 1;
            return sorted[Math.Max(0, Math.Min(Count - 1, at))];
        }
    }
}
