using UnityEngine;
#if VITRINE_UGUI
using UnityEngine.UI;
#endif

namespace Vitrine
{
    /// <summary>Where a mirror is seen: sets a texture where it changes, and puts back what was there before.</summary>
    internal sealed class MirrorView
    {
        private static int _main;
        private static int _base;

        private readonly Renderer _renderer;
        private readonly MaterialPropertyBlock _before = new MaterialPropertyBlock();
        private readonly MaterialPropertyBlock _block = new MaterialPropertyBlock();
        private Texture _shown;
        private Texture2D _nothing;
#if VITRINE_UGUI
        private readonly RawImage _image;
        private readonly Texture _placeholder;

        internal MirrorView(RawImage image, Renderer renderer) : this(renderer)
        {
            _image = image;
            _placeholder = image == null ? null : image.texture;
        }
#endif

        internal MirrorView(Renderer renderer)
        {
            _renderer = renderer;
            if (renderer != null) { renderer.GetPropertyBlock(_before); }
            if (_main == 0)
            {
                _main = Shader.PropertyToID("_MainTex");
                _base = Shader.PropertyToID("_BaseMap");
            }
        }

        /// <summary>Shows nothing, not even what was there before the mirror.</summary>
        internal void ShowNothing()
        {
            if (_nothing == null)
            {
                _nothing = new Texture2D(1, 1, TextureFormat.RGBA32, false) { name = "Vitrine nothing" };
                _nothing.SetPixel(0, 0, Color.clear);
                _nothing.Apply(false);
            }
            Show(_nothing);
        }

        /// <summary>Puts back what was there before the mirror.</summary>
        internal void End()
        {
            Show(null);
            if (_nothing != null) { Object.Destroy(_nothing); }
            _nothing = null;
        }

        /// <summary>Shows a texture; null: what was there before the mirror.</summary>
        internal void Show(Texture texture)
        {
            if (ReferenceEquals(_shown, texture))
            {
                return;
            }
            _shown = texture;
#if VITRINE_UGUI
            if (_image != null) { _image.texture = texture == null ? _placeholder : texture; }
#endif
            if (_renderer == null)
            {
                return;
            }
            if (texture == null)
            {
                _renderer.SetPropertyBlock(_before);
                return;
            }
            _renderer.GetPropertyBlock(_block);
            // The built-in pipeline's name and the scriptable pipelines'; a shader ignores the one that it has not.
            _block.SetTexture(_main, texture);
            _block.SetTexture(_base, texture);
            _renderer.SetPropertyBlock(_block);
        }
    }
}
