using System;
using System.Collections.Generic;
using System.Reflection;
using UnityEngine;
using UnityEngine.Fakes;

namespace UnityEditor
{
    /// <summary>The project's assets, in memory; those beneath a Resources folder can be loaded by the runtime.</summary>
    public class AssetDatabase
    {
        private static readonly Dictionary<string, UnityEngine.Object> Made = new Dictionary<string, UnityEngine.Object>();
        private static readonly HashSet<string> Folders = new HashSet<string> { "Assets" };
        private static readonly HashSet<UnityEngine.Object> Dirty = new HashSet<UnityEngine.Object>();

        public static bool IsValidFolder(string path)
        {
            return Folders.Contains(path);
        }

        /// <summary>As the real one: gives back an empty text and makes nothing where the parent is missing.</summary>
        public static string CreateFolder(string parentFolder, string newFolderName)
        {
            if (!Folders.Contains(parentFolder)) { return ""; }
            Folders.Add(parentFolder + "/" + newFolderName);
            return Guid.NewGuid().ToString("N");
        }

        public static void CreateAsset(UnityEngine.Object asset, string path)
        {
            if (!asset) { throw new UnityException("no asset"); }
            string folder = path.Substring(0, path.LastIndexOf('/'));
            if (!Folders.Contains(folder)) { throw new UnityException("Creating asset at path " + path + " failed."); }
            Made[path] = asset;
            Dirty.Add(asset);
            int at = path.IndexOf("/Resources/", StringComparison.Ordinal);
            if (at >= 0)
            {
                string below = path.Substring(at + "/Resources/".Length);
                FakeAssets.Resources[below.Substring(0, below.LastIndexOf('.'))] = asset;
            }
        }

        public static T LoadAssetAtPath<T>(string assetPath) where T : UnityEngine.Object
        {
            UnityEngine.Object found;
            return Made.TryGetValue(assetPath, out found) ? found as T : null;
        }

        public static string GetAssetPath(UnityEngine.Object assetObject)
        {
            foreach (KeyValuePair<string, UnityEngine.Object> pair in Made)
            {
                if (pair.Value == assetObject) { return pair.Key; }
            }
            return "";
        }

        public static bool Contains(UnityEngine.Object obj)
        {
            return Made.ContainsValue(obj);
        }

        public static void SaveAssets()
        {
            Dirty.Clear();
        }

        public static void SaveAssetIfDirty(UnityEngine.Object obj)
        {
            Dirty.Remove(obj);
        }

        internal static bool HasUnsaved(UnityEngine.Object obj)
        {
            return Dirty.Contains(obj);
        }

        internal static void MarkDirty(UnityEngine.Object obj)
        {
            if (Made.ContainsValue(obj)) { Dirty.Add(obj); }
        }

        internal static void Forget()
        {
            Made.Clear();
            Dirty.Clear();
            Folders.Clear();
            Folders.Add("Assets");
        }
    }

    public class Selection
    {
        public static UnityEngine.Object activeObject { get; set; }

        public static GameObject activeGameObject
        {
            get { return activeObject as GameObject; }
            set { activeObject = value; }
        }
    }

    /// <summary>Knows created objects, added components and changed parents, by group.</summary>
    public class Undo
    {
        private static readonly List<KeyValuePair<int, Action>> Steps = new List<KeyValuePair<int, Action>>();
        private static readonly List<string> Names = new List<string>();
        private static int _group;

        public static void RegisterCreatedObjectUndo(UnityEngine.Object objectToUndo, string name)
        {
            Add(name, () => UnityEngine.Object.DestroyImmediate(objectToUndo));
        }

        public static T AddComponent<T>(GameObject gameObject) where T : Component
        {
            var made = gameObject.AddComponent<T>();
            Add("Add Component", () => UnityEngine.Object.DestroyImmediate(made));
            return made;
        }

        public static void SetTransformParent(Transform transform, Transform newParent, string name)
        {
            Transform before = transform.parent;
            transform.SetParent(newParent, true);
            Add(name, () => transform.SetParent(before, true));
        }

        /// <summary>The fake restores nothing of what was recorded: it only knows that a step was made.</summary>
        public static void RecordObject(UnityEngine.Object objectToUndo, string name)
        {
            Add(name, () => { });
        }

        public static void IncrementCurrentGroup()
        {
            _group++;
        }

        public static int GetCurrentGroup()
        {
            return _group;
        }

        public static void SetCurrentGroupName(string name)
        {
            while (Names.Count <= _group) { Names.Add(""); }
            Names[_group] = name;
        }

        public static string GetCurrentGroupName()
        {
            return _group < Names.Count ? Names[_group] : "";
        }

        public static void CollapseUndoOperations(int groupIndex)
        {
            for (int i = 0; i < Steps.Count; i++)
            {
                if (Steps[i].Key > groupIndex) { Steps[i] = new KeyValuePair<int, Action>(groupIndex, Steps[i].Value); }
            }
            _group = groupIndex;
        }

        public static void PerformUndo()
        {
            if (Steps.Count == 0) { return; }
            int last = Steps[Steps.Count - 1].Key;
            while (Steps.Count > 0 && Steps[Steps.Count - 1].Key == last)
            {
                Action step = Steps[Steps.Count - 1].Value;
                Steps.RemoveAt(Steps.Count - 1);
                step();
            }
        }

        internal static void Forget()
        {
            Steps.Clear();
            Names.Clear();
            _group = 0;
        }

        private static void Add(string name, Action step)
        {
            SetCurrentGroupName(name);
            Steps.Add(new KeyValuePair<int, Action>(_group, step));
        }
    }
}

namespace UnityEditor.PackageManager
{
    public class PackageInfo
    {
        private PackageInfo()
        {
        }

        public string name { get; private set; }

        public string version { get; private set; }

        public string resolvedPath { get; private set; }

        /// <summary>The package under test lies where <c>FakeEditor.PackageFolder</c> says.</summary>
        public static PackageInfo FindForAssembly(Assembly assembly)
        {
            if (Fakes.FakeEditor.PackageFolder == null) { return null; }
            return new PackageInfo
            {
                name = "com.vitrine.sidecar", version = "0.1.0", resolvedPath = Fakes.FakeEditor.PackageFolder
            };
        }
    }
}
