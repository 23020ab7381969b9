using System;
using System.Collections.Generic;
using System.Reflection;
using UnityEngine;
using UnityEngine.Fakes;
using UnityEngine.UIElements;

namespace UnityEditor.Fakes
{
    /// <summary>An Editor that a test runs by hand, around a <see cref="FakeUnity"/> that does not play.</summary>
    public sealed class FakeEditor : IDisposable
    {
        private const BindingFlags Statics = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

        static FakeEditor()
        {
            FakeUnity.OnReset(Forget);
        }

        /// <summary>Starts an Editor with an empty project; the project's [InitializeOnLoad] code is not run.</summary>
        public FakeEditor()
        {
            Unity = new FakeUnity(false);
            FakeApplication.IsEditor = true;
            FakeApplication.Platform = RuntimePlatform.LinuxEditor;
        }

        /// <summary>The folder of the package under test; null: it was not installed as a package.</summary>
        public static string PackageFolder { get; set; }

        /// <summary>The engine beneath.</summary>
        public FakeUnity Unity { get; }

        /// <summary>Runs [InitializeOnLoad] classes and [InitializeOnLoadMethod] methods, as after a domain load.</summary>
        public void Load()
        {
            foreach (Type type in ProjectTypes())
            {
                if (type.IsDefined(typeof(InitializeOnLoadAttribute), false))
                {
                    System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(type.TypeHandle);
                }
                foreach (MethodInfo method in type.GetMethods(Statics))
                {
                    if (method.IsDefined(typeof(InitializeOnLoadMethodAttribute), false)) { method.Invoke(null, null); }
                }
            }
        }

        /// <summary>Play mode began or ended, as far as the Editor's event tells.</summary>
        public void ChangePlayMode(PlayModeStateChange change)
        {
            EditorApplication.RaisePlayMode(change);
        }

        /// <summary>A script was changed: handlers and windows' views are lost, statics stay (a fake cannot drop them).</summary>
        public void ReloadDomain()
        {
            AssemblyReloadEvents.RaiseBefore();
            foreach (EditorWindow window in EditorWindow.Open)
            {
                Send(window, "OnDisable");
                window.rootVisualElement.Clear();
            }
            AssemblyReloadEvents.Forget();
            EditorApplication.Forget();
            Load();
            foreach (EditorWindow window in EditorWindow.Open)
            {
                Send(window, "OnEnable");
                Send(window, "CreateGUI");
            }
            AssemblyReloadEvents.RaiseAfter();
        }

        /// <summary>Chooses a menu item by its path; throws when there is none or its check forbids it.</summary>
        public void Choose(string path)
        {
            MethodInfo action = null;
            foreach (KeyValuePair<MenuItem, MethodInfo> item in MenuItems())
            {
                if (item.Key.menuItem != path) { continue; }
                if (!item.Key.validate) { action = item.Value; }
                else if (!(bool)item.Value.Invoke(null, null)) { throw new InvalidOperationException(path + " is greyed out"); }
            }
            if (action == null) { throw new InvalidOperationException("there is no menu item " + path); }
            Call(action, null);
        }

        /// <summary>The project's settings page of a path.</summary>
        public SettingsProvider SettingsPage(string path)
        {
            foreach (Type type in ProjectTypes())
            {
                foreach (MethodInfo method in type.GetMethods(Statics))
                {
                    if (!method.IsDefined(typeof(SettingsProviderAttribute), false)) { continue; }
                    var found = (SettingsProvider)Call(method, null);
                    if (found.settingsPath == path) { return found; }
                }
            }
            return null;
        }

        /// <summary>One tick of the Editor: delayed calls, updates, frames and timers of all windows.</summary>
        public void Tick(long milliseconds = 100)
        {
            EditorApplication.CallbackFunction delayed = EditorApplication.delayCall;
            EditorApplication.delayCall = null;
            if (delayed != null) { delayed(); }
            if (EditorApplication.update != null) { EditorApplication.update(); }
            Unity.Step(milliseconds / 1000.0);
            foreach (EditorWindow window in EditorWindow.Open.ToArray())
            {
                FakeUI.Advance(window.rootVisualElement, milliseconds);
            }
        }

        /// <summary>Ticks until the condition holds; false after some seconds of real time.</summary>
        public bool TickUntil(Func<bool> condition, double timeoutS = 10)
        {
            var watch = System.Diagnostics.Stopwatch.StartNew();
            while (!condition())
            {
                if (watch.Elapsed.TotalSeconds > timeoutS) { return false; }
                Tick();
                System.Threading.Thread.Sleep(5);
            }
            return true;
        }

        /// <summary>Whether an asset was changed and not saved.</summary>
        public static bool IsUnsaved(UnityEngine.Object asset)
        {
            return AssetDatabase.HasUnsaved(asset);
        }

        /// <summary>Closes the Editor.</summary>
        public void Quit()
        {
            EditorApplication.RaiseQuitting();
            foreach (EditorWindow window in EditorWindow.Open.ToArray()) { window.Close(); }
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            Quit();
            Unity.Dispose();
        }

        internal static Type FindEditor(Type inspected)
        {
            foreach (Type type in ProjectTypes())
            {
                foreach (CustomEditor found in type.GetCustomAttributes(typeof(CustomEditor), false))
                {
                    if (found.Inspected == inspected) { return type; }
                }
            }
            return null;
        }

        internal static void Send(object target, string message)
        {
            MethodInfo method = target.GetType().GetMethod(
                message, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic, null, Type.EmptyTypes, null);
            if (method != null) { Call(method, target); }
        }

        private static object Call(MethodInfo method, object target)
        {
            try
            {
                return method.Invoke(target, null);
            }
            catch (TargetInvocationException error)
            {
                throw new InvalidOperationException(method.Name + ": " + error.InnerException, error.InnerException);
            }
        }

        private static IEnumerable<KeyValuePair<MenuItem, MethodInfo>> MenuItems()
        {
            foreach (Type type in ProjectTypes())
            {
                foreach (MethodInfo method in type.GetMethods(Statics))
                {
                    foreach (MenuItem item in method.GetCustomAttributes(typeof(MenuItem), false))
                    {
                        yield return new KeyValuePair<MenuItem, MethodInfo>(item, method);
                    }
                }
            }
        }

        private static IEnumerable<Type> ProjectTypes()
        {
            foreach (Assembly assembly in AppDomain.CurrentDomain.GetAssemblies())
            {
                if (!assembly.GetName().Name.StartsWith("Vitrine", StringComparison.Ordinal)) { continue; }
                foreach (Type type in assembly.GetTypes()) { yield return type; }
            }
        }

        private static void Forget()
        {
            foreach (EditorWindow window in EditorWindow.Open.ToArray()) { window.Close(); }
            SessionState.Forget();
            EditorPrefs.Forget();
            EditorApplication.Forget();
            AssemblyReloadEvents.Forget();
            AssetDatabase.Forget();
            Undo.Forget();
            FakeDialogs.Forget();
            Selection.activeObject = null;
            EditorGUIUtility.systemCopyBuffer = "";
            PackageFolder = null;
        }
    }
}
