using System;
using System.Diagnostics;
using UnityEngine.Fakes;

namespace UnityEngine
{
    public class Graphics
    {
        public static void Blit(Texture source, RenderTexture dest)
        {
            Blit(source, dest, Vector2.one, Vector2.zero);
        }

        /// <summary>
        /// Draws the source over the whole target, looked up at uv * scale + offset: the nearest pixel where both have
        /// the same size, else between the four nearest.
        /// </summary>
        public static unsafe void Blit(Texture source, RenderTexture dest, Vector2 scale, Vector2 offset)
        {
            FakeUnity.CheckThread("Blit");
            source.Check("Blit");
            dest.Check("Blit");
            dest.MakeSure();
            long start = FakeGpu.Begin();
            FakePixels.Draw(
                source.Gpu(), source.width, source.height, dest.Gpu(), dest.width, dest.height,
                scale.x, scale.y, offset.x, offset.y, source.filterMode != FilterMode.Point);
            dest.updateCount++;
            FakeGpu.Blits++;
            FakeGpu.End(start);
        }
    }
}

namespace UnityEngine.Fakes
{
    /// <summary>The fake graphics card: what it holds, what it did, and how slow it is.</summary>
    public static partial class FakeGpu
    {
        internal const int LargestTexture = 16384;

        private static readonly double Second = Stopwatch.Frequency;
        private static long _busy;

        static FakeGpu()
        {
            FakeUnity.FrameEnded += EndFrame;
            FakeUnity.OnReset(Reset);
        }

        /// <summary>Textures that were made and not destroyed.</summary>
        public static int LiveTextures { get; internal set; }

        /// <summary>Temporary render textures that were not released.</summary>
        public static int LiveTemporaries { get; internal set; }

        /// <summary>Blits so far.</summary>
        public static int Blits { get; internal set; }

        /// <summary>How often a script read pixels in a way that stops a frame.</summary>
        public static int SlowReads { get; internal set; }

        /// <summary>
        /// Time that the calling thread spent on what a real card does by itself, seconds: to be taken off when the main
        /// thread's time is measured.
        /// </summary>
        public static double BusySeconds
        {
            get { return _busy / Second; }
        }

        /// <summary>What is on the card: rgba8, rows bottom first.</summary>
        public static unsafe byte[] Pixels(Texture texture)
        {
            return new Span<byte>(texture.Gpu(), texture.Bytes).ToArray();
        }

        /// <summary>Puts a picture on the card, as a camera that rendered: rgba8, rows bottom first.</summary>
        public static unsafe void Render(RenderTexture target, byte[] rgba)
        {
            target.MakeSure();
            if (rgba.Length != target.Bytes) { throw new ArgumentException("not the size of the target", nameof(rgba)); }
            rgba.AsSpan().CopyTo(new Span<byte>(target.Gpu(), target.Bytes));
        }

        internal static long Begin()
        {
            return Stopwatch.GetTimestamp();
        }

        internal static void End(long start)
        {
            _busy += Stopwatch.GetTimestamp() - start;
        }

        private static void Reset()
        {
            LiveTextures = LiveTemporaries = Blits = SlowReads = 0;
            _busy = 0;
            FakeMemory.Reset();
            ResetReadbacks();
            FakeWebCam.Reset();
        }

        private static void EndFrame()
        {
            long start = Begin();
            CompleteReadbacks();
            End(start);
        }
    }

    /// <summary>Pixels in memory.</summary>
    internal static unsafe class FakePixels
    {
        internal static int BytesOf(TextureFormat format)
        {
            switch (format)
            {
                case TextureFormat.RGBA32: case TextureFormat.ARGB32: case TextureFormat.BGRA32: return 4;
                case TextureFormat.RGB24: return 3;
                case TextureFormat.R8: case TextureFormat.Alpha8: return 1;
                default: throw new NotSupportedException("the fake knows no " + format);
            }
        }

        internal static Color32 Read(byte* raw, int index, TextureFormat format)
        {
            byte* at = raw + (long)index * BytesOf(format);
            switch (format)
            {
                case TextureFormat.RGBA32: return new Color32(at[0], at[1], at[2], at[3]);
                case TextureFormat.ARGB32: return new Color32(at[1], at[2], at[3], at[0]);
                case TextureFormat.BGRA32: return new Color32(at[2], at[1], at[0], at[3]);
                case TextureFormat.RGB24: return new Color32(at[0], at[1], at[2], 255);
                case TextureFormat.Alpha8: return new Color32(255, 255, 255, at[0]);
                default: return new Color32(at[0], 0, 0, 255);
            }
        }

        internal static void Write(byte* raw, int index, TextureFormat format, Color32 colour)
        {
            byte* at = raw + (long)index * BytesOf(format);
            switch (format)
            {
                case TextureFormat.RGBA32: at[0] = colour.r; at[1] = colour.g; at[2] = colour.b; at[3] = colour.a; break;
                case TextureFormat.ARGB32: at[1] = colour.r; at[2] = colour.g; at[3] = colour.b; at[0] = colour.a; break;
                case TextureFormat.BGRA32: at[2] = colour.r; at[1] = colour.g; at[0] = colour.b; at[3] = colour.a; break;
                case TextureFormat.RGB24: at[0] = colour.r; at[1] = colour.g; at[2] = colour.b; break;
                case TextureFormat.Alpha8: at[0] = colour.a; break;
                default: at[0] = colour.r; break;
            }
        }

        internal static void ToRgba(byte* raw, uint* rgba, int count, TextureFormat format)
        {
            if (format == TextureFormat.RGBA32)
            {
                Buffer.MemoryCopy(raw, rgba, count * 4L, count * 4L);
                return;
            }
            for (int i = 0; i < count; i++) { Write((byte*)rgba, i, TextureFormat.RGBA32, Read(raw, i, format)); }
        }

        internal static void Draw(
            uint* source, int sw, int sh, uint* target, int tw, int th, float sx, float sy, float ox, float oy, bool smooth)
        {
            for (int y = 0; y < th; y++)
            {
                double v = ((y + 0.5) / th * sy + oy) * sh - 0.5;
                uint* row = target + (long)y * tw;
                if (sw == tw && sx == 1 && ox == 0 && v == Math.Round(v))
                {
                    Buffer.MemoryCopy(source + Clamp((int)v, sh) * (long)sw, row, tw * 4L, tw * 4L);
                    continue;
                }
                for (int x = 0; x < tw; x++)
                {
                    double u = ((x + 0.5) / tw * sx + ox) * sw - 0.5;
                    row[x] = smooth ? Between(source, sw, sh, u, v) : At(source, sw, sh, (int)Math.Round(u), (int)Math.Round(v));
                }
            }
        }

        private static uint Between(uint* source, int w, int h, double u, double v)
        {
            int x = (int)Math.Floor(u), y = (int)Math.Floor(v);
            // Sixteenths of float noise away from a pixel's centre is on it.
            int fx = (int)Math.Round((u - x) * 256), fy = (int)Math.Round((v - y) * 256);
            if ((fx & 255) == 0 && (fy & 255) == 0) { return At(source, w, h, x + fx / 256, y + fy / 256); }
            uint a = At(source, w, h, x, y), b = At(source, w, h, x + 1, y);
            uint c = At(source, w, h, x, y + 1), d = At(source, w, h, x + 1, y + 1);
            uint mixed = 0;
            for (int shift = 0; shift < 32; shift += 8)
            {
                long low = (a >> shift & 255) * (256 - fx) + (b >> shift & 255) * fx;
                long high = (c >> shift & 255) * (256 - fx) + (d >> shift & 255) * fx;
                mixed |= (uint)((low * (256 - fy) + high * fy + 32768) >> 16) << shift;
            }
            return mixed;
        }

        private static uint At(uint* source, int w, int h, int x, int y)
        {
            return source[(long)Clamp(y, h) * w + Clamp(x, w)];
        }

        private static int Clamp(int value, int count)
        {
            return value < 0 ? 0 : value >= count ? count - 1 : value;
        }
    }
}
