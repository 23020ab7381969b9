using System;
using System.Collections.Generic;
using System.Reflection;
using UnityEngine;
using UnityEngine.UIElements;

namespace UnityEditor
{
    /// <summary>The serialized fields of an object, by reflection; values are written back when applied.</summary>
    public class SerializedObject : IDisposable
    {
        private readonly Dictionary<string, SerializedProperty> _properties = new Dictionary<string, SerializedProperty>();
        private readonly List<string> _order = new List<string>();

        public SerializedObject(UnityEngine.Object obj)
        {
            if (!obj) { throw new ArgumentException("Object at index 0 is null"); }
            targetObject = obj;
            Collect(obj.GetType());
            Update();
        }

        public UnityEngine.Object targetObject { get; }

        public bool hasModifiedProperties
        {
            get
            {
                foreach (SerializedProperty property in _properties.Values)
                {
                    if (property.IsChanged) { return true; }
                }
                return false;
            }
        }

        public SerializedProperty FindProperty(string propertyPath)
        {
            SerializedProperty found;
            return _properties.TryGetValue(propertyPath, out found) ? found : null;
        }

        public SerializedProperty GetIterator()
        {
            return new SerializedProperty(this, -1);
        }

        public void Update()
        {
            foreach (SerializedProperty property in _properties.Values) { property.Load(); }
        }

        public bool ApplyModifiedProperties()
        {
            bool any = false;
            foreach (SerializedProperty property in _properties.Values) { any |= property.Store(); }
            if (any) { AssetDatabase.MarkDirty(targetObject); }
            return any;
        }

        public void Dispose()
        {
        }

        internal IReadOnlyList<string> Names
        {
            get { return _order; }
        }

        private void Collect(Type type)
        {
            if (type == null || type.Assembly == typeof(UnityEngine.Object).Assembly) { return; }
            Collect(type.BaseType);
            const BindingFlags own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
            foreach (FieldInfo field in type.GetFields(own))
            {
                bool serialized = field.IsPublic || field.IsDefined(typeof(SerializeField), true);
                if (!serialized || field.IsInitOnly || field.IsDefined(typeof(NonSerializedAttribute), true)) { continue; }
                _properties[field.Name] = new SerializedProperty(this, field);
                _order.Add(field.Name);
            }
        }
    }

    public class SerializedProperty : IDisposable
    {
        private FieldInfo _field;
        private object _value;
        private int _at;

        internal SerializedProperty(SerializedObject owner, FieldInfo field)
        {
            serializedObject = owner;
            _field = field;
        }

        /// <summary>An iterator: it stands before the first field, and shows the one that it stands on.</summary>
        internal SerializedProperty(SerializedObject owner, int at)
        {
            serializedObject = owner;
            _at = at;
        }

        public bool NextVisible(bool enterChildren)
        {
            _at++;
            if (_at >= serializedObject.Names.Count) { return false; }
            _field = serializedObject.FindProperty(serializedObject.Names[_at])._field;
            Load();
            return true;
        }

        public SerializedProperty Copy()
        {
            return serializedObject.FindProperty(propertyPath);
        }

        public SerializedObject serializedObject { get; }

        public string name
        {
            get { return _field.Name; }
        }

        public string propertyPath
        {
            get { return _field.Name; }
        }

        /// <summary>As the Inspector writes it: "_frameRate" becomes "Frame Rate".</summary>
        public string displayName
        {
            get
            {
                var text = new System.Text.StringBuilder();
                foreach (char next in _field.Name.TrimStart('_'))
                {
                    if (text.Length == 0) { text.Append(char.ToUpperInvariant(next)); }
                    else if (char.IsUpper(next)) { text.Append(' ').Append(next); }
                    else { text.Append(next); }
                }
                return text.ToString();
            }
        }

        public string tooltip
        {
            get
            {
                object[] found = _field.GetCustomAttributes(typeof(TooltipAttribute), true);
                return found.Length > 0 ? ((TooltipAttribute)found[0]).tooltip : "";
            }
        }

        public bool boolValue
        {
            get { return (bool)_value; }
            set { _value = value; }
        }

        public int intValue
        {
            get { return Convert.ToInt32(_value); }
            set { _value = Convert.ChangeType(value, _field.FieldType); }
        }

        public float floatValue
        {
            get { return Convert.ToSingle(_value); }
            set { _value = Convert.ChangeType(value, _field.FieldType); }
        }

        public string stringValue
        {
            get { return (string)_value ?? ""; }
            set { _value = value; }
        }

        public int enumValueIndex
        {
            get { return Array.IndexOf(Enum.GetValues(_field.FieldType), _value); }
            set { _value = Enum.GetValues(_field.FieldType).GetValue(value); }
        }

        public UnityEngine.Object objectReferenceValue
        {
            get { return (UnityEngine.Object)_value; }
            set
            {
                if (value && !_field.FieldType.IsInstanceOfType(value)) { throw new InvalidOperationException("type is not a supported pptr value"); }
                _value = value ? value : null;
            }
        }

        public void Dispose()
        {
        }

        internal Type FieldType
        {
            get { return _field.FieldType; }
        }

        internal bool IsChanged
        {
            get { return !Equals(_field.GetValue(serializedObject.targetObject), _value); }
        }

        internal void Load()
        {
            _value = _field.GetValue(serializedObject.targetObject);
        }

        internal bool Store()
        {
            if (!IsChanged) { return false; }
            _field.SetValue(serializedObject.targetObject, _value);
            return true;
        }
    }

    public class Editor : ScriptableObject
    {
        private SerializedObject _serialized;

        public UnityEngine.Object target { get; set; }

        public SerializedObject serializedObject
        {
            get
            {
                if (_serialized == null) { _serialized = new SerializedObject(target); }
                return _serialized;
            }
        }

        public static Editor CreateEditor(UnityEngine.Object targetObject)
        {
            Type type = Fakes.FakeEditor.FindEditor(targetObject.GetType());
            if (type == null) { throw new InvalidOperationException("no custom editor for " + targetObject.GetType()); }
            return CreateEditor(targetObject, type);
        }

        public static Editor CreateEditor(UnityEngine.Object targetObject, Type editorType)
        {
            var made = (Editor)Activator.CreateInstance(editorType);
            made.target = targetObject;
            Fakes.FakeEditor.Send(made, "OnEnable");
            return made;
        }

        public virtual VisualElement CreateInspectorGUI()
        {
            return null;
        }

        public void Repaint()
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public class CustomEditor : Attribute
    {
        public CustomEditor(Type inspectedType)
        {
            Inspected = inspectedType;
        }

        internal Type Inspected { get; }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public class CanEditMultipleObjects : Attribute
    {
    }
}

namespace UnityEditor.UIElements
{
    /// <summary>Shows the property's name; tests change values through the SerializedObject.</summary>
    public class PropertyField : VisualElement
    {
        public PropertyField(SerializedProperty property) : this(property, property.displayName)
        {
        }

        public PropertyField(SerializedProperty property, string label)
        {
            this.label = label;
            bindingPath = property.propertyPath;
            name = "PropertyField:" + property.propertyPath;
            Add(new Label(label));
        }

        public string label { get; set; }

        public string bindingPath { get; set; }
    }

    public static class BindingExtensions
    {
        public static void Bind(this VisualElement element, SerializedObject obj)
        {
            element.userData = obj;
        }
    }

    public class InspectorElement : BindableElement
    {
        public static void FillDefaultInspector(VisualElement container, SerializedObject serializedObject, Editor editor)
        {
            foreach (string name in serializedObject.Names)
            {
                container.Add(new PropertyField(serializedObject.FindProperty(name)));
            }
        }
    }
}
