using System;
using System.Collections.Generic;

namespace UnityEngine.UIElements
{
    public interface IVisualElementScheduledItem
    {
        VisualElement element { get; }

        bool isActive { get; }

        void Resume();

        void Pause();

        IVisualElementScheduledItem StartingIn(long delayMs);

        IVisualElementScheduledItem Every(long intervalMs);
    }

    public interface IVisualElementScheduler
    {
        IVisualElementScheduledItem Execute(Action updateEvent);
    }

    internal sealed class FakeScheduler : IVisualElementScheduler
    {
        private readonly VisualElement _element;
        private readonly List<FakeItem> _items = new List<FakeItem>();

        internal FakeScheduler(VisualElement element)
        {
            _element = element;
        }

        public IVisualElementScheduledItem Execute(Action updateEvent)
        {
            var item = new FakeItem(_element, updateEvent);
            _items.Add(item);
            return item;
        }

        internal void Advance(long milliseconds)
        {
            foreach (FakeItem item in _items.ToArray()) { item.Advance(milliseconds); }
        }
    }

    internal sealed class FakeItem : IVisualElementScheduledItem
    {
        private readonly Action _action;
        private long _waitMs;
        private long _everyMs = -1;
        private bool _over;

        internal FakeItem(VisualElement element, Action action)
        {
            this.element = element;
            _action = action;
        }

        public VisualElement element { get; }

        public bool isActive { get; private set; } = true;

        public void Resume()
        {
            isActive = true;
        }

        public void Pause()
        {
            isActive = false;
        }

        public IVisualElementScheduledItem StartingIn(long delayMs)
        {
            _waitMs = delayMs;
            return this;
        }

        public IVisualElementScheduledItem Every(long intervalMs)
        {
            _everyMs = intervalMs;
            return this;
        }

        internal void Advance(long milliseconds)
        {
            if (!isActive || _over) { return; }
            _waitMs -= milliseconds;
            if (_waitMs > 0) { return; }
            _waitMs = Math.Max(0, _everyMs);
            _over = _everyMs < 0;
            _action();
        }
    }
}
namespace UnityEngine.Fakes
{
    using UnityEngine.UIElements;

    /// <summary>What a person does with a view: wait, press, read.</summary>
    public static class FakeUI
    {
        /// <summary>Lets time pass for everything scheduled beneath an element.</summary>
        public static void Advance(VisualElement root, long milliseconds)
        {
            root.Advance(milliseconds);
        }

        /// <summary>Presses a button; one that is disabled or hidden cannot be pressed.</summary>
        public static void Press(VisualElement root, string name)
        {
            var button = root.Q<Button>(name);
            if (button == null) { throw new InvalidOperationException("there is no button " + name); }
            if (!button.enabledInHierarchy) { throw new InvalidOperationException("the button " + name + " is disabled"); }
            if (!IsShown(button)) { throw new InvalidOperationException("the button " + name + " is hidden"); }
            button.Press();
        }

        /// <summary>All text that can be seen beneath an element, one line a piece.</summary>
        public static string Read(VisualElement root)
        {
            var lines = new List<string>();
            Read(root, lines);
            return string.Join("\n", lines);
        }

        /// <summary>Whether an element and all above it are displayed.</summary>
        public static bool IsShown(VisualElement element)
        {
            for (VisualElement at = element; at != null; at = at.parent)
            {
                if (at.style.display.value == DisplayStyle.None || !at.visible) { return false; }
            }
            return true;
        }

        private static void Read(VisualElement element, List<string> lines)
        {
            if (element.style.display.value == DisplayStyle.None || !element.visible) { return; }
            string text = TextOf(element);
            if (!string.IsNullOrEmpty(text)) { lines.Add(text); }
            foreach (VisualElement child in element.Children()) { Read(child, lines); }
        }

        private static string TextOf(VisualElement element)
        {
            var text = element as TextElement;
            if (text != null) { return text.text; }
            var box = element as HelpBox;
            if (box != null) { return box.text; }
            var bar = element as AbstractProgressBar;
            if (bar != null) { return bar.title; }
            var foldout = element as Foldout;
            if (foldout != null) { return foldout.text; }
            var field = element as TextField;
            if (field != null) { return field.label + " " + field.value; }
            var popup = element as DropdownField;
            return popup != null ? popup.label + " " + popup.value : null;
        }
    }
}
