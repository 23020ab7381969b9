using System;
using System.Collections.Generic;
using System.Net.Sockets;
using System.Threading;

namespace Vitrine
{
    /// <summary>
    /// One live connection: drives the session over the socket. <see cref="Run"/> receives on the thread that calls it;
    /// everything else may be called from any thread.
    /// </summary>
    internal sealed partial class Link : IImageSink
    {
        private readonly VitrineOptions _options;
        private readonly BridgeSession _session;
        private readonly Socket _socket;
        private readonly WebSocketReader _reader;
        private readonly Outbox _outbox;
        private readonly SharedMap _map;
        private readonly ReplyPool _replies = new ReplyPool();
        private readonly object _gate = new object();
        private readonly Dictionary<uint, ICallSink> _sinks = new Dictionary<uint, ICallSink>();
        private readonly List<uint> _placed = new List<uint>();
        private readonly List<uint> _freed = new List<uint>();
        private readonly uint[] _freeing = new uint[1024];
        private readonly ClockSync _clockSync = new ClockSync();
        private readonly Action<string, WireMap> _noted;
        private readonly Thread _sender;
        private VitrineException _cause;
        private int _receiverId;
        private long _lastPingUs;
        private long _lastHeardUs;
        private bool _mapOwned;

        internal Link(
            VitrineOptions options, BridgeSession session, Socket socket, WebSocketReader reader, SharedMap map,
            Action<string, WireMap> noted)
        {
            _options = options;
            _session = session;
            _socket = socket;
            _reader = reader;
            _map = map;
            _mapOwned = map != null;
            _noted = noted;
            _outbox = new Outbox(socket, options.SendQueueMessages, options.SendQueueBytes);
            _lastHeardUs = options.Clock.NowUs;
            _sender = new Thread(SendLoop) { IsBackground = true, Name = "vitrine send" };
        }

        internal Welcome Welcome
        {
            get { return _session.Welcome; }
        }

        internal Outbox Outbox
        {
            get { return _outbox; }
        }

        internal bool IsMapped
        {
            get { return _map != null; }
        }

        /// <summary>Begins to send: first of all that the shared memory is mapped.</summary>
        internal void Begin()
        {
            _sender.Start();
            if (_map == null)
            {
                return;
            }
            MsgPackWriter writer = _outbox.Rent();
            lock (_gate)
            {
                _session.SendFree(writer, _freeing, 0);
                Queue(writer);
            }
            Flush();
        }

        /// <summary>Opens a call. Throws <see cref="VitrineException"/> when it cannot be sent.</summary>
        internal uint Call(string op, WireMap arguments, CallOptions options, ICallSink sink)
        {
            uint id;
            MsgPackWriter writer = _outbox.Rent();
            lock (_gate)
            {
                CheckSendable(writer);
                try
                {
                    id = _session.SendCall(writer, op, arguments, options, this);
                    _sinks.Add(id, sink);
                    sink.Opened(this, id);
                }
                catch
                {
                    TakeBack(writer);
                    throw;
                }
                Queue(writer);
            }
            Flush();
            return id;
        }

        /// <summary>Sends input; false when the queue is full or the call takes none any more.</summary>
        internal bool TryPush(uint id, WireMap data)
        {
            MsgPackWriter writer = _outbox.Rent();
            lock (_gate)
            {
                if (!MayPush(writer, id))
                {
                    return false;
                }
                try
                {
                    _session.SendPush(writer, id, data, this);
                }
                catch
                {
                    TakeBack(writer);
                    throw;
                }
                Queue(writer);
            }
            Flush();
            return true;
        }

        /// <summary>
        /// Sends a frame; false when the queue is full, the call takes none any more, or there is no slot for it and
        /// <paramref name="slotsOnly"/> is said.
        /// </summary>
        internal bool TryPushFrame(uint id, long number, long timeUs, in ImageFrame frame, bool slotsOnly)
        {
            MsgPackWriter writer = _outbox.Rent();
            lock (_gate)
            {
                if (!MayPush(writer, id))
                {
                    return false;
                }
                if (slotsOnly && _map != null && frame.IsRaw && _session.Slots.MustWait(frame.ByteCount))
                {
                    _outbox.GiveBack(writer);
                    return false;
                }
                try
                {
                    _session.SendFrame(writer, id, number, timeUs, frame, this);
                }
                catch
                {
                    TakeBack(writer);
                    throw;
                }
                Queue(writer);
            }
            Flush();
            return true;
        }

        internal bool TakesInput(uint id)
        {
            lock (_gate)
            {
                return _session.TakesInput(id);
            }
        }

        internal void End(uint id)
        {
            MsgPackWriter writer = _outbox.Rent();
            lock (_gate)
            {
                if (!_session.TakesInput(id))
                {
                    _outbox.GiveBack(writer);
                    return;
                }
                _session.SendEnd(writer, id);
                Queue(writer);
            }
            Flush();
        }

        /// <summary>Stops a call that is still open; its last answer still comes.</summary>
        internal void Cancel(uint id)
        {
            MsgPackWriter writer = _outbox.Rent();
            lock (_gate)
            {
                if (!_session.CanCancel(id))
                {
                    _outbox.GiveBack(writer);
                    return;
                }
                _session.SendCancel(writer, id);
                Queue(writer);
            }
            Flush();
        }

        internal bool Pace(double refreshHz, double frameMs, long dropped)
        {
            MsgPackWriter writer = _outbox.Rent();
            lock (_gate)
            {
                if (_session.State != SessionState.Open || _outbox.IsFull)
                {
                    _outbox.GiveBack(writer);
                    return false;
                }
                _session.SendPace(writer, refreshHz, frameMs, dropped);
                Queue(writer);
            }
            Flush();
            return true;
        }

        /// <summary>What the pings have shown so far: false before the first answer.</summary>
        internal bool TryGetClock(out long offsetUs, out long roundTripUs)
        {
            lock (_gate)
            {
                offsetUs = _clockSync.OffsetUs;
                roundTripUs = _clockSync.RoundTripUs;
                return _clockSync.IsKnown;
            }
        }

        /// <summary>Slots that a reply held; sent at once, or after the message that is being handled.</summary>
        internal void ReturnSlots(IReadOnlyList<ShmReference> references)
        {
            lock (_gate)
            {
                if (_session.State != SessionState.Open)
                {
                    return;
                }
                for (int i = 0; i < references.Count; i++)
                {
                    _freed.Add(references[i].Slot);
                }
            }
            if (Thread.CurrentThread.ManagedThreadId != Volatile.Read(ref _receiverId))
            {
                SendFreed();
            }
        }

        /// <summary>Ends the connection for this reason; <see cref="Run"/> returns soon after.</summary>
        internal void Abort(VitrineException cause)
        {
            Interlocked.CompareExchange(ref _cause, cause, null);
            _outbox.Close();
            LinkConnector.Kill(_socket);
        }

        /// <summary>Says goodbye; the caller waits a moment for <see cref="Run"/> to return, then aborts.</summary>
        internal void SayGoodbye()
        {
            Interlocked.CompareExchange(ref _cause, VitrineException.Unavailable("The connection was closed."), null);
            QueueRaw(WebSocketOpcode.Close, CloseCodes.Normal);
            Flush();
        }

        bool IImageSink.TryPlace(in ImageFrame frame, out ShmReference reference)
        {
            if (_map == null || !_session.Slots.TryTake(frame.ByteCount, out reference))
            {
                reference = default(ShmReference);
                return false;
            }
            _placed.Add(reference.Slot);
            _map.Write(reference, frame);
            return true;
        }

        private void CheckSendable(MsgPackWriter writer)
        {
            if (_session.State != SessionState.Open)
            {
                _outbox.GiveBack(writer);
                throw new VitrineException(
                    VitrineCodes.Unavailable, "The connection to Vitrine ended; it is made again by itself.", _options.RetryFirstMs);
            }
            if (_outbox.IsFull)
            {
                _outbox.GiveBack(writer);
                throw new VitrineException(VitrineCodes.Overloaded, "Too much waits to be sent; call again soon.", 50);
            }
        }

        private bool MayPush(MsgPackWriter writer, uint id)
        {
            if (_session.TakesInput(id) && !_outbox.IsFull)
            {
                return true;
            }
            _outbox.GiveBack(writer);
            return false;
        }

        // A message that was not sent must not keep the slots that were filled for it.
        private void TakeBack(MsgPackWriter writer)
        {
            for (int i = 0; i < _placed.Count; i++)
            {
                _session.Slots.GiveBack(_placed[i]);
            }
            _placed.Clear();
            _outbox.GiveBack(writer);
        }

        private void Queue(MsgPackWriter writer)
        {
            _placed.Clear();
            if (!_outbox.TryAdd(writer, WebSocketOpcode.Binary) && _cause == null)
            {
                Abort(VitrineException.Unavailable("Vitrine does not read what is sent to it; the connection is made again."));
            }
        }

        private void QueueRaw(WebSocketOpcode opcode, int closeCode)
        {
            MsgPackWriter writer = _outbox.Rent();
            writer.WriteRaw(new[] { (byte)(closeCode >> 8), (byte)closeCode });
            _outbox.TryAdd(writer, opcode);
        }

        private void Flush()
        {
            try
            {
                _outbox.Flush();
            }
            catch (SocketException error) { Abort(Lost(error)); }
            catch (ObjectDisposedException error) { Abort(Lost(error)); }
        }

        private void SendFreed()
        {
            MsgPackWriter writer = null;
            lock (_gate)
            {
                if (_freed.Count == 0 || _session.State != SessionState.Open)
                {
                    return;
                }
                writer = _outbox.Rent();
                int count = Math.Min(_freed.Count, _freeing.Length);
                _freed.CopyTo(0, _freeing, 0, count);
                _freed.Clear();
                _session.SendFree(writer, _freeing, count);
                Queue(writer);
            }
            Flush();
        }
    }
}
