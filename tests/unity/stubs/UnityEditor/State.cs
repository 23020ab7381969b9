using System;
using System.Collections.Generic;
using UnityEngine;
using UnityEditor.Fakes;

namespace UnityEditor
{
    /// <summary>Lasts over domain reloads, until the Editor quits.</summary>
    public class SessionState
    {
        private static readonly Dictionary<string, object> Values = new Dictionary<string, object>();

        public static void SetString(string key, string value)
        {
            UnityEngine.Fakes.FakeUnity.CheckThread("SetString");
            Values[key] = value;
        }

        public static string GetString(string key, string defaultValue)
        {
            UnityEngine.Fakes.FakeUnity.CheckThread("GetString");
            object found;
            return Values.TryGetValue(key, out found) ? (string)found : defaultValue;
        }

        public static void EraseString(string key)
        {
            Values.Remove(key);
        }

        public static void SetBool(string key, bool value)
        {
            UnityEngine.Fakes.FakeUnity.CheckThread("SetBool");
            Values[key] = value;
        }

        public static bool GetBool(string key, bool defaultValue)
        {
            UnityEngine.Fakes.FakeUnity.CheckThread("GetBool");
            object found;
            return Values.TryGetValue(key, out found) ? (bool)found : defaultValue;
        }

        internal static void Forget()
        {
            Values.Clear();
        }
    }

    /// <summary>Lasts over sessions of the Editor.</summary>
    public class EditorPrefs
    {
        private static readonly Dictionary<string, object> Values = new Dictionary<string, object>();

        public static void SetString(string key, string value)
        {
            UnityEngine.Fakes.FakeUnity.CheckThread("SetString");
            Values[key] = value;
        }

        public static string GetString(string key, string defaultValue)
        {
            UnityEngine.Fakes.FakeUnity.CheckThread("GetString");
            object found;
            return Values.TryGetValue(key, out found) ? (string)found : defaultValue;
        }

        public static void SetInt(string key, int value)
        {
            Values[key] = value;
        }

        public static int GetInt(string key, int defaultValue)
        {
            object found;
            return Values.TryGetValue(key, out found) ? (int)found : defaultValue;
        }

        public static bool HasKey(string key)
        {
            return Values.ContainsKey(key);
        }

        public static void DeleteKey(string key)
        {
            Values.Remove(key);
        }

        internal static void Forget()
        {
            Values.Clear();
        }
    }

    public enum PlayModeStateChange
    {
        EnteredEditMode = 0,
        ExitingEditMode = 1,
        EnteredPlayMode = 2,
        ExitingPlayMode = 3
    }

    public sealed class EditorApplication
    {
        public delegate void CallbackFunction();

        public static CallbackFunction update;

        public static CallbackFunction delayCall;

        public static event Action quitting;

        public static event Action projectChanged;

        public static event Action<PlayModeStateChange> playModeStateChanged;

        public static bool isPlaying
        {
            get { return Application.isPlaying; }
        }

        public static bool isPlayingOrWillChangePlaymode
        {
            get { return Application.isPlaying; }
        }

        public static bool isCompiling
        {
            get { return false; }
        }

        internal static void RaiseQuitting()
        {
            Action handler = quitting;
            if (handler != null) { handler(); }
        }

        internal static void RaiseProjectChanged()
        {
            Action handler = projectChanged;
            if (handler != null) { handler(); }
        }

        internal static void RaisePlayMode(PlayModeStateChange change)
        {
            Action<PlayModeStateChange> handler = playModeStateChanged;
            if (handler != null) { handler(change); }
        }

        internal static void Forget()
        {
            update = null;
            delayCall = null;
            quitting = null;
            projectChanged = null;
            playModeStateChanged = null;
        }
    }

    public static class AssemblyReloadEvents
    {
        public delegate void AssemblyReloadCallback();

        public static event AssemblyReloadCallback beforeAssemblyReload;

        public static event AssemblyReloadCallback afterAssemblyReload;

        internal static void RaiseBefore()
        {
            AssemblyReloadCallback handler = beforeAssemblyReload;
            if (handler != null) { handler(); }
        }

        internal static void RaiseAfter()
        {
            AssemblyReloadCallback handler = afterAssemblyReload;
            if (handler != null) { handler(); }
        }

        internal static void Forget()
        {
            beforeAssemblyReload = null;
            afterAssemblyReload = null;
        }
    }

    public sealed class EditorGUIUtility
    {
        public static string systemCopyBuffer { get; set; } = "";
    }

    public class EditorUtility
    {
        public static bool DisplayDialog(string title, string message, string ok, string cancel)
        {
            return FakeDialogs.Answer(title, message);
        }

        public static bool DisplayDialog(string title, string message, string ok)
        {
            return FakeDialogs.Answer(title, message);
        }

        public static string OpenFolderPanel(string title, string folder, string defaultName)
        {
            return FakeDialogs.ChosenPath;
        }

        public static string OpenFilePanel(string title, string directory, string extension)
        {
            return FakeDialogs.ChosenPath;
        }

        public static void SetDirty(UnityEngine.Object target)
        {
            if (target == null) { throw new ArgumentNullException("target"); }
            AssetDatabase.MarkDirty(target);
        }

        public static void RevealInFinder(string path)
        {
            FakeDialogs.Revealed = path;
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public class InitializeOnLoadAttribute : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Method)]
    public class InitializeOnLoadMethodAttribute : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
    public sealed class MenuItem : Attribute
    {
        public MenuItem(string itemName) : this(itemName, false)
        {
        }

        public MenuItem(string itemName, bool isValidateFunction) : this(itemName, isValidateFunction, 0)
        {
        }

        public MenuItem(string itemName, bool isValidateFunction, int priority)
        {
            menuItem = itemName;
            validate = isValidateFunction;
            this.priority = priority;
        }

        public string menuItem;

        public bool validate;

        public int priority;
    }
}

namespace UnityEditor.Fakes
{
    /// <summary>What a person answers in dialogs.</summary>
    public static class FakeDialogs
    {
        /// <summary>The answer to every question.</summary>
        public static bool Agree { get; set; } = true;

        /// <summary>The path chosen in every panel; empty means that it was closed.</summary>
        public static string ChosenPath { get; set; } = "";

        /// <summary>What was shown in the file browser last.</summary>
        public static string Revealed { get; set; } = "";

        /// <summary>Questions that were asked, title and text.</summary>
        public static readonly List<string> Asked = new List<string>();

        internal static bool Answer(string title, string message)
        {
            Asked.Add(title + ": " + message);
            return Agree;
        }

        internal static void Forget()
        {
            Agree = true;
            ChosenPath = "";
            Revealed = "";
            Asked.Clear();
        }
    }
}
