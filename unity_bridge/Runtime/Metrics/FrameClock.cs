using System;
using Unity.Profiling;
using UnityEngine;

namespace Vitrine
{
    /// <summary>
    /// What a frame costs and what it may cost, from the best source there is: the engine's frame timing, else the
    /// Profiler's counters, and the headset's GPU time. Main thread; no garbage after the first frame.
    /// </summary>
    internal sealed class FrameClock : IDisposable
    {
        private const double DefaultHz = 60;
        private const double NsAMs = 1e6;

        private readonly FrameTiming[] _timings = new FrameTiming[1];
        private readonly bool _engineTimes = FrameTimingManager.IsFeatureEnabled();
        private ProfilerRecorder _mainThread;
        private ProfilerRecorder _waiting;

        internal FrameClock()
        {
            if (_engineTimes) { return; }
            _mainThread = ProfilerRecorder.StartNew(ProfilerCategory.Internal, "Main Thread");
            _waiting = ProfilerRecorder.StartNew(ProfilerCategory.Render, "Gfx.WaitForPresentOnGfxThread");
        }

        /// <summary>The display's refresh rate, Hz.</summary>
        internal static double RefreshHz(in HeadsetReading headset)
        {
            if (headset.RefreshHz > 0) { return headset.RefreshHz; }
            if (QualitySettings.vSyncCount == 0 && Application.targetFrameRate > 0) { return Application.targetFrameRate; }
            double display = FrameTimingManager.GetVSyncsPerSecond();
            return display > 0 ? display : DefaultHz;
        }

        /// <summary>Milliseconds of work in the last frame, the slower of processor and GPU; 0 when not known.</summary>
        internal double WorkMs(in HeadsetReading headset)
        {
            return Math.Max(_engineTimes ? EngineMs() : ProfilerMs(), headset.GpuMs);
        }

        /// <summary>Ends the recorders.</summary>
        public void Dispose()
        {
            _mainThread.Dispose();
            _waiting.Dispose();
        }

        private double EngineMs()
        {
            FrameTimingManager.CaptureFrameTimings();
            if (FrameTimingManager.GetLatestTimings(1, _timings) == 0) { return 0; }
            FrameTiming timing = _timings[0];
            double main = timing.cpuMainThreadFrameTime - timing.cpuMainThreadPresentWaitTime;
            return Math.Max(Math.Max(main, timing.cpuRenderThreadFrameTime), timing.gpuFrameTime);
        }

        // The main thread's time holds the waiting for the display; without that counter the work is not known.
        private double ProfilerMs()
        {
            if (!_mainThread.Valid || !_waiting.Valid) { return 0; }
            return Math.Max(0, (_mainThread.LastValue - _waiting.LastValue) / NsAMs);
        }
    }
}
