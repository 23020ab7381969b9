using System;
using System.Collections.Generic;

namespace UnityEngine.UIElements
{
    public class TextElement : BindableElement
    {
        public virtual string text { get; set; } = "";
    }

    public class Label : TextElement
    {
        public Label()
        {
        }

        public Label(string text)
        {
            this.text = text;
        }
    }

    public class Button : TextElement
    {
        public Button()
        {
        }

        public Button(Action clickEvent)
        {
            clicked += clickEvent;
        }

        public event Action clicked;

        internal void Press()
        {
            Action handler = clicked;
            if (handler != null) { handler(); }
        }
    }

    public enum HelpBoxMessageType
    {
        None,
        Info,
        Warning,
        Error
    }

    public class HelpBox : VisualElement
    {
        public HelpBox() : this("", HelpBoxMessageType.None)
        {
        }

        public HelpBox(string text, HelpBoxMessageType messageType)
        {
            this.text = text;
            this.messageType = messageType;
        }

        public string text { get; set; }

        public HelpBoxMessageType messageType { get; set; }
    }

    public class AbstractProgressBar : BindableElement
    {
        public string title { get; set; } = "";

        public float lowValue { get; set; }

        public float highValue { get; set; } = 100;

        public virtual float value { get; set; }
    }

    public class ProgressBar : AbstractProgressBar
    {
    }

    public abstract class BaseField<TValueType> : BindableElement
    {
        private TValueType _value;

        protected BaseField(string label)
        {
            this.label = label;
        }

        public string label { get; set; }

        public virtual TValueType value
        {
            get { return _value; }
            set
            {
                if (EqualityComparer<TValueType>.Default.Equals(_value, value)) { return; }
                TValueType before = _value;
                _value = value;
                Deliver(ChangeEvent<TValueType>.GetPooled(before, value));
            }
        }

        public virtual void SetValueWithoutNotify(TValueType newValue)
        {
            _value = newValue;
        }
    }

    public abstract class TextInputBaseField<TValueType> : BaseField<TValueType>
    {
        protected TextInputBaseField(string label) : base(label)
        {
        }

        public bool isReadOnly { get; set; }

        public bool isDelayed { get; set; }
    }

    public class TextField : TextInputBaseField<string>
    {
        public TextField() : this(null)
        {
        }

        public TextField(string label) : base(label)
        {
            SetValueWithoutNotify("");
        }

        public bool multiline { get; set; }
    }

    public abstract class BasePopupField<TValueType, TValueChoice> : BaseField<TValueType>
    {
        protected BasePopupField(string label) : base(label)
        {
        }

        public virtual List<TValueChoice> choices { get; set; }
    }

    public class PopupField<T> : BasePopupField<T, T>
    {
        public PopupField(string label = null) : base(label)
        {
        }

        public int index
        {
            get { return choices.IndexOf(value); }
            set { this.value = choices[value]; }
        }
    }

    public class DropdownField : PopupField<string>
    {
        public DropdownField(string label) : base(label)
        {
        }

        public DropdownField(
            string label, List<string> choices, int defaultIndex,
            Func<string, string> formatSelectedValueCallback = null, Func<string, string> formatListItemCallback = null)
            : base(label)
        {
            this.choices = choices;
            SetValueWithoutNotify(choices[defaultIndex]);
        }
    }

    public class Foldout : BindableElement
    {
        public string text { get; set; } = "";

        public bool value { get; set; } = true;
    }

    public class ScrollView : VisualElement
    {
    }
}
