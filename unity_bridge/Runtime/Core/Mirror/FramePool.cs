using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>
    /// One buffer of raw rgba8 pixels that goes round between the thread that fills it and the one that sends it.
    /// </summary>
    public sealed class FrameSlot
    {
        private readonly FramePool _pool;

        internal FrameSlot(FramePool pool, int index, IntPtr pixels, int capacity)
        {
            _pool = pool;
            Index = index;
            Pixels = pixels;
            Capacity = capacity;
        }

        /// <summary>Which of the pool's buffers it is.</summary>
        public int Index { get; }

        /// <summary>The first pixel.</summary>
        public IntPtr Pixels { get; }

        /// <summary>Bytes that fit.</summary>
        public int Capacity { get; }

        /// <summary>Pixels across, before <see cref="QuarterTurns"/>.</summary>
        public int Width { get; set; }

        /// <summary>Pixels down, before <see cref="QuarterTurns"/>.</summary>
        public int Height { get; set; }

        /// <summary>Quarter turns clockwise that are still to be made for the picture to stand upright.</summary>
        public int QuarterTurns { get; set; }

        /// <summary>When it was taken, microseconds of the mirror's clock.</summary>
        public long TimeUs { get; set; }

        /// <summary>Gives the buffer back to its pool; a second call does nothing.</summary>
        public void Return()
        {
            _pool.Return(this);
        }
    }

    /// <summary>
    /// A fixed number of buffers that the caller owns; may be used from any thread. Allocates nothing once made.
    /// </summary>
    public sealed class FramePool
    {
        private readonly object _gate = new object();
        private readonly Stack<FrameSlot> _free;
        private readonly bool[] _out;

        /// <summary>Takes buffers of <paramref name="capacity"/> bytes each.</summary>
        public FramePool(IReadOnlyList<IntPtr> buffers, int capacity)
        {
            _free = new Stack<FrameSlot>(buffers.Count);
            _out = new bool[buffers.Count];
            for (int i = buffers.Count - 1; i >= 0; i--)
            {
                _free.Push(new FrameSlot(this, i, buffers[i], capacity));
            }
        }

        /// <summary>Whether every buffer is back, so that the memory may be freed.</summary>
        public bool IsIdle
        {
            get
            {
                lock (_gate) { return _free.Count == _out.Length; }
            }
        }

        /// <summary>A free buffer; false when all are in use.</summary>
        public bool TryRent(out FrameSlot slot)
        {
            lock (_gate)
            {
                slot = _free.Count > 0 ? _free.Pop() : null;
                if (slot != null) { _out[slot.Index] = true; }
                return slot != null;
            }
        }

        internal void Return(FrameSlot slot)
        {
            lock (_gate)
            {
                if (_out[slot.Index])
                {
                    _out[slot.Index] = false;
                    _free.Push(slot);
                }
            }
        }
    }
}
