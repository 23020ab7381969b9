using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;
using UnityEngine.Fakes;

namespace UnityEngine
{
    public enum PrimitiveType { Sphere = 0, Capsule = 1, Cylinder = 2, Cube = 3, Plane = 4, Quad = 5 }

    public sealed class GameObject : Object
    {
        private readonly List<Component> _components = new List<Component>();
        private bool _active = true;

        public GameObject() : this("New Game Object")
        {
        }

        public GameObject(string name)
        {
            this.name = name;
            FakeScene.Objects.Add(this);
            Attach(new Transform());
        }

        public GameObject(string name, params Type[] components) : this(name)
        {
            foreach (Type type in components) { AddComponent(type); }
        }

        public Transform transform
        {
            get { Check("get_transform"); return (Transform)_components[0]; }
        }

        public GameObject gameObject
        {
            get { return this; }
        }

        public int layer { get; set; }

        public string tag { get; set; } = "Untagged";

        public bool activeSelf
        {
            get { Check("get_activeSelf"); return _active; }
        }

        public bool activeInHierarchy
        {
            get
            {
                Check("get_activeInHierarchy");
                Transform parent = transform.parent;
                return _active && (parent == null || parent.gameObject.activeInHierarchy);
            }
        }

        public static GameObject CreatePrimitive(PrimitiveType type)
        {
            var made = new GameObject(type.ToString(), typeof(MeshFilter), typeof(MeshRenderer), typeof(MeshCollider));
            made.GetComponent<Renderer>().sharedMaterial = new Material(Shader.Find("Standard"));
            return made;
        }

        public void SetActive(bool value)
        {
            Check("SetActive");
            if (_active == value) { return; }
            _active = value;
            FakeScene.Refresh(this);
        }

        public bool CompareTag(string tag)
        {
            return this.tag == tag;
        }

        public Component AddComponent(Type componentType)
        {
            Check("AddComponent");
            foreach (RequireComponent required in componentType.GetCustomAttributes(typeof(RequireComponent), true))
            {
                foreach (Type type in new[] { required.m_Type0, required.m_Type1, required.m_Type2 })
                {
                    if (type != null && GetComponent(type) == null) { AddComponent(type); }
                }
            }
            if (componentType.IsDefined(typeof(DisallowMultipleComponent), false) && GetComponent(componentType) != null)
            {
                Debug.LogError("Can't add component because '" + name + "' already has one: " + componentType.Name);
                return null;
            }
            var made = (Component)Activator.CreateInstance(componentType, true);
            Attach(made);
            FakeScene.Added(made);
            return made;
        }

        public T AddComponent<T>() where T : Component
        {
            return (T)AddComponent(typeof(T));
        }

        public Component GetComponent(Type type)
        {
            Check("GetComponent");
            foreach (Component component in _components)
            {
                if (type.IsInstanceOfType(component)) { return component; }
            }
            return null;
        }

        public T GetComponent<T>()
        {
            return (T)(object)GetComponent(typeof(T));
        }

        public bool TryGetComponent<T>(out T component)
        {
            component = GetComponent<T>();
            return component != null;
        }

        public T[] GetComponents<T>()
        {
            Check("GetComponents");
            var found = new List<T>();
            foreach (Component component in _components)
            {
                if (component is T) { found.Add((T)(object)component); }
            }
            return found.ToArray();
        }

        public T GetComponentInChildren<T>()
        {
            T[] found = GetComponentsInChildren<T>(false);
            return found.Length > 0 ? found[0] : default(T);
        }

        public T GetComponentInChildren<T>(bool includeInactive)
        {
            T[] found = GetComponentsInChildren<T>(includeInactive);
            return found.Length > 0 ? found[0] : default(T);
        }

        public T[] GetComponentsInChildren<T>()
        {
            return GetComponentsInChildren<T>(false);
        }

        public T[] GetComponentsInChildren<T>(bool includeInactive)
        {
            var found = new List<T>();
            if (includeInactive || activeInHierarchy) { found.AddRange(GetComponents<T>()); }
            for (int i = 0; i < transform.childCount; i++)
            {
                found.AddRange(transform.GetChild(i).gameObject.GetComponentsInChildren<T>(includeInactive));
            }
            return found.ToArray();
        }

        public T GetComponentInParent<T>()
        {
            T own = GetComponent<T>();
            Transform parent = transform.parent;
            return own != null || parent == null ? own : parent.gameObject.GetComponentInParent<T>();
        }

        internal List<Component> Components
        {
            get { return _components; }
        }

        internal override void DestroyNow()
        {
            if (IsDestroyed) { return; }
            while (transform.childCount > 0) { transform.GetChild(transform.childCount - 1).gameObject.DestroyNow(); }
            for (int i = _components.Count - 1; i > 0; i--) { _components[i].DestroyNow(); }
            transform.SetParent(null);
            transform.MarkDestroyed();
            FakeScene.Objects.Remove(this);
            base.DestroyNow();
        }

        /// <summary>A RectTransform takes the place of the plain one, as in the engine.</summary>
        private void Attach(Component made)
        {
            made.SetOwner(this);
            var place = made as RectTransform;
            if (place != null && _components.Count > 0)
            {
                place.TakeOver((Transform)_components[0]);
                _components[0] = place;
                return;
            }
            _components.Add(made);
        }
    }

    public class Component : Object
    {
        private GameObject _owner;

        public GameObject gameObject
        {
            get { Check("get_gameObject"); return _owner; }
        }

        public Transform transform
        {
            get { Check("get_transform"); return _owner.transform; }
        }

        public string tag
        {
            get { return gameObject.tag; }
            set { gameObject.tag = value; }
        }

        public Component GetComponent(Type type) { return gameObject.GetComponent(type); }

        public T GetComponent<T>() { return gameObject.GetComponent<T>(); }

        public bool TryGetComponent<T>(out T component) { return gameObject.TryGetComponent(out component); }

        public T[] GetComponents<T>() { return gameObject.GetComponents<T>(); }

        public T GetComponentInChildren<T>() { return gameObject.GetComponentInChildren<T>(); }

        public T[] GetComponentsInChildren<T>() { return gameObject.GetComponentsInChildren<T>(); }

        public T GetComponentInParent<T>() { return gameObject.GetComponentInParent<T>(); }

        internal void SetOwner(GameObject owner)
        {
            _owner = owner;
            name = owner.name;
        }

        internal override void DestroyNow()
        {
            if (IsDestroyed) { return; }
            FakeScene.Removed(this);
            _owner.Components.Remove(this);
            base.DestroyNow();
        }
    }

    public class Behaviour : Component
    {
        private bool _enabled = true;

        public bool enabled
        {
            get { Check("get_enabled"); return _enabled; }
            set
            {
                Check("set_enabled");
                if (_enabled == value) { return; }
                _enabled = value;
                FakeScene.Refresh(gameObject);
            }
        }

        public bool isActiveAndEnabled
        {
            get { return enabled && gameObject.activeInHierarchy; }
        }
    }

    public class MonoBehaviour : Behaviour
    {
        private readonly List<Coroutine> _coroutines = new List<Coroutine>();
        private CancellationTokenSource _destroyed;

        internal bool IsAwake { get; set; }

        internal bool IsOn { get; set; }

        internal bool HasStarted { get; set; }

        public CancellationToken destroyCancellationToken
        {
            get
            {
                Check("get_destroyCancellationToken");
                _destroyed = _destroyed ?? new CancellationTokenSource();
                return _destroyed.Token;
            }
        }

        public Coroutine StartCoroutine(IEnumerator routine)
        {
            Check("StartCoroutine");
            var made = new Coroutine(routine);
            if (!made.Advance()) { _coroutines.Add(made); }
            return made;
        }

        public void StopCoroutine(Coroutine routine)
        {
            _coroutines.Remove(routine);
        }

        public void StopAllCoroutines()
        {
            _coroutines.Clear();
        }

        internal void RunCoroutines()
        {
            for (int i = _coroutines.Count - 1; i >= 0 && i < _coroutines.Count; i--)
            {
                if (_coroutines[i].Advance()) { _coroutines.RemoveAt(i); }
            }
        }

        internal override void OnDestroyed()
        {
            _coroutines.Clear();
            if (_destroyed != null) { _destroyed.Cancel(); }
        }
    }

    public class YieldInstruction
    {
    }

    public sealed class WaitForEndOfFrame : YieldInstruction
    {
    }

    public class AsyncOperation : YieldInstruction
    {
        public bool isDone { get; internal set; }

        public float progress
        {
            get { return isDone ? 1 : 0; }
        }
    }

    /// <summary>Waits a frame for each step, and for what it yields: an operation or another coroutine.</summary>
    public sealed class Coroutine : YieldInstruction
    {
        private readonly IEnumerator _routine;
        private bool _done;

        internal Coroutine(IEnumerator routine)
        {
            _routine = routine;
        }

        internal bool Advance()
        {
            var operation = _routine.Current as AsyncOperation;
            var other = _routine.Current as Coroutine;
            if ((operation == null || operation.isDone) && (other == null || other._done)) { _done = !_routine.MoveNext(); }
            return _done;
        }
    }
}
