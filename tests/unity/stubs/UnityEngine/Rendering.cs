using System;
using System.Collections.Generic;

namespace UnityEngine
{
    public enum CameraClearFlags { Skybox = 1, Color = 2, SolidColor = 2, Depth = 3, Nothing = 4 }

    public sealed class Shader : Object
    {
        private static readonly List<string> Names = new List<string>();

        private Shader(string name)
        {
            this.name = name;
        }

        public static Shader Find(string name)
        {
            return new Shader(name);
        }

        public static int PropertyToID(string name)
        {
            lock (Names)
            {
                if (!Names.Contains(name)) { Names.Add(name); }
                return Names.IndexOf(name);
            }
        }
    }

    public class Material : Object
    {
        private readonly Dictionary<int, Texture> _textures = new Dictionary<int, Texture>();

        public Material(Shader shader)
        {
            this.shader = shader;
            name = shader.name;
        }

        public Material(Material source)
        {
            shader = source.shader;
            name = source.name;
            color = source.color;
            mainTextureScale = source.mainTextureScale;
            mainTextureOffset = source.mainTextureOffset;
            foreach (KeyValuePair<int, Texture> pair in source._textures) { _textures.Add(pair.Key, pair.Value); }
        }

        public Shader shader { get; set; }

        public Color color { get; set; } = Color.white;

        public Texture mainTexture
        {
            get { return GetTexture("_MainTex"); }
            set { SetTexture("_MainTex", value); }
        }

        public Vector2 mainTextureScale { get; set; } = Vector2.one;

        public Vector2 mainTextureOffset { get; set; }

        public Texture GetTexture(string name)
        {
            return GetTexture(Shader.PropertyToID(name));
        }

        public Texture GetTexture(int nameID)
        {
            Check("GetTexture");
            Texture found;
            return _textures.TryGetValue(nameID, out found) ? found : null;
        }

        public void SetTexture(string name, Texture value)
        {
            SetTexture(Shader.PropertyToID(name), value);
        }

        public void SetTexture(int nameID, Texture value)
        {
            Check("SetTexture");
            _textures[nameID] = value;
        }

        public bool HasProperty(int nameID)
        {
            return nameID == Shader.PropertyToID("_MainTex") || nameID == Shader.PropertyToID("_Color") || _textures.ContainsKey(nameID);
        }

        public bool HasProperty(string name)
        {
            return HasProperty(Shader.PropertyToID(name));
        }
    }

    public sealed class MaterialPropertyBlock
    {
        private readonly Dictionary<int, object> _values = new Dictionary<int, object>();

        public bool isEmpty
        {
            get { return _values.Count == 0; }
        }

        public void Clear()
        {
            _values.Clear();
        }

        public void SetTexture(int nameID, Texture value)
        {
            if (value == null) { throw new ArgumentNullException(nameof(value)); }
            _values[nameID] = value;
        }

        public void SetTexture(string name, Texture value)
        {
            SetTexture(Shader.PropertyToID(name), value);
        }

        public Texture GetTexture(int nameID)
        {
            object found;
            return _values.TryGetValue(nameID, out found) ? found as Texture : null;
        }

        public Texture GetTexture(string name)
        {
            return GetTexture(Shader.PropertyToID(name));
        }

        public void SetVector(int nameID, Vector4 value)
        {
            _values[nameID] = value;
        }

        public void SetVector(string name, Vector4 value)
        {
            SetVector(Shader.PropertyToID(name), value);
        }

        internal void CopyTo(MaterialPropertyBlock other)
        {
            other._values.Clear();
            foreach (KeyValuePair<int, object> pair in _values) { other._values.Add(pair.Key, pair.Value); }
        }
    }

    public class Renderer : Component
    {
        private readonly MaterialPropertyBlock _block = new MaterialPropertyBlock();
        private Material _material;
        private bool _own;

        public bool enabled { get; set; } = true;

        public bool isVisible { get; internal set; } = true;

        public Material sharedMaterial
        {
            get { Check("get_sharedMaterial"); return _material; }
            set { Check("set_sharedMaterial"); _material = value; _own = false; }
        }

        /// <summary>The first look makes a copy for this renderer alone.</summary>
        public Material material
        {
            get
            {
                Check("get_material");
                if (!_own && _material != null)
                {
                    _material = new Material(_material);
                    _material.name += " (Instance)";
                    _own = true;
                }
                return _material;
            }
            set { Check("set_material"); _material = value; _own = true; }
        }

        public bool HasPropertyBlock()
        {
            return !_block.isEmpty;
        }

        public void SetPropertyBlock(MaterialPropertyBlock properties)
        {
            Check("SetPropertyBlock");
            if (properties == null) { _block.Clear(); }
            else { properties.CopyTo(_block); }
        }

        public void GetPropertyBlock(MaterialPropertyBlock properties)
        {
            Check("GetPropertyBlock");
            _block.CopyTo(properties);
        }
    }

    public class MeshRenderer : Renderer
    {
    }

    public sealed class MeshFilter : Component
    {
    }

    public class Collider : Component
    {
        public bool enabled { get; set; } = true;
    }

    public class MeshCollider : Collider
    {
    }

    public sealed class Camera : Behaviour
    {
        public static Camera main
        {
            get
            {
                foreach (Camera camera in Fakes.FakeScene.Find<Camera>(false))
                {
                    if (camera.enabled && camera.CompareTag("MainCamera")) { return camera; }
                }
                return null;
            }
        }

        public RenderTexture targetTexture { get; set; }

        public float fieldOfView { get; set; } = 60;

        public float nearClipPlane { get; set; } = 0.3f;

        public float farClipPlane { get; set; } = 1000;

        public int cullingMask { get; set; } = -1;

        public Color backgroundColor { get; set; }

        public CameraClearFlags clearFlags { get; set; } = CameraClearFlags.Skybox;

        public int pixelWidth
        {
            get { return targetTexture == null ? Screen.width : targetTexture.width; }
        }

        public int pixelHeight
        {
            get { return targetTexture == null ? Screen.height : targetTexture.height; }
        }

        public bool CompareTag(string tag)
        {
            return gameObject.CompareTag(tag);
        }
    }
}
