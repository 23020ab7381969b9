using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>
    /// Between <see cref="WireValue"/> and msgpack; maps keep their order, so equal values give equal bytes.
    /// </summary>
    public static class WireCodec
    {
        /// <summary>
        /// A decoded tree has at most this many values: a hostile message must not become gigabytes of objects.
        /// </summary>
        public const int MaxNodes = 16384;

        /// <summary>
        /// Writes a value. Throws <see cref="VitrineException"/> (<c>bad_request</c>) for a number that is NaN or
        /// infinite and for a tree deeper than <see cref="MsgPackReader.MaxDepth"/>.
        /// </summary>
        public static void Write(MsgPackWriter writer, in WireValue value)
        {
            Write(writer, value, null, 0);
        }

        /// <summary>
        /// Reads one value; binary is copied. Throws <see cref="MsgPackException"/> for what is malformed, nested too
        /// deep, has more than <see cref="MaxNodes"/> values, a key that is not text, or an extension that the wire
        /// does not use.
        /// </summary>
        public static WireValue Read(ref MsgPackReader reader)
        {
            int budget = MaxNodes;
            return Read(ref reader, 0, ref budget);
        }

        internal static void Write(MsgPackWriter writer, in WireValue value, IImageSink sink, int depth)
        {
            switch (value.Kind)
            {
                case WireKind.Nil: writer.WriteNil(); break;
                case WireKind.Bool: writer.WriteBool(value.AsBool); break;
                case WireKind.Int: writer.WriteInt(value.AsInt); break;
                case WireKind.UInt: writer.WriteUInt(value.AsUInt); break;
                case WireKind.Double: WriteFinite(writer, value.AsDouble); break;
                case WireKind.String: writer.WriteString(value.AsString); break;
                case WireKind.Bin: writer.WriteBin(value.AsBin); break;
                case WireKind.Reference: writer.WriteReference(value.AsReference); break;
                case WireKind.Image: value.AsImage.Write(writer, sink); break;
                case WireKind.Array: WriteArray(writer, value.AsArray, sink, depth); break;
                case WireKind.Map: WriteMap(writer, value.AsMap, sink, depth); break;
            }
        }

        internal static void WriteMap(MsgPackWriter writer, WireMap map, IImageSink sink, int depth)
        {
            CheckDepth(depth);
            writer.WriteMapHeader(map.Count);
            for (int i = 0; i < map.Count; i++)
            {
                KeyValuePair<string, WireValue> pair = map.At(i);
                writer.WriteString(pair.Key);
                Write(writer, pair.Value, sink, depth + 1);
            }
        }

        internal static void WriteFinite(MsgPackWriter writer, double value)
        {
            if (double.IsNaN(value) || double.IsInfinity(value))
            {
                throw new VitrineException(VitrineCodes.BadRequest, "A number is NaN or infinite; send a finite one.");
            }
            writer.WriteDouble(value);
        }

        private static void WriteArray(MsgPackWriter writer, IReadOnlyList<WireValue> values, IImageSink sink, int depth)
        {
            CheckDepth(depth);
            writer.WriteArrayHeader(values.Count);
            for (int i = 0; i < values.Count; i++)
            {
                Write(writer, values[i], sink, depth + 1);
            }
        }

        private static void CheckDepth(int depth)
        {
            if (depth >= MsgPackReader.MaxDepth)
            {
                throw new VitrineException(VitrineCodes.BadRequest, "The value is nested too deep; make it flatter.");
            }
        }

        private static WireValue Read(ref MsgPackReader reader, int depth, ref int budget)
        {
            if (--budget < 0 || depth > MsgPackReader.MaxDepth)
            {
                throw new MsgPackException("the message has too many values or nests too deep");
            }
            switch (reader.Peek())
            {
                case MsgPackType.Bool: return reader.ReadBool();
                case MsgPackType.Int: return ReadInteger(ref reader);
                case MsgPackType.Float: return reader.ReadDouble();
                case MsgPackType.Str: return reader.ReadString();
                case MsgPackType.Bin: return CopyOf(reader.ReadBin());
                case MsgPackType.Array: return ReadArray(ref reader, depth, ref budget);
                case MsgPackType.Map: return ReadMap(ref reader, depth, ref budget);
                case MsgPackType.Ext: return WireValue.Reference(ReadReference(ref reader));
                default:
                    reader.TryReadNil();
                    return WireValue.Nil;
            }
        }

        internal static ShmReference ReadReference(ref MsgPackReader reader)
        {
            sbyte type;
            ArraySegment<byte> bytes = reader.ReadExt(out type);
            if (type != ShmReference.ExtType)
            {
                throw new MsgPackException("the extension type " + type + " is not used on this wire");
            }
            return ShmReference.Decode(bytes);
        }

        private static WireValue ReadInteger(ref MsgPackReader reader)
        {
            ulong bits;
            return reader.ReadInteger(out bits) ? (WireValue)(long)bits : WireValue.UInt(bits);
        }

        private static byte[] CopyOf(ArraySegment<byte> bytes)
        {
            var copy = new byte[bytes.Count];
            Buffer.BlockCopy(bytes.Array, bytes.Offset, copy, 0, copy.Length);
            return copy;
        }

        private static WireValue ReadArray(ref MsgPackReader reader, int depth, ref int budget)
        {
            int count = reader.ReadArrayHeader();
            if (count > budget)
            {
                throw new MsgPackException("the message has too many values");
            }
            var values = new WireValue[count];
            for (int i = 0; i < count; i++)
            {
                values[i] = Read(ref reader, depth + 1, ref budget);
            }
            return WireValue.Array(values);
        }

        private static WireValue ReadMap(ref MsgPackReader reader, int depth, ref int budget)
        {
            int count = reader.ReadMapHeader();
            var map = new WireMap();
            for (int i = 0; i < count; i++)
            {
                string key = reader.ReadString();
                map.Add(key, Read(ref reader, depth + 1, ref budget));
            }
            return map;
        }
    }
}
