using System;
using System.Collections.Generic;
using System.Reflection;

namespace UnityEngine.Fakes
{
    /// <summary>Calls the messages that Unity finds by name, private ones too; their faults go to the Console.</summary>
    internal static class FakeMessages
    {
        private const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

        private static readonly Dictionary<string, Dictionary<Type, Action<Object>>> Known =
            new Dictionary<string, Dictionary<Type, Action<Object>>>();

        internal static void Send(Object target, string message)
        {
            Action<Object> call = Find(target.GetType(), message);
            if (call == null) { return; }
            try
            {
                call(target);
            }
            catch (Exception error)
            {
                Debug.LogException(error, target);
            }
        }

        internal static void Send(Object target, string message, bool value)
        {
            MethodInfo method = Method(target.GetType(), message, typeof(bool));
            if (method != null) { Guard(() => method.Invoke(target, new object[] { value })); }
        }

        internal static void Guard(Action action)
        {
            if (action == null) { return; }
            foreach (Action one in action.GetInvocationList())
            {
                try
                {
                    one();
                }
                catch (Exception error)
                {
                    Debug.LogException(error);
                }
            }
        }

        /// <summary>An open delegate, so that a message costs no garbage: suites count the bytes of a frame.</summary>
        private static Action<Object> Find(Type type, string message)
        {
            Dictionary<Type, Action<Object>> types;
            if (!Known.TryGetValue(message, out types))
            {
                types = new Dictionary<Type, Action<Object>>();
                Known.Add(message, types);
            }
            Action<Object> found;
            if (!types.TryGetValue(type, out found))
            {
                MethodInfo method = Method(type, message);
                found = method == null ? null : Bind(method);
                types.Add(type, found);
            }
            return found;
        }

        private static MethodInfo Method(Type type, string message, params Type[] parameters)
        {
            for (; type != null && type.Assembly != typeof(Object).Assembly; type = type.BaseType)
            {
                MethodInfo method = type.GetMethod(message, Own, null, parameters, null);
                if (method != null) { return method; }
            }
            return null;
        }

        private static Action<Object> Bind(MethodInfo method)
        {
            MethodInfo maker = typeof(FakeMessages).GetMethod("Open", BindingFlags.Static | BindingFlags.NonPublic);
            return (Action<Object>)maker.MakeGenericMethod(method.DeclaringType).Invoke(null, new object[] { method });
        }

        private static Action<Object> Open<T>(MethodInfo method) where T : Object
        {
            if (method.ReturnType != typeof(void)) // a Start that is a coroutine
            {
                return target => ((MonoBehaviour)target).StartCoroutine((System.Collections.IEnumerator)method.Invoke(target, null));
            }
            var call = (Action<T>)Delegate.CreateDelegate(typeof(Action<T>), method);
            return target => call((T)target);
        }
    }

    /// <summary>The objects of the scene and the life of their components.</summary>
    public static class FakeScene
    {
        internal static readonly List<GameObject> Objects = new List<GameObject>();

        private static readonly List<MonoBehaviour> Behaviours = new List<MonoBehaviour>();
        private static readonly List<MonoBehaviour> Turn = new List<MonoBehaviour>();
        private static readonly List<KeyValuePair<Object, double>> Doomed = new List<KeyValuePair<Object, double>>();

        /// <summary>Game objects in the scene.</summary>
        public static int Count
        {
            get { return Objects.Count; }
        }

        internal static List<T> Find<T>(bool inactive) where T : Object
        {
            var found = new List<T>();
            foreach (GameObject item in Objects)
            {
                if (!inactive && !item.activeInHierarchy) { continue; }
                if (item is T) { found.Add((T)(Object)item); }
                foreach (Component component in item.Components)
                {
                    if (component is T) { found.Add((T)(Object)component); }
                }
            }
            return found;
        }

        internal static void Added(Component made)
        {
            var behaviour = made as MonoBehaviour;
            if (behaviour == null) { return; }
            int order = Order(behaviour), at = Behaviours.Count;
            while (at > 0 && Order(Behaviours[at - 1]) > order) { at--; }
            Behaviours.Insert(at, behaviour);
            if (!Lives(behaviour)) { FakeMessages.Send(behaviour, "Reset"); }
            Refresh(behaviour);
        }

        internal static void Removed(Component gone)
        {
            var behaviour = gone as MonoBehaviour;
            if (behaviour == null) { return; }
            Behaviours.Remove(behaviour);
            if (behaviour.IsOn)
            {
                behaviour.IsOn = false;
                FakeMessages.Send(behaviour, "OnDisable");
            }
            if (behaviour.IsAwake) { FakeMessages.Send(behaviour, "OnDestroy"); }
        }

        /// <summary>Whether it is on may have changed, for it and for all below.</summary>
        internal static void Refresh(GameObject item)
        {
            foreach (Component component in item.Components.ToArray())
            {
                var behaviour = component as MonoBehaviour;
                if (behaviour != null) { Refresh(behaviour); }
            }
            for (int i = 0; i < item.transform.childCount; i++) { Refresh(item.transform.GetChild(i).gameObject); }
        }

        internal static void Start()
        {
            Take();
            foreach (MonoBehaviour behaviour in Turn)
            {
                if (behaviour && behaviour.IsOn && !behaviour.HasStarted)
                {
                    behaviour.HasStarted = true;
                    FakeMessages.Send(behaviour, "Start");
                }
            }
        }

        internal static void Send(string message)
        {
            Take();
            foreach (MonoBehaviour behaviour in Turn)
            {
                if (behaviour && behaviour.IsOn && behaviour.HasStarted) { FakeMessages.Send(behaviour, message); }
            }
        }

        internal static void Send(string message, bool value)
        {
            foreach (MonoBehaviour behaviour in Behaviours.ToArray())
            {
                if (behaviour && behaviour.IsOn) { FakeMessages.Send(behaviour, message, value); }
            }
        }

        internal static void RunCoroutines()
        {
            Take();
            foreach (MonoBehaviour behaviour in Turn)
            {
                if (behaviour && behaviour.gameObject.activeInHierarchy) { behaviour.RunCoroutines(); }
            }
        }

        internal static void DestroyLater(Object gone, float seconds)
        {
            Doomed.Add(new KeyValuePair<Object, double>(gone, FakeTime.Seconds + seconds));
        }

        internal static void DestroyDoomed()
        {
            for (int i = 0; i < Doomed.Count; i++)
            {
                if (Doomed[i].Value > FakeTime.Seconds) { continue; }
                Object gone = Doomed[i].Key;
                Doomed.RemoveAt(i--);
                if (gone) { gone.DestroyNow(); }
            }
        }

        internal static void Clear()
        {
            while (Objects.Count > 0) { Objects[Objects.Count - 1].DestroyNow(); }
            Behaviours.Clear();
            Doomed.Clear();
        }

        private static void Take()
        {
            Turn.Clear();
            for (int i = 0; i < Behaviours.Count; i++) { Turn.Add(Behaviours[i]); }
        }

        private static void Refresh(MonoBehaviour behaviour)
        {
            if (!Lives(behaviour)) { return; }
            bool active = behaviour.gameObject.activeInHierarchy;
            if (active && !behaviour.IsAwake)
            {
                behaviour.IsAwake = true;
                FakeMessages.Send(behaviour, "Awake");
            }
            bool on = behaviour.IsAwake && active && behaviour.enabled;
            if (on == behaviour.IsOn) { return; }
            behaviour.IsOn = on;
            FakeMessages.Send(behaviour, on ? "OnEnable" : "OnDisable");
        }

        /// <summary>In edit mode only components that ask for it live.</summary>
        private static bool Lives(MonoBehaviour behaviour)
        {
            return Application.isPlaying || behaviour.GetType().IsDefined(typeof(ExecuteAlways), true);
        }

        private static int Order(MonoBehaviour behaviour)
        {
            object[] found = behaviour.GetType().GetCustomAttributes(typeof(DefaultExecutionOrder), true);
            return found.Length > 0 ? ((DefaultExecutionOrder)found[0]).order : 0;
        }
    }
}
