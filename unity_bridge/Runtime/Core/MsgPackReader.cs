using System;
using System.Text;

namespace Vitrine
{
    /// <summary>
    /// Reads msgpack from a segment of an array, forward only, without reflection and without allocating (but for <see
    /// cref="ReadString"/> and what the caller copies). Every length is checked against the bytes that are left before
    /// it is used. All methods throw <see cref="MsgPackException"/> for malformed or mismatched input.
    /// </summary>
    public struct MsgPackReader
    {
        /// <summary>Arrays and maps may nest this deep.</summary>
        public const int MaxDepth = 32;

        private static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        private readonly byte[] _buffer;
        private readonly int _end;
        private int _position;

        /// <summary>
        /// Reads <paramref name="count"/> bytes of <paramref name="buffer"/> from <paramref name="offset"/>.
        /// </summary>
        public MsgPackReader(byte[] buffer, int offset, int count)
        {
            if (buffer == null || offset < 0 || count < 0 || offset > buffer.Length - count)
            {
                throw new ArgumentOutOfRangeException(nameof(buffer));
            }
            _buffer = buffer;
            _position = offset;
            _end = offset + count;
        }

        /// <summary>Index in the array of the next byte.</summary>
        public int Position
        {
            get { return _position; }
        }

        /// <summary>Whether all bytes were read.</summary>
        public bool AtEnd
        {
            get { return _position == _end; }
        }

        /// <summary>The type of the next value.</summary>
        public MsgPackType Peek()
        {
            Need(1);
            byte head = _buffer[_position];
            if (head < 0x80 || head >= 0xe0) { return MsgPackType.Int; }
            if (head < 0x90) { return MsgPackType.Map; }
            if (head < 0xa0) { return MsgPackType.Array; }
            if (head < 0xc0) { return MsgPackType.Str; }
            switch (head)
            {
                case 0xc0: return MsgPackType.Nil;
                case 0xc2: case 0xc3: return MsgPackType.Bool;
                case 0xc4: case 0xc5: case 0xc6: return MsgPackType.Bin;
                case 0xca: case 0xcb: return MsgPackType.Float;
                case 0xd9: case 0xda: case 0xdb: return MsgPackType.Str;
                case 0xdc: case 0xdd: return MsgPackType.Array;
                case 0xde: case 0xdf: return MsgPackType.Map;
                case 0xc1: throw new MsgPackException("the byte 0xc1 is never used in msgpack");
                default: return head >= 0xcc && head <= 0xd3 ? MsgPackType.Int : MsgPackType.Ext;
            }
        }

        /// <summary>Reads nil if it is next; else leaves the value and answers false.</summary>
        public bool TryReadNil()
        {
            Need(1);
            if (_buffer[_position] != 0xc0)
            {
                return false;
            }
            _position++;
            return true;
        }

        /// <summary>Reads a boolean.</summary>
        public bool ReadBool()
        {
            byte head = Head();
            if (head != 0xc2 && head != 0xc3)
            {
                throw Mismatch("a boolean", head);
            }
            return head == 0xc3;
        }

        /// <summary>Reads an integer that fits 64 bits with sign.</summary>
        public long ReadInt64()
        {
            ulong magnitude;
            bool negative = ReadInteger(out magnitude);
            if (!negative && magnitude > long.MaxValue)
            {
                throw new MsgPackException("an integer is larger than a signed 64-bit one");
            }
            return (long)magnitude;
        }

        /// <summary>Reads an integer that is not negative.</summary>
        public ulong ReadUInt64()
        {
            ulong magnitude;
            if (ReadInteger(out magnitude))
            {
                throw new MsgPackException("an integer is negative where none may be");
            }
            return magnitude;
        }

        /// <summary>Reads an integer within 0..2^32-1.</summary>
        public uint ReadUInt32()
        {
            ulong value = ReadUInt64();
            if (value > uint.MaxValue)
            {
                throw new MsgPackException("an integer is larger than an unsigned 32-bit one");
            }
            return (uint)value;
        }

        /// <summary>Reads an integer within the range of <see cref="int"/>.</summary>
        public int ReadInt32()
        {
            long value = ReadInt64();
            if (value < int.MinValue || value > int.MaxValue)
            {
                throw new MsgPackException("an integer is larger than a signed 32-bit one");
            }
            return (int)value;
        }

        /// <summary>Reads any integer: its 64 bits, and whether they stand for a negative number.</summary>
        public bool ReadInteger(out ulong bits)
        {
            byte head = Head();
            if (head < 0x80) { bits = head; return false; }
            if (head >= 0xe0) { bits = (ulong)(sbyte)head; return true; }
            long signed;
            switch (head)
            {
                case 0xcc: bits = BigEndian(1); return false;
                case 0xcd: bits = BigEndian(2); return false;
                case 0xce: bits = BigEndian(4); return false;
                case 0xcf: bits = BigEndian(8); return false;
                case 0xd0: signed = (sbyte)BigEndian(1); break;
                case 0xd1: signed = (short)BigEndian(2); break;
                case 0xd2: signed = (int)BigEndian(4); break;
                case 0xd3: signed = (long)BigEndian(8); break;
                default: throw Mismatch("an integer", head);
            }
            bits = (ulong)signed;
            return signed < 0;
        }

        /// <summary>Reads a float; an integer is taken too.</summary>
        public double ReadDouble()
        {
            Need(1);
            byte head = _buffer[_position];
            if (head == 0xcb)
            {
                _position++;
                return BitConverter.Int64BitsToDouble((long)BigEndian(8));
            }
            if (head == 0xca)
            {
                _position++;
                return SingleOf((uint)BigEndian(4));
            }
            ulong bits;
            return ReadInteger(out bits) ? (double)(long)bits : (double)bits;
        }

        /// <summary>Reads text; throws for bytes that are not UTF-8.</summary>
        public string ReadString()
        {
            int length = ReadStringLength();
            try
            {
                string text = Utf8.GetString(_buffer, _position, length);
                _position += length;
                return text;
            }
            catch (DecoderFallbackException)
            {
                throw new MsgPackException("a string is not UTF-8");
            }
        }

        /// <summary>
        /// Reads text as its UTF-8 bytes, inside the array that is read from; not checked to be UTF-8.
        /// </summary>
        public ReadOnlySpan<byte> ReadStringSpan()
        {
            int length = ReadStringLength();
            int start = _position;
            _position += length;
            return new ReadOnlySpan<byte>(_buffer, start, length);
        }

        /// <summary>
        /// Reads bytes as a segment of the array that is read from: no copy, valid as long as that array is.
        /// </summary>
        public ArraySegment<byte> ReadBin()
        {
            byte head = Head();
            if (head < 0xc4 || head > 0xc6)
            {
                throw Mismatch("bytes", head);
            }
            return Take(Length(1 << (head - 0xc4)));
        }

        /// <summary>Reads an extension: its type, and its bytes as a segment of the array that is read from.</summary>
        public ArraySegment<byte> ReadExt(out sbyte type)
        {
            byte head = Head();
            int length;
            if (head >= 0xd4 && head <= 0xd8)
            {
                length = 1 << (head - 0xd4);
            }
            else if (head >= 0xc7 && head <= 0xc9)
            {
                length = Length(1 << (head - 0xc7));
            }
            else
            {
                throw Mismatch("an extension", head);
            }
            type = (sbyte)BigEndian(1);
            return Take(length);
        }

        /// <summary>Reads an array's header; that many values follow.</summary>
        public int ReadArrayHeader()
        {
            byte head = Head();
            if ((head & 0xf0) == 0x90) { return Children(head & 0x0f, 1); }
            if (head == 0xdc) { return Children(BigEndian(2), 1); }
            if (head == 0xdd) { return Children(BigEndian(4), 1); }
            throw Mismatch("an array", head);
        }

        /// <summary>Reads a map's header; that many pairs of key and value follow.</summary>
        public int ReadMapHeader()
        {
            byte head = Head();
            if ((head & 0xf0) == 0x80) { return Children(head & 0x0f, 2); }
            if (head == 0xde) { return Children(BigEndian(2), 2); }
            if (head == 0xdf) { return Children(BigEndian(4), 2); }
            throw Mismatch("a map", head);
        }

        /// <summary>Passes over one whole value, however it nests (up to <see cref="MaxDepth"/>).</summary>
        public void Skip()
        {
            SkipNested(0);
        }

        private void SkipNested(int depth)
        {
            int children = 0;
            sbyte ignored;
            ulong bits;
            switch (Peek())
            {
                case MsgPackType.Nil: _position++; return;
                case MsgPackType.Bool: _position++; return;
                case MsgPackType.Int: ReadInteger(out bits); return;
                case MsgPackType.Float: ReadDouble(); return;
                case MsgPackType.Str: ReadStringSpan(); return;
                case MsgPackType.Bin: ReadBin(); return;
                case MsgPackType.Ext: ReadExt(out ignored); return;
                case MsgPackType.Array: children = ReadArrayHeader(); break;
                case MsgPackType.Map: children = ReadMapHeader() * 2; break;
            }
            if (depth >= MaxDepth)
            {
                throw new MsgPackException("the value is nested too deep");
            }
            for (int i = 0; i < children; i++)
            {
                SkipNested(depth + 1);
            }
        }

        private int ReadStringLength()
        {
            byte head = Head();
            int length;
            if ((head & 0xe0) == 0xa0)
            {
                length = head & 0x1f;
                Need(length);
                return length;
            }
            if (head < 0xd9 || head > 0xdb)
            {
                throw Mismatch("text", head);
            }
            length = Length(1 << (head - 0xd9));
            return length;
        }

        private int Length(int width)
        {
            ulong length = BigEndian(width);
            if (length > (ulong)(_end - _position))
            {
                throw new MsgPackException("a length reaches past the end of the message");
            }
            return (int)length;
        }

        // Each child takes at least one byte, so a count can be believed only as far as bytes are left.
        private int Children(ulong count, uint each)
        {
            if (count * each > (ulong)(_end - _position))
            {
                throw new MsgPackException("a count is larger than the bytes that are left");
            }
            return (int)count;
        }

        private int Children(int count, uint each)
        {
            return Children((ulong)count, each);
        }

        private ArraySegment<byte> Take(int length)
        {
            Need(length);
            var segment = new ArraySegment<byte>(_buffer, _position, length);
            _position += length;
            return segment;
        }

        private byte Head()
        {
            Need(1);
            return _buffer[_position++];
        }

        private ulong BigEndian(int width)
        {
            Need(width);
            ulong value = 0;
            for (int i = 0; i < width; i++)
            {
                value = (value << 8) | _buffer[_position + i];
            }
            _position += width;
            return value;
        }

        private void Need(int count)
        {
            if (count > _end - _position)
            {
                throw new MsgPackException("the message is cut short");
            }
        }

        private static unsafe double SingleOf(uint bits)
        {
            return *(float*)&bits;
        }

        private static MsgPackException Mismatch(string wanted, byte head)
        {
            return new MsgPackException("expected " + wanted + ", found the byte 0x" + head.ToString("x2"));
        }
    }
}
