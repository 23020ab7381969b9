using System;

namespace Vitrine
{
    /// <summary>
    /// How a picture's bytes are laid out; the first three are raw, rows tight, sRGB with straight alpha.
    /// </summary>
    public enum ImageFormat
    {
        /// <summary>3 bytes a pixel</summary>
        Rgb8,
        /// <summary>4 bytes a pixel</summary>
        Rgba8,
        /// <summary>1 byte a pixel</summary>
        R8,
        /// <summary>an encoded JPEG</summary>
        Jpeg,
        /// <summary>an encoded PNG</summary>
        Png,
        /// <summary>an encoded WebP</summary>
        Webp
    }

    /// <summary>
    /// Which row comes first; Unity's textures are <see cref="Bottom"/>, encoded pictures always top.
    /// </summary>
    public enum RowOrder
    {
        /// <summary>the top row first</summary>
        Top,
        /// <summary>the bottom row first</summary>
        Bottom
    }

    /// <summary>
    /// A picture to send: points to bytes that the caller owns and keeps still until the call returns.
    /// </summary>
    public readonly unsafe struct ImageFrame
    {
        private readonly byte[] _array;
        private readonly int _offset;
        private readonly IntPtr _pointer;

        /// <summary>
        /// A raw picture in an array; throws <see cref="ArgumentException"/> unless the length is exact.
        /// </summary>
        public ImageFrame(int width, int height, ImageFormat format, RowOrder order, ArraySegment<byte> pixels)
            : this(width, height, format, order, pixels.Count)
        {
            if (pixels.Array == null) { throw new ArgumentException("the picture has no bytes", nameof(pixels)); }
            _array = pixels.Array;
            _offset = pixels.Offset;
        }

        /// <summary>
        /// A raw picture in unmanaged memory, such as a NativeArray's; else as the other constructor.
        /// </summary>
        public ImageFrame(int width, int height, ImageFormat format, RowOrder order, IntPtr pixels, int byteCount)
            : this(width, height, format, order, byteCount)
        {
            if (pixels == IntPtr.Zero) { throw new ArgumentException("the picture has no bytes", nameof(pixels)); }
            _pointer = pixels;
        }

        private ImageFrame(int width, int height, ImageFormat format, RowOrder order, int byteCount)
        {
            int channels = ImageNames.Channels(format);
            bool exact = width > 0 && height > 0 && (long)width * height * channels == byteCount;
            if (channels > 0 ? !exact : width < 0 || height < 0 || byteCount <= 0)
            {
                throw new ArgumentException("a raw picture has exactly width * height * channels bytes, with no padding");
            }
            Width = width;
            Height = height;
            Format = format;
            Order = channels > 0 ? order : RowOrder.Top;
            ByteCount = byteCount;
            _array = null;
            _offset = 0;
            _pointer = IntPtr.Zero;
        }

        /// <summary>An encoded JPEG, PNG or WebP.</summary>
        public static ImageFrame Encoded(ImageFormat format, ArraySegment<byte> file)
        {
            if (ImageNames.Channels(format) > 0) { throw new ArgumentException("not an encoded format", nameof(format)); }
            return new ImageFrame(0, 0, format, RowOrder.Top, file);
        }

        /// <summary>Pixels across; 0 for an encoded picture.</summary>
        public int Width { get; }

        /// <summary>Pixels down; 0 for an encoded picture.</summary>
        public int Height { get; }

        /// <summary>The layout.</summary>
        public ImageFormat Format { get; }

        /// <summary>Which row comes first.</summary>
        public RowOrder Order { get; }

        /// <summary>Bytes of the payload.</summary>
        public int ByteCount { get; }

        internal bool IsRaw
        {
            get { return ImageNames.Channels(Format) > 0; }
        }

        /// <summary>
        /// Copies the payload to <paramref name="target"/>, which has room for <see cref="ByteCount"/> bytes.
        /// </summary>
        internal void CopyTo(byte* target)
        {
            if (_array == null)
            {
                Buffer.MemoryCopy((void*)_pointer, target, ByteCount, ByteCount);
                return;
            }
            fixed (byte* source = &_array[_offset])
            {
                Buffer.MemoryCopy(source, target, ByteCount, ByteCount);
            }
        }

        /// <summary>
        /// Writes the wire's image map; raw bytes go into a slot where <paramref name="sink"/> has one.
        /// </summary>
        internal void Write(MsgPackWriter writer, IImageSink sink)
        {
            writer.WriteMapHeader(5);
            writer.WriteString("w");
            writer.WriteInt(Width);
            writer.WriteString("h");
            writer.WriteInt(Height);
            writer.WriteString("f");
            writer.WriteString(ImageNames.Of(Format));
            writer.WriteString("o");
            writer.WriteString(Order == RowOrder.Top ? "top" : "bottom");
            writer.WriteString("d");
            ShmReference reference;
            if (IsRaw && sink != null && sink.TryPlace(this, out reference))
            {
                writer.WriteReference(reference);
                return;
            }
            Span<byte> room = writer.ReserveBin(ByteCount);
            fixed (byte* target = &room[0])
            {
                CopyTo(target);
            }
        }
    }

    /// <summary>Takes the bytes of a raw picture out of a message, into shared memory.</summary>
    internal interface IImageSink
    {
        /// <summary>False: no slot is free or large enough, the bytes go inline.</summary>
        bool TryPlace(in ImageFrame frame, out ShmReference reference);
    }

    /// <summary>The wire's names of formats.</summary>
    internal static class ImageNames
    {
        private static readonly string[] Names = { "rgb8", "rgba8", "r8", "jpeg", "png", "webp" };

        internal static string Of(ImageFormat format)
        {
            return Names[(int)format];
        }

        /// <summary>Bytes a pixel; 0 for encoded formats.</summary>
        internal static int Channels(ImageFormat format)
        {
            switch (format)
            {
                case ImageFormat.Rgb8: return 3;
                case ImageFormat.Rgba8: return 4;
                case ImageFormat.R8: return 1;
                default: return 0;
            }
        }

        internal static bool TryParse(ReadOnlySpan<byte> name, out ImageFormat format)
        {
            for (int i = 0; i < Names.Length; i++)
            {
                if (WireView.Same(name, Names[i]))
                {
                    format = (ImageFormat)i;
                    return true;
                }
            }
            format = ImageFormat.Rgb8;
            return false;
        }
    }
}
