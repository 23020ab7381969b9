using System;
using Unity.Collections;
using UnityEngine.Fakes;

namespace UnityEngine
{
    public enum TextureFormat { Alpha8 = 1, RGB24 = 3, RGBA32 = 4, ARGB32 = 5, BGRA32 = 14, R8 = 63 }

    public enum RenderTextureFormat { ARGB32 = 0, Depth = 1, ARGBHalf = 2, Default = 7, R8 = 16, BGRA32 = 20 }

    public enum RenderTextureReadWrite { Default = 0, Linear = 1, sRGB = 2 }

    public enum FilterMode { Point = 0, Bilinear = 1, Trilinear = 2 }

    public enum TextureWrapMode { Repeat = 0, Clamp = 1, Mirror = 2, MirrorOnce = 3 }

    /// <summary>A picture on the fake GPU: rgba8, rows bottom first, whatever the texture's own format.</summary>
    public class Texture : Object
    {
        private FakeBlock _pixels;
        private int _width, _height;

        protected Texture()
        {
            FakeGpu.LiveTextures++;
        }

        public virtual int width
        {
            get { Check("get_width"); return _width; }
            set { throw new NotSupportedException("not implemented"); }
        }

        public virtual int height
        {
            get { Check("get_height"); return _height; }
            set { throw new NotSupportedException("not implemented"); }
        }

        public virtual bool isReadable
        {
            get { return false; }
        }

        public TextureWrapMode wrapMode { get; set; }

        public FilterMode filterMode { get; set; } = FilterMode.Bilinear;

        public uint updateCount { get; internal set; }

        internal int Bytes
        {
            get { return _width * _height * 4; }
        }

        /// <summary>The pixels as the GPU sees them.</summary>
        internal unsafe uint* Gpu()
        {
            return (uint*)_pixels.Raw();
        }

        internal void SetSize(int width, int height)
        {
            if (width <= 0 || height <= 0 || width > FakeGpu.LargestTexture || height > FakeGpu.LargestTexture)
            {
                throw new UnityException("Failed to create texture because of invalid parameters.");
            }
            if (_pixels != null) { _pixels.Free(); }
            _width = width;
            _height = height;
            _pixels = new FakeBlock(width * height * 4, false);
            _pixels.Fill(0xCD);
        }

        internal override void OnDestroyed()
        {
            FakeGpu.LiveTextures--;
            if (_pixels != null) { _pixels.Free(); }
            _pixels = null;
        }
    }

    public sealed class Texture2D : Texture
    {
        private static Texture2D _white;
        private FakeBlock _raw;

        public Texture2D(int width, int height) : this(width, height, TextureFormat.RGBA32, true, false) { }

        public Texture2D(int width, int height, TextureFormat textureFormat, bool mipChain)
            : this(width, height, textureFormat, mipChain, false) { }

        public Texture2D(int width, int height, TextureFormat textureFormat, bool mipChain, bool linear)
        {
            IsLinear = linear;
            format = textureFormat;
            Make(width, height);
        }

        public static Texture2D whiteTexture
        {
            get
            {
                if (_white == null)
                {
                    _white = new Texture2D(4, 4);
                    _white._raw.Fill(0xFF);
                    _white.Apply();
                    FakeGpu.LiveTextures--; // the engine's own
                }
                return _white;
            }
        }

        public TextureFormat format { get; private set; }

        public override bool isReadable
        {
            get { return _raw != null; }
        }

        /// <summary>Whether the colours are not sRGB.</summary>
        internal bool IsLinear { get; }

        public bool Reinitialize(int width, int height)
        {
            Check("Reinitialize");
            Make(width, height);
            return true;
        }

        public bool Reinitialize(int width, int height, TextureFormat format, bool hasMipMap)
        {
            this.format = format;
            return Reinitialize(width, height);
        }

        /// <summary>The CPU's copy itself: valid until the texture changes its size or dies.</summary>
        public NativeArray<T> GetRawTextureData<T>() where T : struct
        {
            return new NativeArray<T>(Raw("GetRawTextureData"), _raw.Bytes / NativeArray<T>.SizeOf());
        }

        public unsafe byte[] GetRawTextureData()
        {
            return new Span<byte>((void*)Raw("GetRawTextureData").Raw(), _raw.Bytes).ToArray();
        }

        public unsafe void LoadRawTextureData(byte[] data)
        {
            if (data.Length < Raw("LoadRawTextureData").Bytes) { throw new UnityException("LoadRawTextureData: not enough data provided"); }
            new Span<byte>(data, 0, _raw.Bytes).CopyTo(new Span<byte>((void*)_raw.Raw(), _raw.Bytes));
        }

        public unsafe void LoadRawTextureData<T>(NativeArray<T> data) where T : struct
        {
            int bytes = data.Length * NativeArray<T>.SizeOf();
            if (bytes < Raw("LoadRawTextureData").Bytes) { throw new UnityException("LoadRawTextureData: not enough data provided"); }
            new Span<byte>((void*)data.Block.Use(), _raw.Bytes).CopyTo(new Span<byte>((void*)_raw.Raw(), _raw.Bytes));
        }

        public unsafe void SetPixels32(Color32[] colors)
        {
            var raw = (byte*)Raw("SetPixels32").Raw();
            for (int i = 0; i < colors.Length; i++) { FakePixels.Write(raw, i, format, colors[i]); }
        }

        public unsafe Color32[] GetPixels32()
        {
            FakeGpu.SlowReads++;
            var raw = (byte*)Raw("GetPixels32").Raw();
            var colours = new Color32[width * height];
            for (int i = 0; i < colours.Length; i++) { colours[i] = FakePixels.Read(raw, i, format); }
            return colours;
        }

        public unsafe void SetPixel(int x, int y, Color color)
        {
            FakePixels.Write((byte*)Raw("SetPixel").Raw(), y * width + x, format, color);
        }

        public unsafe Color GetPixel(int x, int y)
        {
            return FakePixels.Read((byte*)Raw("GetPixel").Raw(), y * width + x, format);
        }

        public void Apply()
        {
            Apply(true, false);
        }

        public void Apply(bool updateMipmaps)
        {
            Apply(updateMipmaps, false);
        }

        public unsafe void Apply(bool updateMipmaps, bool makeNoLongerReadable)
        {
            FakeBlock raw = Raw("Apply");
            long start = FakeGpu.Begin();
            FakePixels.ToRgba((byte*)raw.Raw(), Gpu(), width * height, format);
            updateCount++;
            FakeGpu.End(start);
            if (makeNoLongerReadable) { FreeRaw(); }
        }

        internal override void OnDestroyed()
        {
            base.OnDestroyed();
            FreeRaw();
        }

        private FakeBlock Raw(string member)
        {
            Check(member);
            if (_raw == null) { throw new UnityException("Texture '" + name + "' is not readable, the texture memory can not be accessed from scripts."); }
            return _raw;
        }

        private void Make(int width, int height)
        {
            SetSize(width, height);
            FreeRaw();
            _raw = new FakeBlock(width * height * FakePixels.BytesOf(format), false);
            _raw.Fill(0xCD);
        }

        private void FreeRaw()
        {
            if (_raw != null) { _raw.Free(); }
            _raw = null;
        }
    }

    public class RenderTexture : Texture
    {
        private readonly int _wantedWidth, _wantedHeight;
        private bool _created;

        public RenderTexture(int width, int height, int depth)
            : this(width, height, depth, RenderTextureFormat.Default, RenderTextureReadWrite.Default) { }

        public RenderTexture(int width, int height, int depth, RenderTextureFormat format)
            : this(width, height, depth, format, RenderTextureReadWrite.Default) { }

        public RenderTexture(int width, int height, int depth, RenderTextureFormat format, RenderTextureReadWrite readWrite)
        {
            _wantedWidth = width;
            _wantedHeight = height;
            this.depth = depth;
            this.format = format;
            SetSize(width, height);
        }

        public override int width
        {
            get { return base.width; }
            set { throw new UnityException("Resizing of render texture that is loaded not supported!"); }
        }

        public RenderTextureFormat format { get; set; }

        public int depth { get; set; }

        public int antiAliasing { get; set; } = 1;

        public bool useMipMap { get; set; }

        public static RenderTexture active { get; set; }

        internal bool IsTemporary { get; private set; }

        public static RenderTexture GetTemporary(int width, int height)
        {
            return GetTemporary(width, height, 0, RenderTextureFormat.Default, RenderTextureReadWrite.Default);
        }

        public static RenderTexture GetTemporary(int width, int height, int depthBuffer, RenderTextureFormat format)
        {
            return GetTemporary(width, height, depthBuffer, format, RenderTextureReadWrite.Default);
        }

        public static RenderTexture GetTemporary(
            int width, int height, int depthBuffer, RenderTextureFormat format, RenderTextureReadWrite readWrite)
        {
            FakeGpu.LiveTemporaries++;
            return new RenderTexture(width, height, depthBuffer, format, readWrite) { IsTemporary = true };
        }

        public static void ReleaseTemporary(RenderTexture temp)
        {
            if (!temp) { return; }
            if (!temp.IsTemporary) { throw new UnityException("the texture is not a temporary one"); }
            FakeGpu.LiveTemporaries--;
            temp.DestroyNow();
        }

        public bool Create()
        {
            Check("Create");
            _created = true;
            return true;
        }

        public void Release()
        {
            Check("Release");
            _created = false;
        }

        public bool IsCreated()
        {
            return _created;
        }

        /// <summary>Rendering makes what was not made yet; what was there before is not kept.</summary>
        internal void MakeSure()
        {
            if (_created) { return; }
            SetSize(_wantedWidth, _wantedHeight);
            _created = true;
        }
    }
}
