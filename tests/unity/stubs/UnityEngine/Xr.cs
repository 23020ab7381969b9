using System.Collections.Generic;
using UnityEngine.Fakes;

namespace UnityEngine
{
    public interface ISubsystem
    {
        bool running { get; }

        void Start();

        void Stop();

        void Destroy();
    }

    public class IntegratedSubsystem : ISubsystem
    {
        public bool running { get; private set; }

        public void Start() { running = true; }

        public void Stop() { running = false; }

        public void Destroy()
        {
            Stop();
            FakeXr.Subsystems.Remove(this);
        }
    }

    public class SubsystemManager
    {
        public static void GetSubsystems<T>(List<T> subsystems) where T : ISubsystem
        {
            FakeUnity.CheckThread("GetSubsystems");
            subsystems.Clear();
            foreach (ISubsystem subsystem in FakeXr.Subsystems)
            {
                if (subsystem is T) { subsystems.Add((T)subsystem); }
            }
        }
    }
}

namespace UnityEngine.XR
{
    public class XRDisplaySubsystemDescriptor
    {
        public string id { get { return FakeXr.Device; } }
    }

    public class XRDisplaySubsystem : IntegratedSubsystem
    {
        public XRDisplaySubsystemDescriptor subsystemDescriptor { get; } = new XRDisplaySubsystemDescriptor();

        public bool TryGetAppGPUTimeLastFrame(out float gpuTimeLastFrame) { return FakeXr.Get(FakeXr.GpuTime, out gpuTimeLastFrame); }

        public bool TryGetDisplayRefreshRate(out float displayRefreshRate) { return FakeXr.Get(FakeXr.RefreshHz, out displayRefreshRate); }

        public bool TryGetDroppedFrameCount(out int droppedFrameCount)
        {
            droppedFrameCount = FakeXr.Dropped ?? 0;
            return FakeXr.Dropped.HasValue;
        }

        public bool TryGetFramePresentCount(out int framePresentCount)
        {
            framePresentCount = FakeXr.Presented ?? 0;
            return FakeXr.Presented.HasValue;
        }
    }

    public class XRSettings
    {
        public static bool enabled { get; set; } = true;

        public static bool isDeviceActive { get { return FakeXr.Subsystems.Count > 0; } }

        public static string loadedDeviceName { get { return FakeXr.Subsystems.Count > 0 ? FakeXr.Device : ""; } }
    }
}

namespace UnityEngine.Fakes
{
    /// <summary>The headset: values that are null are not told by it.</summary>
    public static class FakeXr
    {
        internal static readonly List<ISubsystem> Subsystems = new List<ISubsystem>();

        public static float? RefreshHz { get; set; }

        public static float? GpuTime { get; set; }

        public static int? Dropped { get; set; }

        public static int? Presented { get; set; }

        public static string Device { get; set; } = "Fake headset";

        /// <summary>Puts the headset on: its display runs.</summary>
        public static XR.XRDisplaySubsystem Begin(float refreshHz)
        {
            RefreshHz = refreshHz;
            var display = new XR.XRDisplaySubsystem();
            Subsystems.Add(display);
            display.Start();
            return display;
        }

        internal static bool Get(float? value, out float result)
        {
            FakeUnity.CheckThread("XRDisplaySubsystem");
            result = value ?? 0;
            return value.HasValue;
        }

        internal static void Reset()
        {
            Subsystems.Clear();
            RefreshHz = GpuTime = null;
            Dropped = Presented = null;
        }
    }
}
