using System.Collections.Generic;
using UnityEditor;
using UnityEngine;

namespace Vitrine.Editor
{
    /// <summary>
    /// Ties the model to the Editor's life: made after each script reload, with our sidecar taken up again; let go
    /// before the next one; ended with the Editor.
    /// </summary>
    internal static class VitrineEditor
    {
        private const string MemoryKey = "Vitrine.Sidecar";
        private static HeldMemory _memory;
        private static EditorModel _model;

        // Read on the main thread, used on others: the settings are an asset, which only the main thread may touch.
        private static volatile ProcessOptions _options = new ProcessOptions();

        /// <summary>The one model.</summary>
        internal static EditorModel Model
        {
            get
            {
                if (_model == null) { _model = Make(); }
                return _model;
            }
        }

        /// <summary>The package's folder; null when it lies in Assets.</summary>
        internal static string PackageFolder
        {
            get
            {
                UnityEditor.PackageManager.PackageInfo package = Package();
                return package == null ? null : package.resolvedPath;
            }
        }

        /// <summary>Takes the settings over into what other threads may read.</summary>
        internal static void ReadSettings()
        {
            _options = VitrineSettings.Current.ToProcessOptions();
        }

        /// <summary>What the Editor runs on.</summary>
        internal static IReadOnlyList<Figure> Host()
        {
            UnityEditor.PackageManager.PackageInfo package = Package();
            VitrineSettings settings = VitrineSettings.Current;
            return new[]
            {
                new Figure("Unity", Application.unityVersion),
                new Figure("package", package == null ? "in Assets" : package.version),
                new Figure("system", SystemInfo.operatingSystem),
                new Figure("processor", SystemInfo.processorType),
                new Figure("graphics card", SystemInfo.graphicsDeviceName),
                new Figure("memory", SystemInfo.systemMemorySize + " MB"),
                new Figure("playing", EditorApplication.isPlaying ? "yes" : "no"),
                new Figure("starts the sidecar", settings.StartSidecar ? "yes" : "no"),
                new Figure("shared memory", settings.UseSharedMemory ? "on" : "off"),
                new Figure("own program", settings.Executable.Length > 0 ? "yes" : "no"),
                new Figure("own run folder", settings.RunFolder.Length > 0 ? "yes" : "no"),
                new Figure("profile", settings.ProfileConsent ? "with consent" : "none")
            };
        }

        /// <summary>Takes another model and the memory that it keeps its sidecar in, as tests do.</summary>
        internal static void Use(EditorModel model, HeldMemory memory)
        {
            _model = model;
            _memory = memory;
        }

        [InitializeOnLoadMethod]
        private static void Load()
        {
            _memory = new HeldMemory(UnityEditor.SessionState.GetString(MemoryKey, ""));
            _model = Make();
            // Play mode uses the Editor's sidecar, and one that it started itself is the Editor's from then on.
            VitrineClient.ProcessMemory = _memory;
            EditorApplication.playModeStateChanged += OnPlayMode;
            AssemblyReloadEvents.beforeAssemblyReload += BeforeReload;
            EditorApplication.quitting += Quit;
            EditorApplication.projectChanged += SettingsAsset.LookAgain;
            // Assets cannot be read yet.
            EditorApplication.delayCall += TakeUp;
        }

        private static void TakeUp()
        {
            ReadSettings();
            _model.Control.Reattach();
        }

        private static void OnPlayMode(PlayModeStateChange change)
        {
            if (change == PlayModeStateChange.EnteredEditMode && _model.Control.CanStart) { _model.Control.Reattach(); }
        }

        private static void BeforeReload()
        {
            _model.BeforeReload();
            UnityEditor.SessionState.SetString(MemoryKey, _memory.Load() ?? "");
            VitrineClient.ShutdownShared();
        }

        private static void Quit()
        {
            VitrineClient.ShutdownShared();
            _model.Dispose();
        }

        private static EditorModel Make()
        {
            var runner = new ProcessRunner();
            var places = new EditorPlaces { ProcessOptions = () => _options };
            if (_memory == null) { _memory = new HeldMemory(); }
            return new EditorModel(
                runner, PythonFinder.OfThisMachine(runner), places, _memory, GameFigures.Read, new SystemClock());
        }

        private static UnityEditor.PackageManager.PackageInfo Package()
        {
            return UnityEditor.PackageManager.PackageInfo.FindForAssembly(typeof(VitrineEditor).Assembly);
        }
    }
}
