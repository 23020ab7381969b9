using System;
using UnityEngine;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>The few shapes that all views are made of.</summary>
    internal static class Ui
    {
        private const float Gap = 4;
        private const float NameWidth = 190;

        internal static Foldout Section(string name, string title)
        {
            var section = new Foldout { name = name, text = title, value = true };
            section.style.marginBottom = Gap * 2;
            section.style.unityFontStyleAndWeight = FontStyle.Normal;
            return section;
        }

        internal static VisualElement Row()
        {
            var row = new VisualElement();
            row.style.flexDirection = FlexDirection.Row;
            row.style.flexWrap = Wrap.Wrap;
            row.style.alignItems = Align.Center;
            return row;
        }

        internal static Label Text(string name)
        {
            var text = new Label { name = name };
            text.style.whiteSpace = WhiteSpace.Normal;
            text.style.marginTop = Gap / 2;
            text.style.marginBottom = Gap / 2;
            return text;
        }

        internal static Button Push(string name, string text, Action action)
        {
            return new Button(action) { name = name, text = text };
        }

        internal static HelpBox Help(string name, HelpBoxMessageType type)
        {
            var box = new HelpBox("", type) { name = name };
            Show(box, false);
            return box;
        }

        /// <summary>A name and a value, side by side.</summary>
        internal static VisualElement Pair(string name, string value)
        {
            VisualElement row = Row();
            var left = new Label(name);
            left.style.width = NameWidth;
            left.style.whiteSpace = WhiteSpace.Normal;
            var right = new Label(value);
            right.style.flexShrink = 1;
            right.style.whiteSpace = WhiteSpace.Normal;
            row.Add(left);
            row.Add(right);
            return row;
        }

        internal static void Show(VisualElement element, bool shown)
        {
            element.style.display = shown ? DisplayStyle.Flex : DisplayStyle.None;
        }

        /// <summary>Shows the text, or nothing when there is none.</summary>
        internal static void Say(HelpBox box, string text)
        {
            box.text = text;
            Show(box, text.Length > 0);
        }

        /// <summary>Shows the text, or nothing when there is none.</summary>
        internal static void Say(Label label, string text)
        {
            label.text = text;
            Show(label, text.Length > 0);
        }
    }
}
