using System;

namespace UnityEngine
{
    public enum RenderMode { ScreenSpaceOverlay = 0, ScreenSpaceCamera = 1, WorldSpace = 2 }

    public enum TextAnchor
    {
        UpperLeft, UpperCenter, UpperRight, MiddleLeft, MiddleCenter, MiddleRight, LowerLeft, LowerCenter, LowerRight
    }

    public enum FontStyle { Normal, Bold, Italic, BoldAndItalic }

    public enum HorizontalWrapMode { Wrap, Overflow }

    public enum VerticalWrapMode { Truncate, Overflow }

    public sealed class Font : Object
    {
        public Font(string name)
        {
            this.name = name;
        }

        public static Font CreateDynamicFontFromOSFont(string fontname, int size)
        {
            return new Font(fontname);
        }
    }

    [RequireComponent(typeof(RectTransform))]
    public sealed class Canvas : Behaviour
    {
        public RenderMode renderMode { get; set; }

        public Camera worldCamera { get; set; }

        public float scaleFactor { get; set; } = 1;

        public float referencePixelsPerUnit { get; set; } = 100;

        public int sortingOrder { get; set; }
    }

    [RequireComponent(typeof(RectTransform))]
    public sealed class CanvasRenderer : Component
    {
    }
}

namespace UnityEngine.EventSystems
{
    public abstract class UIBehaviour : MonoBehaviour
    {
        protected virtual void Awake() { }

        protected virtual void OnEnable() { }

        protected virtual void Start() { }

        protected virtual void OnDisable() { }

        protected virtual void OnDestroy() { }
    }
}

namespace UnityEngine.UI
{
    [DisallowMultipleComponent]
    [RequireComponent(typeof(CanvasRenderer))]
    [RequireComponent(typeof(RectTransform))]
    [ExecuteAlways]
    public abstract class Graphic : EventSystems.UIBehaviour
    {
        public virtual Color color { get; set; } = Color.white;

        public virtual bool raycastTarget { get; set; } = true;

        public virtual Material material { get; set; }

        public virtual Texture mainTexture
        {
            get { return null; }
        }

        public RectTransform rectTransform
        {
            get { return GetComponent<RectTransform>(); }
        }

        public Canvas canvas
        {
            get { return GetComponentInParent<Canvas>(); }
        }

        /// <summary>How often the graphic was asked to rebuild what it shows.</summary>
        internal int Dirtied { get; private set; }

        public virtual void SetVerticesDirty()
        {
            Check("SetVerticesDirty");
            Dirtied++;
        }

        public virtual void SetMaterialDirty()
        {
            Check("SetMaterialDirty");
            Dirtied++;
        }
    }

    public abstract class MaskableGraphic : Graphic
    {
    }

    [AddComponentMenu("UI/Raw Image", 12)]
    public class RawImage : MaskableGraphic
    {
        private Texture _texture;
        private Rect _uv = new Rect(0, 0, 1, 1);

        public override Texture mainTexture
        {
            get { return _texture; }
        }

        public Texture texture
        {
            get { Check("get_texture"); return _texture; }
            set
            {
                Check("set_texture");
                if (_texture == value) { return; }
                _texture = value;
                SetMaterialDirty();
            }
        }

        public Rect uvRect
        {
            get { return _uv; }
            set
            {
                if (_uv == value) { return; }
                _uv = value;
                SetVerticesDirty();
            }
        }
    }

    public class Image : MaskableGraphic
    {
    }

    [AddComponentMenu("UI/Text", 10)]
    public class Text : MaskableGraphic
    {
        private string _text = "";

        public virtual string text
        {
            get { Check("get_text"); return _text; }
            set
            {
                Check("set_text");
                if (string.Equals(_text, value ?? "")) { return; }
                _text = value ?? "";
                SetVerticesDirty();
            }
        }

        public Font font { get; set; }

        public int fontSize { get; set; } = 14;

        public FontStyle fontStyle { get; set; }

        public bool supportRichText { get; set; } = true;

        public TextAnchor alignment { get; set; }

        public HorizontalWrapMode horizontalOverflow { get; set; }

        public VerticalWrapMode verticalOverflow { get; set; }

        public float lineSpacing { get; set; } = 1;

        public bool resizeTextForBestFit { get; set; }

        public int resizeTextMinSize { get; set; }

        public int resizeTextMaxSize { get; set; }
    }

    public class AspectRatioFitter : EventSystems.UIBehaviour
    {
        public enum AspectMode { None, WidthControlsHeight, HeightControlsWidth, FitInParent, EnvelopeParent }

        public AspectMode aspectMode { get; set; }

        public float aspectRatio { get; set; } = 1;
    }
}
