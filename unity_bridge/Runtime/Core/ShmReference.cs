using System;

namespace Vitrine
{
    /// <summary>A payload that lies in a shared-memory slot; on the wire msgpack extension 1 of 16 bytes.</summary>
    public readonly struct ShmReference : IEquatable<ShmReference>
    {
        /// <summary>The msgpack extension type.</summary>
        public const byte ExtType = 1;

        /// <summary>Makes a reference.</summary>
        public ShmReference(uint slot, uint length, ulong sequence)
        {
            Slot = slot;
            Length = length;
            Sequence = sequence;
        }

        /// <summary>Slot number.</summary>
        public uint Slot { get; }

        /// <summary>Payload bytes.</summary>
        public uint Length { get; }

        /// <summary>The sequence that the slot's header must carry.</summary>
        public ulong Sequence { get; }

        /// <summary>
        /// Decodes the bytes of the extension; throws <see cref="MsgPackException"/> unless they are 16.
        /// </summary>
        public static ShmReference Decode(ReadOnlySpan<byte> bytes)
        {
            if (bytes.Length != 16)
            {
                throw new MsgPackException("a shared-memory reference has not 16 bytes");
            }
            return new ShmReference((uint)BigEndian(bytes, 0, 4), (uint)BigEndian(bytes, 4, 4), BigEndian(bytes, 8, 8));
        }

        /// <inheritdoc/>
        public bool Equals(ShmReference other)
        {
            return Slot == other.Slot && Length == other.Length && Sequence == other.Sequence;
        }

        /// <inheritdoc/>
        public override bool Equals(object other)
        {
            return other is ShmReference && Equals((ShmReference)other);
        }

        /// <inheritdoc/>
        public override int GetHashCode()
        {
            return unchecked((int)(Slot * 397 ^ Length ^ (uint)Sequence));
        }

        private static ulong BigEndian(ReadOnlySpan<byte> bytes, int start, int width)
        {
            ulong value = 0;
            for (int i = start; i < start + width; i++)
            {
                value = (value << 8) | bytes[i];
            }
            return value;
        }
    }
}
