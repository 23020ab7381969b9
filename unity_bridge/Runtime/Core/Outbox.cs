using System;
using System.Collections.Generic;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>
    /// What waits to be sent on one socket: a queue bounded in messages and bytes, drained in order. Small messages go
    /// out on the thread that queued them when nothing waits before them, since a hop to another thread costs more than
    /// the send; all others go out on an own thread, so that a slow server never blocks a caller.
    /// </summary>
    internal sealed class Outbox
    {
        private const int InlineBytes = 4 * 1024;
        private const int BufferBytes = 1024;
        private const int ReadyBuffers = 8;
        private const int KeptBuffers = 16;
        private const int KeptBufferBytes = 4 << 20;
        private const int ReservedForControl = 64;

        private readonly Socket _socket;
        private readonly int _maxMessages;
        private readonly long _maxBytes;
        private readonly object _gate = new object();
        private readonly Queue<MsgPackWriter> _queue = new Queue<MsgPackWriter>();
        private readonly Stack<MsgPackWriter> _spare = new Stack<MsgPackWriter>();
        private readonly byte[] _masks = new byte[4096];
        private readonly RNGCryptoServiceProvider _random = new RNGCryptoServiceProvider();
        private int _maskAt = 4096;
        private long _bytes;
        private bool _sending;
        private bool _closed;
        private TaskCompletionSource<bool> _room;

        internal Outbox(Socket socket, int maxMessages, long maxBytes)
        {
            _socket = socket;
            _maxMessages = maxMessages;
            _maxBytes = maxBytes;
            for (int i = 0; i < ReadyBuffers; i++)
            {
                _spare.Push(new MsgPackWriter(BufferBytes));
            }
        }

        /// <summary>
        /// An empty writer with room for the frame's header, for <see cref="TryAdd"/> or <see cref="GiveBack"/>.
        /// </summary>
        internal MsgPackWriter Rent()
        {
            lock (_gate)
            {
                MsgPackWriter writer = _spare.Count > 0 ? _spare.Pop() : new MsgPackWriter(BufferBytes);
                writer.Reset(WebSocketWriter.Headroom);
                return writer;
            }
        }

        internal void GiveBack(MsgPackWriter writer)
        {
            lock (_gate)
            {
                Keep(writer);
            }
        }

        /// <summary>Whether the bounds are reached: nothing but control messages may be added now.</summary>
        internal bool IsFull
        {
            get
            {
                lock (_gate)
                {
                    return _queue.Count >= _maxMessages || _bytes >= _maxBytes;
                }
            }
        }

        /// <summary>Queues one message; false when even the room kept for control messages is used up.</summary>
        internal bool TryAdd(MsgPackWriter writer, WebSocketOpcode opcode)
        {
            lock (_gate)
            {
                if (_closed || _queue.Count >= _maxMessages + ReservedForControl)
                {
                    Keep(writer);
                    return false;
                }
                _bytes += writer.Count;
                writer.Opcode = opcode;
                _queue.Enqueue(writer);
                return true;
            }
        }

        /// <summary>
        /// Sends what is small on this thread if no other sends, and wakes the sending thread for the rest. Not to be
        /// called with a lock held. Throws <see cref="SocketException"/>.
        /// </summary>
        internal void Flush()
        {
            MsgPackWriter next;
            while (TryBegin(true, out next))
            {
                Send(next);
            }
        }

        /// <summary>
        /// Sends on the calling thread for up to a wait of <paramref name="milliseconds"/>; false once closed.
        /// </summary>
        internal bool SendOrWait(int milliseconds)
        {
            lock (_gate)
            {
                if (!_closed && (_queue.Count == 0 || _sending))
                {
                    Monitor.Wait(_gate, milliseconds);
                }
                if (_closed)
                {
                    return false;
                }
            }
            MsgPackWriter next;
            while (TryBegin(false, out next))
            {
                Send(next);
            }
            return true;
        }

        /// <summary>Completes when the queue is half empty: false if the connection ended first.</summary>
        internal Task<bool> WhenRoom()
        {
            lock (_gate)
            {
                if (_closed) { return Task.FromResult(false); }
                if (HasRoom()) { return Task.FromResult(true); }
                if (_room == null)
                {
                    _room = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
                }
                return _room.Task;
            }
        }

        internal void Close()
        {
            TaskCompletionSource<bool> room;
            lock (_gate)
            {
                _closed = true;
                _queue.Clear();
                room = _room;
                _room = null;
                Monitor.PulseAll(_gate);
            }
            if (room != null)
            {
                room.TrySetResult(false);
            }
        }

        private bool TryBegin(bool inline, out MsgPackWriter next)
        {
            lock (_gate)
            {
                next = null;
                if (_closed || _sending || _queue.Count == 0)
                {
                    return false;
                }
                if (inline && (_queue.Peek().Count > InlineBytes || !_socket.Poll(0, SelectMode.SelectWrite)))
                {
                    Monitor.PulseAll(_gate);
                    return false;
                }
                next = _queue.Dequeue();
                _bytes -= next.Count;
                _sending = true;
                return true;
            }
        }

        private void Send(MsgPackWriter message)
        {
            TaskCompletionSource<bool> room = null;
            try
            {
                ArraySegment<byte> payload = message.Written;
                int start = WebSocketWriter.Frame(message.Opcode, payload.Array, payload.Offset, payload.Count, NextMask());
                int end = payload.Offset + payload.Count;
                while (start < end)
                {
                    start += _socket.Send(payload.Array, start, end - start, SocketFlags.None);
                }
            }
            finally
            {
                lock (_gate)
                {
                    _sending = false;
                    Keep(message);
                    if (_queue.Count > 0) { Monitor.PulseAll(_gate); }
                    if (_room != null && HasRoom())
                    {
                        room = _room;
                        _room = null;
                    }
                }
            }
            if (room != null)
            {
                room.TrySetResult(true);
            }
        }

        private bool HasRoom()
        {
            return _queue.Count <= _maxMessages / 2 && _bytes <= _maxBytes / 2;
        }

        private void Keep(MsgPackWriter writer)
        {
            if (_spare.Count < KeptBuffers && writer.Capacity <= KeptBufferBytes)
            {
                _spare.Push(writer);
            }
        }

        // Only the one thread that holds _sending comes here.
        private uint NextMask()
        {
            if (_maskAt > _masks.Length - 4)
            {
                _random.GetBytes(_masks);
                _maskAt = 0;
            }
            uint mask = BitConverter.ToUInt32(_masks, _maskAt);
            _maskAt += 4;
            return mask;
        }
    }
}
