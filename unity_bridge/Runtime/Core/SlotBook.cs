using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>
    /// Who owns which slot of the shared memory: the client's own ones that are free to write, and the server's ones
    /// that the client still reads.
    /// </summary>
    internal sealed class SlotBook
    {
        private readonly int _up;
        private readonly bool[] _out;
        private readonly bool[] _held;
        private readonly Stack<uint> _free; // the slot used last is the one whose memory is still in the cache
        private readonly long _capacity;
        private ulong _sequence;

        internal SlotBook(ShmOffer offer)
        {
            _up = offer.Up;
            _capacity = offer.SlotBytes - SharedMap.HeaderBytes;
            _out = new bool[offer.Up];
            _held = new bool[offer.Down];
            _free = new Stack<uint>(offer.Up);
            for (int i = offer.Up - 1; i >= 0; i--)
            {
                _free.Push((uint)i);
            }
        }

        internal int FreeCount
        {
            get { return _free.Count; }
        }

        /// <summary>Whether a payload would fit a slot but none is free now.</summary>
        internal bool MustWait(int length)
        {
            return _free.Count == 0 && _up > 0 && length <= _capacity;
        }

        /// <summary>
        /// A slot to write and the sequence of that use; false when none is free or the payload does not fit.
        /// </summary>
        internal bool TryTake(int length, out ShmReference reference)
        {
            if (_free.Count == 0 || length > _capacity)
            {
                reference = default(ShmReference);
                return false;
            }
            uint slot = _free.Pop();
            _out[slot] = true;
            reference = new ShmReference(slot, (uint)length, ++_sequence);
            return true;
        }

        /// <summary>
        /// The server gives a slot back; one that was never out is ignored, since a peer may say anything.
        /// </summary>
        internal void GiveBack(uint slot)
        {
            if (slot < _up && _out[slot])
            {
                _out[slot] = false;
                _free.Push(slot);
            }
        }

        /// <summary>
        /// Whether the reference lies in a slot of the server, and that slot is not held already; if so it is held.
        /// </summary>
        internal bool TryHold(in ShmReference reference)
        {
            long index = (long)reference.Slot - _up;
            if (index < 0 || index >= _held.Length || reference.Length > _capacity || reference.Sequence == 0 || _held[index])
            {
                return false;
            }
            _held[index] = true;
            return true;
        }

        internal bool IsHeld(uint slot)
        {
            long index = (long)slot - _up;
            return index >= 0 && index < _held.Length && _held[index];
        }

        internal void Release(uint slot)
        {
            _held[slot - (uint)_up] = false;
        }
    }
}
