using System;
using System.Collections.Generic;
using UnityEngine;
using UnityEngine.UIElements;
using UnityEditor.Fakes;

namespace UnityEditor
{
    public class EditorWindow : ScriptableObject
    {
        internal static readonly List<EditorWindow> Open = new List<EditorWindow>();

        public EditorWindow()
        {
            rootVisualElement = new VisualElement();
        }

        public VisualElement rootVisualElement { get; }

        public Vector2 minSize { get; set; }

        internal string Title { get; private set; }

        public bool hasFocus
        {
            get { return Open.Count > 0 && Open[Open.Count - 1] == this; }
        }

        public static T GetWindow<T>() where T : EditorWindow
        {
            return GetWindow<T>(typeof(T).Name);
        }

        public static T GetWindow<T>(string title) where T : EditorWindow
        {
            foreach (EditorWindow known in Open)
            {
                var found = known as T;
                if (found != null) { return found; }
            }
            var made = ScriptableObject.CreateInstance<T>();
            made.Title = title;
            Open.Add(made);
            FakeEditor.Send(made, "CreateGUI");
            return made;
        }

        public static bool HasOpenInstances<T>() where T : EditorWindow
        {
            return Open.Exists(window => window is T);
        }

        public void Show()
        {
        }

        public void Focus()
        {
        }

        public void Repaint()
        {
        }

        public void Close()
        {
            Open.Remove(this);
            DestroyImmediate(this);
        }
    }

    public enum SettingsScope
    {
        User,
        Project
    }

    [AttributeUsage(AttributeTargets.Method)]
    public class SettingsProviderAttribute : Attribute
    {
    }

    public class SettingsProvider
    {
        public SettingsProvider(string path, SettingsScope scopes, IEnumerable<string> keywords = null)
        {
            settingsPath = path;
            scope = scopes;
            this.keywords = keywords ?? new string[0];
        }

        public string label { get; set; }

        public string settingsPath { get; }

        public SettingsScope scope { get; }

        public IEnumerable<string> keywords { get; set; }

        public Action<string, VisualElement> activateHandler { get; set; }

        public Action deactivateHandler { get; set; }

        public virtual void OnActivate(string searchContext, VisualElement rootElement)
        {
            if (activateHandler != null) { activateHandler(searchContext, rootElement); }
        }

        public virtual void OnDeactivate()
        {
            if (deactivateHandler != null) { deactivateHandler(); }
        }
    }
}
