using System;
using System.Collections.Generic;
using System.Reflection;
using UnityEngine.Fakes;

namespace UnityEngine
{
    [Flags]
    public enum HideFlags
    {
        None = 0, HideInHierarchy = 1, HideInInspector = 2, DontSaveInEditor = 4, NotEditable = 8, DontSaveInBuild = 16,
        DontUnloadUnusedAsset = 32, DontSave = 52, HideAndDontSave = 61
    }

    public enum FindObjectsSortMode { None = 0, InstanceID = 1 }

    public enum FindObjectsInactive { Exclude = 0, Include = 1 }

    public class UnityException : SystemException
    {
        public UnityException(string message) : base(message) { }
    }

    public class MissingReferenceException : SystemException
    {
        public MissingReferenceException(string message) : base(message) { }
    }

    /// <summary>Compares equal to null once destroyed, as the real one does.</summary>
    public class Object
    {
        private static int _lastId;

        private readonly int _id = ++_lastId;
        private string _name = "";

        public Object()
        {
            FakeUnity.CheckThread(GetType().Name + " constructor");
        }

        internal bool IsDestroyed { get; private set; }

        public string name
        {
            get { Check("get_name"); return _name; }
            set { Check("set_name"); _name = value; }
        }

        public HideFlags hideFlags { get; set; }

        public int GetInstanceID()
        {
            return _id;
        }

        public override int GetHashCode()
        {
            return _id;
        }

        public override bool Equals(object other)
        {
            return Same(this, other as Object) && (other == null || other is Object);
        }

        public override string ToString()
        {
            return (IsDestroyed ? "null" : _name) + " (" + GetType().Name + ")";
        }

        public static implicit operator bool(Object exists)
        {
            return !Same(exists, null);
        }

        public static bool operator ==(Object x, Object y)
        {
            return Same(x, y);
        }

        public static bool operator !=(Object x, Object y)
        {
            return !Same(x, y);
        }

        public static void Destroy(Object obj)
        {
            Destroy(obj, 0);
        }

        public static void Destroy(Object obj, float t)
        {
            FakeUnity.CheckThread("Destroy");
            if (!Application.isPlaying)
            {
                Debug.LogError("Destroy may not be called from edit mode! Use DestroyImmediate instead.");
                return;
            }
            if (obj) { FakeScene.DestroyLater(obj, t); }
        }

        public static void DestroyImmediate(Object obj)
        {
            DestroyImmediate(obj, false);
        }

        public static void DestroyImmediate(Object obj, bool allowDestroyingAssets)
        {
            FakeUnity.CheckThread("DestroyImmediate");
            if (obj) { obj.DestroyNow(); }
        }

        public static void DontDestroyOnLoad(Object target)
        {
            FakeUnity.CheckThread("DontDestroyOnLoad");
        }

        public static Object Instantiate(Object original)
        {
            return FakeClone.Of(original);
        }

        public static T Instantiate<T>(T original) where T : Object
        {
            return (T)FakeClone.Of(original);
        }

        public static T Instantiate<T>(T original, Transform parent) where T : Object
        {
            var clone = (T)FakeClone.Of(original);
            var item = clone as GameObject;
            if (item != null) { item.transform.SetParent(parent, false); }
            var component = clone as Component;
            if (component != null) { component.transform.SetParent(parent, false); }
            return clone;
        }

        public static T[] FindObjectsByType<T>(FindObjectsSortMode sortMode) where T : Object
        {
            return FakeScene.Find<T>(false).ToArray();
        }

        public static T[] FindObjectsByType<T>(FindObjectsInactive findObjectsInactive, FindObjectsSortMode sortMode)
            where T : Object
        {
            return FakeScene.Find<T>(findObjectsInactive == FindObjectsInactive.Include).ToArray();
        }

        public static T FindAnyObjectByType<T>() where T : Object
        {
            List<T> found = FakeScene.Find<T>(false);
            return found.Count > 0 ? found[0] : null;
        }

        public static T FindFirstObjectByType<T>() where T : Object
        {
            return FindAnyObjectByType<T>();
        }

        /// <summary>Frees what the object holds; the fakes of textures do.</summary>
        internal virtual void OnDestroyed()
        {
        }

        internal virtual void DestroyNow()
        {
            if (IsDestroyed) { return; }
            MarkDestroyed();
        }

        internal void MarkDestroyed()
        {
            IsDestroyed = true;
            OnDestroyed();
        }

        /// <summary>What the real engine refuses: another thread, and an object that was destroyed.</summary>
        protected internal void Check(string member)
        {
            FakeUnity.CheckThread(member);
            if (IsDestroyed)
            {
                throw new MissingReferenceException(
                    "The object of type '" + GetType().Name + "' has been destroyed but you are still trying to access it.");
            }
        }

        private static bool Same(Object x, Object y)
        {
            bool noX = ReferenceEquals(x, null) || x.IsDestroyed, noY = ReferenceEquals(y, null) || y.IsDestroyed;
            return noX || noY ? noX && noY : ReferenceEquals(x, y);
        }
    }

    public class ScriptableObject : Object
    {
        public static T CreateInstance<T>() where T : ScriptableObject
        {
            return (T)CreateInstance(typeof(T));
        }

        public static ScriptableObject CreateInstance(Type type)
        {
            var made = (ScriptableObject)Activator.CreateInstance(type, true);
            FakeMessages.Send(made, "Awake");
            FakeMessages.Send(made, "OnEnable");
            return made;
        }

        internal override void DestroyNow()
        {
            if (IsDestroyed) { return; }
            FakeMessages.Send(this, "OnDisable");
            FakeMessages.Send(this, "OnDestroy");
            base.DestroyNow();
        }
    }

    public sealed class Resources
    {
        public static T Load<T>(string path) where T : Object
        {
            return Load(path, typeof(T)) as T;
        }

        public static Object Load(string path, Type systemTypeInstance)
        {
            FakeUnity.CheckThread("Load");
            Object found;
            return FakeAssets.Resources.TryGetValue(path, out found) && systemTypeInstance.IsInstanceOfType(found) ? found : null;
        }

        public static T GetBuiltinResource<T>(string path) where T : Object
        {
            FakeUnity.CheckThread("GetBuiltinResource");
            if (typeof(T) == typeof(Font) && path == "LegacyRuntime.ttf") { return (T)(Object)new Font(path); }
            throw new ArgumentException(path + " is no longer a valid built in font.");
        }

        public static T[] FindObjectsOfTypeAll<T>() where T : Object
        {
            return FakeScene.Find<T>(true).ToArray();
        }

        public static void UnloadAsset(Object assetToUnload)
        {
        }
    }

    public class TextAsset : Object
    {
        public TextAsset(string text)
        {
            this.text = text;
        }

        public string text { get; }
    }
}

namespace UnityEngine.Fakes
{
    /// <summary>What the project's Assets would hold.</summary>
    public static class FakeAssets
    {
        /// <summary>By path below a Resources folder, without the extension.</summary>
        public static readonly Dictionary<string, Object> Resources = new Dictionary<string, Object>();

        internal static void Reset()
        {
            Resources.Clear();
        }
    }

    /// <summary>Copies an object's serialized fields, and a game object with its components and children.</summary>
    internal static class FakeClone
    {
        internal static Object Of(Object original)
        {
            FakeUnity.CheckThread("Instantiate");
            if (!original) { throw new ArgumentException("The Object you want to instantiate is null."); }
            var component = original as Component;
            if (component != null) { return Copy(component.gameObject).GetComponent(original.GetType()); }
            var item = original as GameObject;
            if (item != null) { return Copy(item); }
            ConstructorInfo copy = original.GetType().GetConstructor(new[] { original.GetType() });
            if (copy != null) { return (Object)copy.Invoke(new object[] { original }); }
            ScriptableObject made = ScriptableObject.CreateInstance(original.GetType());
            Fields(original, made);
            made.name = original.name + "(Clone)";
            return made;
        }

        private static GameObject Copy(GameObject item)
        {
            var copy = new GameObject(item.name + "(Clone)");
            bool active = item.activeSelf;
            copy.SetActive(false);
            foreach (Component component in item.GetComponents<Component>())
            {
                Component made = component is Transform && !(component is RectTransform)
                    ? copy.transform : copy.AddComponent(component.GetType());
                if (made is Transform) { ((Transform)made).CopyPlace((Transform)component); }
                else { Fields(component, made); }
            }
            for (int i = 0; i < item.transform.childCount; i++)
            {
                GameObject child = Copy(item.transform.GetChild(i).gameObject);
                child.name = item.transform.GetChild(i).name;
                child.transform.SetParent(copy.transform, false);
            }
            copy.SetActive(active);
            return copy;
        }

        private static void Fields(Object from, Object to)
        {
            const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
            for (Type type = from.GetType(); type.Assembly != typeof(Object).Assembly; type = type.BaseType)
            {
                foreach (FieldInfo field in type.GetFields(Own))
                {
                    if (field.IsPublic || field.IsDefined(typeof(SerializeField), true)) { field.SetValue(to, field.GetValue(from)); }
                }
            }
        }
    }
}
