using System;
using System.Collections.Generic;
using UnityEngine.Fakes;

namespace Unity.Profiling
{
    [Flags]
    public enum ProfilerRecorderOptions
    {
        None = 0, StartImmediately = 1, KeepAliveDuringDomainReload = 2, CollectOnlyOnCurrentThread = 4,
        WrapAroundWhenCapacityReached = 8, SumAllSamplesInFrame = 16, GpuRecorder = 64, Default = 24
    }

    public struct ProfilerCategory
    {
        public ProfilerCategory(string categoryName)
        {
            Name = categoryName;
        }

        public string Name { get; }

        public static ProfilerCategory Scripts { get { return new ProfilerCategory("Scripts"); } }

        public static ProfilerCategory Internal { get { return new ProfilerCategory("Internal"); } }

        public static ProfilerCategory Render { get { return new ProfilerCategory("Render"); } }
    }

    /// <summary>Counts its uses.</summary>
    public struct ProfilerMarker
    {
        private readonly string _name;

        public ProfilerMarker(string name)
        {
            _name = name;
        }

        public ProfilerMarker(ProfilerCategory category, string name) : this(name)
        {
        }

        public void Begin()
        {
            FakeProfiler.Begin(_name);
        }

        public void End()
        {
            FakeProfiler.End(_name);
        }

        public AutoScope Auto()
        {
            Begin();
            return new AutoScope(_name);
        }

        public struct AutoScope : IDisposable
        {
            private readonly string _name;

            internal AutoScope(string name)
            {
                _name = name;
            }

            public void Dispose()
            {
                FakeProfiler.End(_name);
            }
        }
    }

    /// <summary>Tells what a test put into <see cref="FakeProfiler"/>.</summary>
    public struct ProfilerRecorder : IDisposable
    {
        private readonly string _stat;
        private bool _live;

        private ProfilerRecorder(string stat)
        {
            _stat = stat;
            _live = true;
            FakeProfiler.Open++;
        }

        public bool Valid { get { return _live && FakeProfiler.Values.ContainsKey(_stat); } }

        public bool IsRunning { get { return _live; } }

        public int Count { get { return Valid ? 1 : 0; } }

        public long LastValue { get { return Valid ? FakeProfiler.Values[_stat] : 0; } }

        public long CurrentValue { get { return LastValue; } }

        public static ProfilerRecorder StartNew(
            ProfilerCategory category, string statName, int capacity = 1,
            ProfilerRecorderOptions options = ProfilerRecorderOptions.Default)
        {
            return new ProfilerRecorder(statName);
        }

        public void Dispose()
        {
            if (_live) { FakeProfiler.Open--; }
            _live = false;
        }
    }
}

namespace UnityEngine.Fakes
{
    /// <summary>What the engine's profiler would say.</summary>
    public static class FakeProfiler
    {
        /// <summary>By name of the statistic; times in nanoseconds.</summary>
        public static readonly Dictionary<string, long> Values = new Dictionary<string, long>();

        /// <summary>What the engine's frame timing tells; null: it is switched off.</summary>
        public static UnityEngine.FrameTiming? Timing { get; set; }

        /// <summary>The monitor's refresh rate; 0: not known.</summary>
        public static float DisplayHz { get; set; }

        /// <summary>Recorders that were started and not disposed.</summary>
        public static int Open { get; internal set; }

        /// <summary>Markers that are begun and not ended.</summary>
        public static int Depth { get; private set; }

        internal static void Begin(string name)
        {
            Depth++;
        }

        internal static void End(string name)
        {
            Depth--;
        }

        internal static void Reset()
        {
            Values.Clear();
            Timing = null;
            DisplayHz = 0;
            UnityEngine.QualitySettings.vSyncCount = 1;
            Open = Depth = 0;
        }
    }
}
