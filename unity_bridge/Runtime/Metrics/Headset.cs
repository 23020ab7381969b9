#if VITRINE_XR
using System.Collections.Generic;
using UnityEngine;
using UnityEngine.XR;
#endif

namespace Vitrine
{
    /// <summary>What the headset tells; 0 or null where it does not.</summary>
    internal struct HeadsetReading
    {
        internal double RefreshHz { get; set; }

        internal double GpuMs { get; set; }

        internal int? Dropped { get; set; }
    }

    /// <summary>The display subsystem that runs, if the project has XR at all. Main thread; no garbage.</summary>
    internal static class Headset
    {
#if VITRINE_XR
        private static readonly List<XRDisplaySubsystem> Displays = new List<XRDisplaySubsystem>();

        /// <summary>The name of what drives it; null when there is no headset.</summary>
        internal static string Name
        {
            get
            {
                XRDisplaySubsystem display = Find();
                return display == null || display.subsystemDescriptor == null ? null : display.subsystemDescriptor.id;
            }
        }

        /// <summary>False when there is no headset.</summary>
        internal static bool TryRead(out HeadsetReading reading)
        {
            XRDisplaySubsystem display = Find();
            reading = display == null ? default(HeadsetReading) : Read(display);
            return display != null;
        }

        private static XRDisplaySubsystem Find()
        {
            SubsystemManager.GetSubsystems(Displays);
            for (int i = 0; i < Displays.Count; i++)
            {
                if (Displays[i].running) { return Displays[i]; }
            }
            return null;
        }

        private static HeadsetReading Read(XRDisplaySubsystem display)
        {
            float hz, gpuS;
            int dropped;
            var reading = new HeadsetReading();
            if (display.TryGetDisplayRefreshRate(out hz)) { reading.RefreshHz = hz; }
            if (display.TryGetAppGPUTimeLastFrame(out gpuS)) { reading.GpuMs = gpuS * 1000.0; }
            if (display.TryGetDroppedFrameCount(out dropped)) { reading.Dropped = dropped; }
            return reading;
        }
#else
        /// <summary>Null: the project has no XR.</summary>
        internal static string Name
        {
            get { return null; }
        }

        /// <summary>False: the project has no XR.</summary>
        internal static bool TryRead(out HeadsetReading reading)
        {
            reading = default(HeadsetReading);
            return false;
        }
#endif
    }
}
