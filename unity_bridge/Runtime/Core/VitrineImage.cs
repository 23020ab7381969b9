using System;

namespace Vitrine
{
    /// <summary>
    /// A picture of a reply, checked but not yet copied: raw pixels may still lie in shared memory. Valid until the
    /// reply is disposed. sRGB, straight alpha, rows tight.
    /// </summary>
    public readonly unsafe struct VitrineImage
    {
        private readonly VitrineReply _reply;
        private readonly ArraySegment<byte> _inline;
        private readonly ShmReference _reference;

        internal VitrineImage(VitrineReply reply, WireView map)
        {
            _reply = reply;
            _inline = default(ArraySegment<byte>);
            _reference = default(ShmReference);
            Width = map["w"].Reader().ReadInt32();
            Height = map["h"].Reader().ReadInt32();
            ImageFormat format;
            MsgPackReader name = map["f"].Reader();
            if (!ImageNames.TryParse(name.ReadStringSpan(), out format))
            {
                throw new MsgPackException("a picture has an unknown format");
            }
            Format = format;
            MsgPackReader order = map["o"].Reader();
            Order = WireView.Same(order.ReadStringSpan(), "bottom") ? RowOrder.Bottom : RowOrder.Top;
            WireView data = map["d"];
            bool shared = data.Type == MsgPackType.Ext;
            if (shared) { _reference = data.AsReference(); }
            else { _inline = data.AsBin(); }
            ByteCount = shared ? checked((int)_reference.Length) : _inline.Count;
            int channels = ImageNames.Channels(format);
            if (Width < 0 || Height < 0 || (channels > 0 && (long)Width * Height * channels != ByteCount))
            {
                throw new MsgPackException("a raw picture has not width * height * channels bytes");
            }
        }

        /// <summary>Pixels across; may be 0 for an encoded picture.</summary>
        public int Width { get; }

        /// <summary>Pixels down; may be 0 for an encoded picture.</summary>
        public int Height { get; }

        /// <summary>The layout.</summary>
        public ImageFormat Format { get; }

        /// <summary>Which row comes first.</summary>
        public RowOrder Order { get; }

        /// <summary>Bytes of the payload.</summary>
        public int ByteCount { get; }

        /// <summary>Whether the bytes came through shared memory.</summary>
        public bool IsShared
        {
            get { return _inline.Array == null; }
        }

        /// <summary>Copies the payload into an array.</summary>
        public void CopyTo(byte[] target, int offset)
        {
            if (target == null || offset < 0 || ByteCount > target.Length - offset)
            {
                throw new ArgumentOutOfRangeException(nameof(target));
            }
            if (ByteCount > 0)
            {
                fixed (byte* at = &target[offset]) { Copy(at); }
            }
        }

        /// <summary>
        /// Copies the payload to unmanaged memory of <paramref name="capacity"/> bytes, such as a texture's.
        /// </summary>
        /// <exception cref="VitrineException"><c>bad_request</c>: the server overwrote the slot; drop this
        /// frame.</exception>
        public void CopyTo(IntPtr target, int capacity)
        {
            if (target == IntPtr.Zero || capacity < ByteCount)
            {
                throw new ArgumentOutOfRangeException(nameof(capacity));
            }
            Copy((byte*)target);
        }

        /// <summary>The payload in a new array.</summary>
        public byte[] ToArray()
        {
            var bytes = new byte[ByteCount];
            CopyTo(bytes, 0);
            return bytes;
        }

        private void Copy(byte* target)
        {
            ArraySegment<byte> bytes = _inline;
            if (IsShared)
            {
                SharedMap map = _reply.Find(_reference, out bytes);
                if (bytes.Array == null)
                {
                    map.Read(_reference, target);
                    return;
                }
            }
            if (bytes.Count == 0)
            {
                return;
            }
            fixed (byte* source = &bytes.Array[bytes.Offset])
            {
                Buffer.MemoryCopy(source, target, bytes.Count, bytes.Count);
            }
        }
    }
}
