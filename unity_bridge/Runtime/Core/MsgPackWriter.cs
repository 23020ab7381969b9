using System;
using System.Text;

namespace Vitrine
{
    /// <summary>
    /// Writes msgpack into one growing array that it keeps: integers in their shortest form, floats as float 64. Reused
    /// after <see cref="Reset"/> it allocates nothing.
    /// </summary>
    public sealed class MsgPackWriter
    {
        private static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        private readonly int _limit;
        private byte[] _buffer;
        private int _start;
        private int _position;

        /// <summary>
        /// Starts with <paramref name="capacity"/> bytes and refuses to hold more than <paramref name="limit"/>.
        /// </summary>
        public MsgPackWriter(int capacity = 256, int limit = 256 << 20)
        {
            if (capacity < 16 || limit < capacity)
            {
                throw new ArgumentOutOfRangeException(nameof(capacity));
            }
            _buffer = new byte[capacity];
            _limit = limit;
        }

        /// <summary>Bytes written since the reset.</summary>
        public int Count
        {
            get { return _position - _start; }
        }

        /// <summary>The frame that this message becomes.</summary>
        internal WebSocketOpcode Opcode { get; set; }

        internal int Capacity
        {
            get { return _buffer.Length; }
        }

        /// <summary>What was written; valid until the next write.</summary>
        public ArraySegment<byte> Written
        {
            get { return new ArraySegment<byte>(_buffer, _start, _position - _start); }
        }

        /// <summary>A copy of what was written.</summary>
        public byte[] ToArray()
        {
            var copy = new byte[Count];
            Buffer.BlockCopy(_buffer, _start, copy, 0, copy.Length);
            return copy;
        }

        /// <summary>
        /// Forgets what was written and leaves <paramref name="headroom"/> bytes free before what comes.
        /// </summary>
        public void Reset(int headroom = 0)
        {
            _start = _position = 0;
            Ensure(headroom);
            _start = _position = headroom;
        }

        /// <summary>Takes back everything after <paramref name="count"/> bytes.</summary>
        public void Truncate(int count)
        {
            if (count < 0 || count > Count)
            {
                throw new ArgumentOutOfRangeException(nameof(count));
            }
            _position = _start + count;
        }

        /// <summary>Writes nil.</summary>
        public void WriteNil()
        {
            Put(0xc0);
        }

        /// <summary>Writes a boolean.</summary>
        public void WriteBool(bool value)
        {
            Put(value ? (byte)0xc3 : (byte)0xc2);
        }

        /// <summary>Writes an integer in its shortest form.</summary>
        public void WriteInt(long value)
        {
            if (value >= 0) { WriteUInt((ulong)value); }
            else if (value >= -32) { Put((byte)value); }
            else if (value >= sbyte.MinValue) { PutBigEndian(0xd0, (ulong)value, 1); }
            else if (value >= short.MinValue) { PutBigEndian(0xd1, (ulong)value, 2); }
            else if (value >= int.MinValue) { PutBigEndian(0xd2, (ulong)value, 4); }
            else { PutBigEndian(0xd3, (ulong)value, 8); }
        }

        /// <summary>Writes an integer that is not negative in its shortest form.</summary>
        public void WriteUInt(ulong value)
        {
            if (value < 0x80) { Put((byte)value); }
            else if (value <= byte.MaxValue) { PutBigEndian(0xcc, value, 1); }
            else if (value <= ushort.MaxValue) { PutBigEndian(0xcd, value, 2); }
            else if (value <= uint.MaxValue) { PutBigEndian(0xce, value, 4); }
            else { PutBigEndian(0xcf, value, 8); }
        }

        /// <summary>Writes a float 64.</summary>
        public void WriteDouble(double value)
        {
            PutBigEndian(0xcb, (ulong)BitConverter.DoubleToInt64Bits(value), 8);
        }

        /// <summary>Writes a float 32; the wire contract itself uses float 64 only.</summary>
        public unsafe void WriteSingle(float value)
        {
            PutBigEndian(0xca, *(uint*)&value, 4);
        }

        /// <summary>
        /// Writes text as UTF-8; throws <see cref="EncoderFallbackException"/> for half a surrogate pair.
        /// </summary>
        public void WriteString(string value)
        {
            int length = Utf8.GetByteCount(value);
            if (length < 32) { Put((byte)(0xa0 | length)); }
            else { PutLength(0xd9, (uint)length); }
            Ensure(length);
            _position += Utf8.GetBytes(value, 0, value.Length, _buffer, _position);
        }

        /// <summary>Writes bytes.</summary>
        public void WriteBin(ReadOnlySpan<byte> value)
        {
            value.CopyTo(ReserveBin(value.Length));
        }

        /// <summary>
        /// Writes the header of <paramref name="length"/> bytes and returns the place to fill in at once.
        /// </summary>
        public Span<byte> ReserveBin(int length)
        {
            PutLength(0xc4, (uint)length);
            return Reserve(length);
        }

        /// <summary>Writes an extension value.</summary>
        public void WriteExt(sbyte type, ReadOnlySpan<byte> value)
        {
            switch (value.Length)
            {
                case 1: Put(0xd4); break;
                case 2: Put(0xd5); break;
                case 4: Put(0xd6); break;
                case 8: Put(0xd7); break;
                case 16: Put(0xd8); break;
                default: PutLength(0xc7, (uint)value.Length); break;
            }
            Put((byte)type);
            value.CopyTo(Reserve(value.Length));
        }

        /// <summary>Writes a shared-memory reference: extension 1, big-endian slot, length, sequence.</summary>
        public void WriteReference(in ShmReference reference)
        {
            Ensure(18);
            _buffer[_position++] = 0xd8;
            _buffer[_position++] = ShmReference.ExtType;
            BigEndian(reference.Slot, 4);
            BigEndian(reference.Length, 4);
            BigEndian(reference.Sequence, 8);
        }

        /// <summary>Begins an array of <paramref name="count"/> values.</summary>
        public void WriteArrayHeader(int count)
        {
            PutCount(0x90, 0xdc, count);
        }

        /// <summary>Begins a map of <paramref name="count"/> pairs.</summary>
        public void WriteMapHeader(int count)
        {
            PutCount(0x80, 0xde, count);
        }

        /// <summary>Writes values that are msgpack already.</summary>
        public void WriteRaw(ReadOnlySpan<byte> value)
        {
            value.CopyTo(Reserve(value.Length));
        }

        private Span<byte> Reserve(int length)
        {
            Ensure(length);
            var span = new Span<byte>(_buffer, _position, length);
            _position += length;
            return span;
        }

        private void PutCount(byte small, byte large, int count)
        {
            if (count < 0) { throw new ArgumentOutOfRangeException(nameof(count)); }
            if (count < 16) { Put((byte)(small | count)); }
            else if (count <= ushort.MaxValue) { PutBigEndian(large, (ulong)count, 2); }
            else { PutBigEndian((byte)(large + 1), (ulong)count, 4); }
        }

        private void PutLength(byte first, uint length)
        {
            if (length <= byte.MaxValue) { PutBigEndian(first, length, 1); }
            else if (length <= ushort.MaxValue) { PutBigEndian((byte)(first + 1), length, 2); }
            else { PutBigEndian((byte)(first + 2), length, 4); }
        }

        private void PutBigEndian(byte head, ulong value, int width)
        {
            Ensure(1 + width);
            _buffer[_position++] = head;
            BigEndian(value, width);
        }

        private void BigEndian(ulong value, int width)
        {
            for (int shift = (width - 1) * 8; shift >= 0; shift -= 8)
            {
                _buffer[_position++] = (byte)(value >> shift);
            }
        }

        private void Put(byte value)
        {
            Ensure(1);
            _buffer[_position++] = value;
        }

        private void Ensure(int count)
        {
            if (count <= _buffer.Length - _position)
            {
                return;
            }
            long needed = (long)_position + count;
            if (count < 0 || needed > _limit)
            {
                throw new VitrineException(VitrineCodes.TooLarge, "The message is too large; send less at once.");
            }
            Array.Resize(ref _buffer, (int)Math.Min(_limit, Math.Max(needed, 2L * _buffer.Length)));
        }
    }
}
