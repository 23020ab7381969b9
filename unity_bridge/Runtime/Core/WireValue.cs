using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>What a <see cref="WireValue"/> holds.</summary>
    public enum WireKind
    {
        /// <summary>nothing</summary>
        Nil,
        /// <summary>true or false</summary>
        Bool,
        /// <summary>an integer, signed 64 bits</summary>
        Int,
        /// <summary>an integer above the signed 64 bits</summary>
        UInt,
        /// <summary>a float 64</summary>
        Double,
        /// <summary>text</summary>
        String,
        /// <summary>bytes</summary>
        Bin,
        /// <summary>a list of values</summary>
        Array,
        /// <summary>an ordered map with string keys</summary>
        Map,
        /// <summary>a shared-memory reference</summary>
        Reference,
        /// <summary>a picture to send</summary>
        Image
    }

    /// <summary>One value of a message; most .NET values convert to it by themselves.</summary>
    public readonly struct WireValue
    {
        private readonly long _bits;
        private readonly object _object;

        private WireValue(WireKind kind, long bits, object value)
        {
            Kind = kind;
            _bits = bits;
            _object = value;
        }

        /// <summary>Nothing.</summary>
        public static readonly WireValue Nil = new WireValue(WireKind.Nil, 0, null);

        /// <summary>What the value is.</summary>
        public WireKind Kind { get; }

        /// <summary>
        /// The boolean; throws <see cref="InvalidCastException"/> for another kind, as all of these do.
        /// </summary>
        public bool AsBool
        {
            get { return Bits(WireKind.Bool) != 0; }
        }

        /// <summary>The integer.</summary>
        public long AsInt
        {
            get { return Bits(WireKind.Int); }
        }

        /// <summary>The integer as unsigned.</summary>
        public ulong AsUInt
        {
            get { return Kind == WireKind.UInt ? (ulong)_bits : checked((ulong)AsInt); }
        }

        /// <summary>The number; integers convert.</summary>
        public double AsDouble
        {
            get
            {
                if (Kind == WireKind.Int) { return _bits; }
                return Kind == WireKind.UInt ? (double)(ulong)_bits : BitConverter.Int64BitsToDouble(Bits(WireKind.Double));
            }
        }

        /// <summary>The text.</summary>
        public string AsString
        {
            get { return (string)Object(WireKind.String); }
        }

        /// <summary>The bytes.</summary>
        public ArraySegment<byte> AsBin
        {
            get { return new ArraySegment<byte>((byte[])Object(WireKind.Bin), (int)(_bits >> 32), (int)_bits); }
        }

        /// <summary>The values of the list.</summary>
        public IReadOnlyList<WireValue> AsArray
        {
            get { return (IReadOnlyList<WireValue>)Object(WireKind.Array); }
        }

        /// <summary>The map.</summary>
        public WireMap AsMap
        {
            get { return (WireMap)Object(WireKind.Map); }
        }

        /// <summary>The reference.</summary>
        public ShmReference AsReference
        {
            get { return (ShmReference)Object(WireKind.Reference); }
        }

        internal ImageFrame AsImage
        {
            get { return (ImageFrame)Object(WireKind.Image); }
        }

        /// <summary>Bytes without a copy; they must not change until the call was sent.</summary>
        public static WireValue Bin(ArraySegment<byte> value)
        {
            return new WireValue(WireKind.Bin, ((long)value.Offset << 32) | (uint)value.Count, value.Array ?? new byte[0]);
        }

        /// <summary>An integer above the signed 64 bits too.</summary>
        public static WireValue UInt(ulong value)
        {
            return new WireValue(value > long.MaxValue ? WireKind.UInt : WireKind.Int, (long)value, null);
        }

        /// <summary>A list.</summary>
        public static WireValue Array(params WireValue[] values)
        {
            return new WireValue(WireKind.Array, 0, values);
        }

        /// <summary>A shared-memory reference.</summary>
        public static WireValue Reference(in ShmReference value)
        {
            return new WireValue(WireKind.Reference, 0, value);
        }

        /// <summary>A picture to send; its bytes must not change until the call was sent.</summary>
        public static WireValue Image(in ImageFrame value)
        {
            return new WireValue(WireKind.Image, 0, value);
        }

        /// <summary>A boolean.</summary>
        public static implicit operator WireValue(bool value)
        {
            return new WireValue(WireKind.Bool, value ? 1 : 0, null);
        }

        /// <summary>An integer.</summary>
        public static implicit operator WireValue(int value)
        {
            return new WireValue(WireKind.Int, value, null);
        }

        /// <summary>An integer.</summary>
        public static implicit operator WireValue(long value)
        {
            return new WireValue(WireKind.Int, value, null);
        }

        /// <summary>A float 64.</summary>
        public static implicit operator WireValue(double value)
        {
            return new WireValue(WireKind.Double, BitConverter.DoubleToInt64Bits(value), null);
        }

        /// <summary>Text; null becomes nil.</summary>
        public static implicit operator WireValue(string value)
        {
            return value == null ? Nil : new WireValue(WireKind.String, 0, value);
        }

        /// <summary>Bytes, not copied; null becomes nil.</summary>
        public static implicit operator WireValue(byte[] value)
        {
            return value == null ? Nil : Bin(new ArraySegment<byte>(value));
        }

        /// <summary>A map; null becomes nil.</summary>
        public static implicit operator WireValue(WireMap value)
        {
            return value == null ? Nil : new WireValue(WireKind.Map, 0, value);
        }

        /// <summary>A list; null becomes nil.</summary>
        public static implicit operator WireValue(WireValue[] value)
        {
            return value == null ? Nil : Array(value);
        }

        /// <summary>A picture to send.</summary>
        public static implicit operator WireValue(ImageFrame value)
        {
            return Image(value);
        }

        private long Bits(WireKind kind)
        {
            Expect(kind);
            return _bits;
        }

        private object Object(WireKind kind)
        {
            Expect(kind);
            return _object;
        }

        private void Expect(WireKind kind)
        {
            if (Kind != kind)
            {
                throw new InvalidCastException("the value is " + Kind + ", not " + kind);
            }
        }
    }
}
