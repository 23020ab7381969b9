using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>
    /// Looks into one msgpack value where it lies, without building objects; valid as long as the reply that it came
    /// from is not disposed. Accessors throw <see cref="MsgPackException"/> for another type than asked for.
    /// </summary>
    public readonly struct WireView
    {
        private readonly byte[] _buffer;
        private readonly int _offset;
        private readonly int _count;

        internal WireView(byte[] buffer, int offset, int count)
        {
            _buffer = buffer;
            _offset = offset;
            _count = count;
        }

        /// <summary>Whether there is no value at all.</summary>
        public bool IsMissing
        {
            get { return _count == 0; }
        }

        /// <summary>What the value is.</summary>
        public MsgPackType Type
        {
            get { return Reader().Peek(); }
        }

        /// <summary>Entries of a map or an array.</summary>
        public int Length
        {
            get
            {
                MsgPackReader reader = Reader();
                return reader.Peek() == MsgPackType.Map ? reader.ReadMapHeader() : reader.ReadArrayHeader();
            }
        }

        /// <summary>A reader at the value, for own ways through it.</summary>
        public MsgPackReader Reader()
        {
            return new MsgPackReader(_buffer ?? new byte[0], _offset, _count);
        }

        /// <summary>The value of a key of a map; throws <see cref="KeyNotFoundException"/> if there is none.</summary>
        public WireView this[string key]
        {
            get
            {
                WireView value;
                if (!TryGet(key, out value))
                {
                    throw new KeyNotFoundException("the answer has no " + key);
                }
                return value;
            }
        }

        /// <summary>The value at an index of an array.</summary>
        public WireView this[int index]
        {
            get
            {
                MsgPackReader reader = Reader();
                int count = reader.ReadArrayHeader();
                if (index < 0 || index >= count) { throw new ArgumentOutOfRangeException(nameof(index)); }
                for (int i = 0; i < index; i++) { reader.Skip(); }
                return Next(ref reader);
            }
        }

        /// <summary>Finds the value of a key of a map; a nil counts as missing.</summary>
        public bool TryGet(string key, out WireView value)
        {
            MsgPackReader reader = Reader();
            int count = reader.ReadMapHeader();
            for (int i = 0; i < count; i++)
            {
                if (Same(reader.ReadStringSpan(), key))
                {
                    value = Next(ref reader);
                    return value.Type != MsgPackType.Nil;
                }
                reader.Skip();
            }
            value = default(WireView);
            return false;
        }

        /// <summary>The integer.</summary>
        public long AsInt()
        {
            return Reader().ReadInt64();
        }

        /// <summary>The number; integers convert.</summary>
        public double AsDouble()
        {
            return Reader().ReadDouble();
        }

        /// <summary>The boolean.</summary>
        public bool AsBool()
        {
            return Reader().ReadBool();
        }

        /// <summary>The text.</summary>
        public string AsString()
        {
            return Reader().ReadString();
        }

        /// <summary>The bytes where they lie, not copied.</summary>
        public ArraySegment<byte> AsBin()
        {
            return Reader().ReadBin();
        }

        /// <summary>The value as objects, copied.</summary>
        public WireValue ToValue()
        {
            MsgPackReader reader = Reader();
            return WireCodec.Read(ref reader);
        }

        internal ShmReference AsReference()
        {
            MsgPackReader reader = Reader();
            return WireCodec.ReadReference(ref reader);
        }

        internal void CopyTo(byte[] target)
        {
            Buffer.BlockCopy(_buffer, _offset, target, 0, _count);
        }

        internal int ByteCount
        {
            get { return _count; }
        }

        internal WireView Next(ref MsgPackReader reader)
        {
            return Next(_buffer, ref reader);
        }

        internal static WireView Next(byte[] buffer, ref MsgPackReader reader)
        {
            int start = reader.Position;
            reader.Skip();
            return new WireView(buffer, start, reader.Position - start);
        }

        /// <summary>Appends the shared-memory references of the value, in order.</summary>
        internal void CollectReferences(List<ShmReference> found)
        {
            MsgPackReader reader = Reader();
            Collect(ref reader, found, 0);
        }

        internal static bool Same(ReadOnlySpan<byte> bytes, string ascii)
        {
            if (bytes.Length != ascii.Length)
            {
                return false;
            }
            for (int i = 0; i < ascii.Length; i++)
            {
                if (bytes[i] != ascii[i]) { return false; }
            }
            return true;
        }

        private static void Collect(ref MsgPackReader reader, List<ShmReference> found, int depth)
        {
            int children;
            switch (reader.Peek())
            {
                case MsgPackType.Ext: found.Add(WireCodec.ReadReference(ref reader)); return;
                case MsgPackType.Array: children = reader.ReadArrayHeader(); break;
                case MsgPackType.Map: children = reader.ReadMapHeader() * 2; break;
                default: reader.Skip(); return;
            }
            if (depth >= MsgPackReader.MaxDepth)
            {
                throw new MsgPackException("the value is nested too deep");
            }
            for (int i = 0; i < children; i++)
            {
                Collect(ref reader, found, depth + 1);
            }
        }
    }
}
