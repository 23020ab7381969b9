using System;
using System.Collections.Generic;

// A fake of the part of UI Toolkit that the Editor's views use: a tree that tests can click in and read.
namespace UnityEngine.UIElements
{
    public interface IEventHandler
    {
    }

    public delegate void EventCallback<in TEventType>(TEventType evt);

    public enum TrickleDown
    {
        NoTrickleDown,
        TrickleDown
    }

    public abstract class EventBase
    {
        public IEventHandler target { get; set; }
    }

    public abstract class EventBase<T> : EventBase where T : EventBase<T>, new()
    {
    }

    public class ChangeEvent<T> : EventBase<ChangeEvent<T>>
    {
        public T previousValue { get; protected set; }

        public T newValue { get; protected set; }

        public static ChangeEvent<T> GetPooled(T previousValue, T newValue)
        {
            return new ChangeEvent<T> { previousValue = previousValue, newValue = newValue };
        }
    }

    public class AttachToPanelEvent : EventBase<AttachToPanelEvent>
    {
    }

    public class DetachFromPanelEvent : EventBase<DetachFromPanelEvent>
    {
    }

    public abstract class CallbackEventHandler : IEventHandler
    {
        private readonly Dictionary<Type, List<Delegate>> _callbacks = new Dictionary<Type, List<Delegate>>();

        public void RegisterCallback<TEventType>(
            EventCallback<TEventType> callback, TrickleDown useTrickleDown = TrickleDown.NoTrickleDown)
            where TEventType : EventBase<TEventType>, new()
        {
            List<Delegate> known;
            if (!_callbacks.TryGetValue(typeof(TEventType), out known))
            {
                known = new List<Delegate>();
                _callbacks.Add(typeof(TEventType), known);
            }
            known.Add(callback);
        }

        /// <summary>The fake has no panel loop: an event is delivered at once.</summary>
        internal void Deliver<TEventType>(TEventType evt) where TEventType : EventBase<TEventType>, new()
        {
            List<Delegate> known;
            evt.target = this;
            if (!_callbacks.TryGetValue(typeof(TEventType), out known)) { return; }
            foreach (Delegate callback in known.ToArray()) { ((EventCallback<TEventType>)callback)(evt); }
        }
    }

    public abstract class Focusable : CallbackEventHandler
    {
        public virtual bool focusable { get; set; }
    }

    public class VisualElement : Focusable
    {
        private readonly List<VisualElement> _children = new List<VisualElement>();
        private readonly List<string> _classes = new List<string>();
        private readonly FakeScheduler _schedule;
        private bool _enabled = true;

        public VisualElement()
        {
            style = new FakeStyle();
            _schedule = new FakeScheduler(this);
        }

        public VisualElement parent { get; private set; }

        public string name { get; set; } = "";

        public string tooltip { get; set; } = "";

        public object userData { get; set; }

        public string viewDataKey { get; set; }

        public IStyle style { get; }

        public IVisualElementScheduler schedule
        {
            get { return _schedule; }
        }

        public int childCount
        {
            get { return _children.Count; }
        }

        public VisualElement this[int key]
        {
            get { return _children[key]; }
        }

        public bool enabledSelf
        {
            get { return _enabled; }
        }

        public bool enabledInHierarchy
        {
            get { return _enabled && (parent == null || parent.enabledInHierarchy); }
        }

        public bool visible { get; set; } = true;

        public void SetEnabled(bool value)
        {
            _enabled = value;
        }

        public void Add(VisualElement child)
        {
            Insert(_children.Count, child);
        }

        public void Insert(int index, VisualElement element)
        {
            if (element == null || element == this) { throw new ArgumentException("no element to add"); }
            element.RemoveFromHierarchy();
            _children.Insert(Math.Min(index, _children.Count), element);
            element.parent = this;
        }

        public void Remove(VisualElement element)
        {
            if (!_children.Remove(element)) { throw new ArgumentException("the element is no child"); }
            element.parent = null;
        }

        public void RemoveFromHierarchy()
        {
            if (parent != null) { parent.Remove(this); }
        }

        public void Clear()
        {
            foreach (VisualElement child in _children) { child.parent = null; }
            _children.Clear();
        }

        public IEnumerable<VisualElement> Children()
        {
            return _children.ToArray();
        }

        public int IndexOf(VisualElement element)
        {
            return _children.IndexOf(element);
        }

        public void AddToClassList(string className)
        {
            if (!_classes.Contains(className)) { _classes.Add(className); }
        }

        public void EnableInClassList(string className, bool enable)
        {
            if (enable) { AddToClassList(className); }
            else { _classes.Remove(className); }
        }

        public bool ClassListContains(string cls)
        {
            return _classes.Contains(cls);
        }

        public void MarkDirtyRepaint()
        {
        }

        internal void Advance(long milliseconds)
        {
            _schedule.Advance(milliseconds);
            foreach (VisualElement child in _children.ToArray()) { child.Advance(milliseconds); }
        }
    }

    public class BindableElement : VisualElement
    {
        public string bindingPath { get; set; }
    }

    public static class UQueryExtensions
    {
        public static T Q<T>(this VisualElement e, string name = null, string className = null) where T : VisualElement
        {
            var found = e as T;
            bool fits = found != null && (name == null || e.name == name)
                && (className == null || e.ClassListContains(className));
            if (fits) { return found; }
            foreach (VisualElement child in e.Children())
            {
                found = child.Q<T>(name, className);
                if (found != null) { return found; }
            }
            return null;
        }

        public static VisualElement Q(this VisualElement e, string name = null, string className = null)
        {
            return e.Q<VisualElement>(name, className);
        }
    }
}
