using System;
using System.Buffers;
using System.Collections.Generic;
using System.Threading;

namespace Vitrine
{
    /// <summary>
    /// One answer: a part of a stream or the result of a call. Read it, then dispose it: its memory is used again, so
    /// nothing taken from it (views, segments, pictures) may be touched afterwards.
    /// </summary>
    public sealed class VitrineReply : IDisposable
    {
        private readonly ReplyPool _pool;
        private readonly List<ShmReference> _references = new List<ShmReference>();
        private readonly List<byte[]> _copies = new List<byte[]>();
        private byte[] _bytes;
        private SharedMap _map;
        private Link _link;
        private int _inUse;

        internal VitrineReply(ReplyPool pool)
        {
            _pool = pool;
        }

        /// <summary>A part's number from 0; -1 for the result of a call.</summary>
        public long Number { get; private set; }

        /// <summary>The answer's map.</summary>
        public WireView Data { get; private set; }

        /// <summary>Where the server spent the time.</summary>
        public CallTiming Timing { get; private set; }

        /// <summary>The picture under a key; throws <see cref="KeyNotFoundException"/> where there is none.</summary>
        public VitrineImage Image(string key)
        {
            return new VitrineImage(this, Data[key]);
        }

        /// <summary>Finds the picture under a key.</summary>
        public bool TryGetImage(string key, out VitrineImage image)
        {
            WireView map;
            if (!Data.TryGet(key, out map))
            {
                image = default(VitrineImage);
                return false;
            }
            image = new VitrineImage(this, map);
            return true;
        }

        /// <summary>Gives memory and shared-memory slots back; a second call does nothing.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _inUse, 0) == 0)
            {
                return;
            }
            ReleaseSlots();
            ReleaseCopies();
            ReplyPool.Bytes.Return(_bytes);
            _bytes = null;
            Data = default(WireView);
            _pool.Return(this);
        }

        internal IReadOnlyList<ShmReference> References
        {
            get { return _references; }
        }

        /// <summary>
        /// Takes a copy of the message's map; its slots stay in shared memory until <see cref="Detach"/> or disposal.
        /// </summary>
        internal void Fill(in ServerMessage message)
        {
            _bytes = ReplyPool.Bytes.Rent(Math.Max(16, message.Data.ByteCount));
            message.Data.CopyTo(_bytes);
            Data = new WireView(_bytes, 0, message.Data.ByteCount);
            Number = message.Kind == ServerMessageKind.Part ? message.Number : -1L;
            Timing = message.Timing;
            _references.Clear();
            Data.CollectReferences(_references);
            _inUse = 1;
        }

        internal void HoldSlots(Link link, SharedMap map)
        {
            _link = link;
            _map = map;
        }

        /// <summary>
        /// Copies the slots to private memory and gives them back, so that the reply can be kept for long.
        /// </summary>
        internal unsafe void Detach()
        {
            if (_map == null)
            {
                return;
            }
            try
            {
                for (int i = 0; i < _references.Count; i++)
                {
                    byte[] copy = ReplyPool.Bytes.Rent(Math.Max(16, (int)_references[i].Length));
                    _copies.Add(copy);
                    fixed (byte* target = copy)
                    {
                        _map.Read(_references[i], target);
                    }
                }
            }
            finally
            {
                ReleaseSlots();
            }
        }

        /// <summary>Where the bytes of a reference are: in private memory, or in the map (null segment).</summary>
        internal SharedMap Find(in ShmReference reference, out ArraySegment<byte> copy)
        {
            if (Volatile.Read(ref _inUse) == 0)
            {
                throw new ObjectDisposedException(nameof(VitrineReply));
            }
            for (int i = 0; i < _references.Count; i++)
            {
                if (_references[i].Equals(reference))
                {
                    copy = i < _copies.Count
                        ? new ArraySegment<byte>(_copies[i], 0, (int)reference.Length) : default(ArraySegment<byte>);
                    return _map;
                }
            }
            throw new InvalidOperationException("the picture belongs to another reply");
        }

        private void ReleaseSlots()
        {
            if (_map == null)
            {
                return;
            }
            SharedMap map = _map;
            _map = null;
            _link.ReturnSlots(_references);
            _link = null;
            map.Release();
        }

        private void ReleaseCopies()
        {
            for (int i = 0; i < _copies.Count; i++)
            {
                ReplyPool.Bytes.Return(_copies[i]);
            }
            _copies.Clear();
        }
    }

    /// <summary>Replies that wait to be used again.</summary>
    internal sealed class ReplyPool
    {
        private const int Kept = 64;

        /// <summary>Private memory for answers, up to a large picture.</summary>
        internal static readonly ArrayPool<byte> Bytes = ArrayPool<byte>.Create(64 << 20, 8);

        private readonly Stack<VitrineReply> _spare = new Stack<VitrineReply>();

        internal VitrineReply Rent()
        {
            lock (_spare)
            {
                return _spare.Count > 0 ? _spare.Pop() : new VitrineReply(this);
            }
        }

        internal void Return(VitrineReply reply)
        {
            lock (_spare)
            {
                if (_spare.Count < Kept) { _spare.Push(reply); }
            }
        }
    }
}
