using UnityEngine;
#if VITRINE_UGUI
using UnityEngine.UI;
#endif

namespace Vitrine
{
    /// <summary>A text on a canvas in the world, built by code below a component's object.</summary>
    internal sealed class HudView
    {
#if VITRINE_UGUI
        private const string FontName = "LegacyRuntime.ttf";
        private const float PixelsAMetre = 1000;

        private readonly GameObject _root;
        private readonly Text _text;
        private string _shown;

        private HudView(GameObject root, Text text)
        {
            _root = root;
            _text = text;
        }

        /// <summary>Builds the view; null where the project has no Unity UI.</summary>
        internal static HudView TryMake(Transform parent, Vector2 sizeM, int fontSize)
        {
            var root = new GameObject("Vitrine latency") { hideFlags = HideFlags.DontSave };
            root.transform.SetParent(parent, false);
            root.transform.localScale = Vector3.one * (1 / PixelsAMetre);
            Canvas canvas = root.AddComponent<Canvas>();
            canvas.renderMode = RenderMode.WorldSpace;
            root.GetComponent<RectTransform>().sizeDelta = sizeM * PixelsAMetre;
            Back(Child(root, "Back"));
            return new HudView(root, Front(Child(root, "Text"), fontSize));
        }

        internal void Show(string text)
        {
            if (ReferenceEquals(text, _shown) || _text == null) { return; }
            _shown = text;
            _text.text = text;
        }

        internal void SetActive(bool active)
        {
            if (_root != null) { _root.SetActive(active); }
        }

        internal void Destroy()
        {
            if (_root != null) { Object.Destroy(_root); }
        }

        private static void Back(GameObject child)
        {
            RawImage back = child.AddComponent<RawImage>();
            back.color = new Color(0, 0, 0, 0.6f);
            back.raycastTarget = false;
        }

        private static Text Front(GameObject child, int fontSize)
        {
            Text text = child.AddComponent<Text>();
            text.font = Resources.GetBuiltinResource<Font>(FontName);
            text.fontSize = fontSize;
            text.color = Color.white;
            text.supportRichText = false;
            text.raycastTarget = false;
            text.alignment = TextAnchor.UpperLeft;
            text.horizontalOverflow = HorizontalWrapMode.Overflow;
            text.verticalOverflow = VerticalWrapMode.Overflow;
            return text;
        }

        private static GameObject Child(GameObject root, string name)
        {
            var child = new GameObject(name) { hideFlags = HideFlags.DontSave };
            child.transform.SetParent(root.transform, false);
            RectTransform place = child.AddComponent<RectTransform>();
            place.anchorMin = Vector2.zero;
            place.anchorMax = Vector2.one;
            place.sizeDelta = Vector2.zero;
            return child;
        }
#else
        /// <summary>Builds the view; null where the project has no Unity UI.</summary>
        internal static HudView TryMake(Transform parent, Vector2 sizeM, int fontSize)
        {
            return null;
        }

        internal void Show(string text)
        {
        }

        internal void SetActive(bool active)
        {
        }

        internal void Destroy()
        {
        }
#endif
    }
}
