using System;
using System.Threading;
using UnityEngine.Fakes;

namespace UnityEngine
{
    public enum LogType { Error = 0, Assert = 1, Warning = 2, Log = 3, Exception = 4 }

    public enum RuntimePlatform { WindowsPlayer = 2, WindowsEditor = 7, Android = 11, LinuxPlayer = 13, LinuxEditor = 16 }

    public enum SystemLanguage { Chinese = 6, English = 10, German = 15, ChineseSimplified = 40, ChineseTraditional = 41, Unknown = 42 }

    [Flags]
    public enum UserAuthorization { WebCam = 1, Microphone = 2 }

    /// <summary>The time that <see cref="FakeUnity"/> tells.</summary>
    public class Time
    {
        public static float time { get { return (float)timeAsDouble; } }

        public static double timeAsDouble { get { return Now("get_time"); } }

        public static float unscaledTime { get { return (float)unscaledTimeAsDouble; } }

        public static double unscaledTimeAsDouble { get { return Now("get_unscaledTime"); } }

        public static float realtimeSinceStartup { get { return (float)realtimeSinceStartupAsDouble; } }

        public static double realtimeSinceStartupAsDouble { get { return FakeTime.Seconds; } }

        public static float deltaTime { get { return Mathf.Min(unscaledDeltaTime, 1 / 3f) * timeScale; } }

        public static float unscaledDeltaTime { get { FakeUnity.CheckThread("get_unscaledDeltaTime"); return (float)FakeTime.Delta; } }

        public static float timeScale { get; set; } = 1;

        public static int frameCount { get { FakeUnity.CheckThread("get_frameCount"); return FakeTime.Frames; } }

        private static double Now(string member)
        {
            FakeUnity.CheckThread(member);
            return FakeTime.Seconds;
        }
    }

    public class Application
    {
        public static event Action quitting;

        public static event Action<bool> focusChanged;

        public static event Action unloading;

        public static CancellationToken exitCancellationToken { get { return FakeApplication.Exit.Token; } }

        public static bool isPlaying { get { return FakeApplication.IsPlaying; } }

        public static bool isEditor { get { return FakeApplication.IsEditor; } }

        public static bool isFocused { get { return FakeApplication.IsFocused; } }

        public static bool isBatchMode { get { return FakeApplication.IsBatchMode; } }

        public static bool runInBackground { get; set; } = true;

        public static int targetFrameRate { get; set; } = -1;

        public static RuntimePlatform platform { get { return FakeApplication.Platform; } }

        public static SystemLanguage systemLanguage { get { return FakeApplication.Language; } }

        public static string persistentDataPath { get { return Path("get_persistentDataPath", "data"); } }

        public static string temporaryCachePath { get { return Path("get_temporaryCachePath", "cache"); } }

        public static string dataPath { get { return Path("get_dataPath", "Assets"); } }

        public static string unityVersion { get { return "2022.3.0f1"; } }

        public static string version { get { return "1.0"; } }

        public static string productName { get { return "Fake Shop"; } }

        public static string companyName { get { return "DefaultCompany"; } }

        public static void OpenURL(string url)
        {
            FakeUnity.CheckThread("OpenURL");
            FakeApplication.OpenedUrls.Add(url);
        }

        public static bool HasUserAuthorization(UserAuthorization mode)
        {
            return (FakeApplication.Allowed & mode) == mode;
        }

        public static AsyncOperation RequestUserAuthorization(UserAuthorization mode)
        {
            FakeUnity.CheckThread("RequestUserAuthorization");
            var asked = new AsyncOperation();
            FakeApplication.Ask(mode, asked);
            return asked;
        }

        public static void Quit()
        {
            FakeApplication.QuitAsked = true;
        }

        internal static void RaiseQuitting()
        {
            FakeMessages.Guard(quitting);
        }

        internal static void RaiseUnloading()
        {
            FakeMessages.Guard(unloading);
        }

        internal static void RaiseFocus(bool focused)
        {
            if (focusChanged != null) { FakeMessages.Guard(() => focusChanged(focused)); }
        }

        internal static void Forget()
        {
            quitting = null;
            unloading = null;
            focusChanged = null;
        }

        private static string Path(string member, string folder)
        {
            FakeUnity.CheckThread(member);
            return System.IO.Path.Combine(FakeApplication.Folder, folder);
        }
    }

    /// <summary>Keeps what was logged; may be called from any thread.</summary>
    public class Debug
    {
        public static bool isDebugBuild { get { return true; } }

        public static void Log(object message) { FakeLog.Add(LogType.Log, message, null); }

        public static void Log(object message, Object context) { FakeLog.Add(LogType.Log, message, context); }

        public static void LogWarning(object message) { FakeLog.Add(LogType.Warning, message, null); }

        public static void LogWarning(object message, Object context) { FakeLog.Add(LogType.Warning, message, context); }

        public static void LogError(object message) { FakeLog.Add(LogType.Error, message, null); }

        public static void LogError(object message, Object context) { FakeLog.Add(LogType.Error, message, context); }

        public static void LogException(Exception exception) { FakeLog.Add(LogType.Exception, exception, null); }

        public static void LogException(Exception exception, Object context) { FakeLog.Add(LogType.Exception, exception, context); }
    }

    public struct FrameTiming
    {
        public double cpuFrameTime, cpuMainThreadFrameTime, cpuMainThreadPresentWaitTime, cpuRenderThreadFrameTime, gpuFrameTime;
    }

    /// <summary>Tells what a test put into <see cref="FakeProfiler.Timing"/>.</summary>
    public static class FrameTimingManager
    {
        public static bool IsFeatureEnabled() { return FakeProfiler.Timing.HasValue; }

        public static void CaptureFrameTimings() { FakeUnity.CheckThread("CaptureFrameTimings"); }

        public static uint GetLatestTimings(uint numFrames, FrameTiming[] timings)
        {
            if (!FakeProfiler.Timing.HasValue) { return 0; }
            timings[0] = FakeProfiler.Timing.Value;
            return 1;
        }

        public static float GetVSyncsPerSecond() { return FakeProfiler.DisplayHz; }
    }

    public sealed class QualitySettings : Object
    {
        public static int vSyncCount { get; set; } = 1;
    }

    public sealed class Screen
    {
        public static int width { get { return 1280; } }

        public static int height { get { return 720; } }
    }

    public sealed class SystemInfo
    {
        public static string operatingSystem { get { return "Fake OS 1.0"; } }

        public static string graphicsDeviceName { get { return "Fake GPU"; } }

        public static string processorType { get { return "Fake CPU"; } }

        public static int graphicsMemorySize { get { return 8192; } }

        public static int systemMemorySize { get { return 16384; } }

        public static bool supportsAsyncGPUReadback { get; internal set; } = true;
    }
}
