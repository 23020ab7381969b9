using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>Where a connection stands for its client.</summary>
    public enum SessionState
    {
        /// <summary>nothing sent yet</summary>
        Fresh,
        /// <summary>hello sent, welcome not yet read</summary>
        Waiting,
        /// <summary>calls may be made</summary>
        Open,
        /// <summary>the transport is gone</summary>
        Closed
    }

    /// <summary>
    /// The client's side of one connection as a state machine without I/O: verbs write the bytes of one message, <see
    /// cref="Receive"/> takes the bytes of one and answers what it says. It knows no socket, thread or clock. A step
    /// that the state does not allow throws <see cref="LocalProtocolException"/> (ours) or <see
    /// cref="RemoteProtocolException"/> (the server's) and changes nothing. Not thread-safe.
    /// </summary>
    public sealed class BridgeSession
    {
        /// <summary>Version of the wire contract.</summary>
        public const int Version = 1;

        /// <summary>The WebSocket subprotocol.</summary>
        public const string Subprotocol = "vitrine.v1";

        private readonly Dictionary<uint, OpenCall> _calls = new Dictionary<uint, OpenCall>();
        private uint _nextId;

        /// <summary>Where the connection stands.</summary>
        public SessionState State { get; private set; }

        /// <summary>What the server said at the start; null before.</summary>
        public Welcome Welcome { get; private set; }

        /// <summary>Calls that wait for their done or fail.</summary>
        public int OpenCalls
        {
            get { return _calls.Count; }
        }

        internal SlotBook Slots { get; private set; }

        /// <summary>Says who connects.</summary>
        public void SendHello(MsgPackWriter writer, Hello hello)
        {
            Allow(SessionStep.SendHello);
            ClientMessages.Hello(writer, hello);
            State = SessionState.Waiting;
        }

        /// <summary>
        /// Opens a call and returns its id. Throws <see cref="VitrineException"/> (<c>overloaded</c>) when as many
        /// calls are open as the server allows.
        /// </summary>
        public uint SendCall(MsgPackWriter writer, string op, WireMap arguments, CallOptions options)
        {
            return SendCall(writer, op, arguments, options, null);
        }

        internal uint SendCall(MsgPackWriter writer, string op, WireMap arguments, CallOptions options, IImageSink sink)
        {
            Allow(SessionStep.SendCall);
            if (_calls.Count >= Welcome.OpenCalls)
            {
                throw new VitrineException(VitrineCodes.Overloaded, "Too many calls are open; wait for one to end.", 100);
            }
            uint id = _nextId;
            while (_calls.ContainsKey(id))
            {
                id = unchecked(id + 1);
            }
            ClientMessages.Call(writer, id, op, arguments, options, sink);
            CheckSize(writer);
            _nextId = unchecked(id + 1);
            _calls.Add(id, new OpenCall(CallPhase.Open, 0));
            return id;
        }

        /// <summary>More input for an open call.</summary>
        public void SendPush(MsgPackWriter writer, uint id, WireMap data)
        {
            SendPush(writer, id, data, null);
        }

        internal void SendPush(MsgPackWriter writer, uint id, WireMap data, IImageSink sink)
        {
            AllowInCall(SessionStep.SendPush, id);
            ClientMessages.Push(writer, id, data, sink);
            CheckSize(writer);
        }

        internal void SendFrame(
            MsgPackWriter writer, uint id, long number, long timeUs, in ImageFrame frame, IImageSink sink)
        {
            AllowInCall(SessionStep.SendPush, id);
            ClientMessages.PushFrame(writer, id, number, timeUs, frame, sink);
            CheckSize(writer);
        }

        /// <summary>No more input for a call.</summary>
        public void SendEnd(MsgPackWriter writer, uint id)
        {
            AllowInCall(SessionStep.SendEnd, id);
            ClientMessages.OfCall(writer, "end", id);
            _calls[id] = new OpenCall(CallPhase.Ended, _calls[id].NextPart);
        }

        /// <summary>Stops a call; its done or fail still comes.</summary>
        public void SendCancel(MsgPackWriter writer, uint id)
        {
            AllowInCall(SessionStep.SendCancel, id);
            ClientMessages.OfCall(writer, "cancel", id);
            _calls[id] = new OpenCall(CallPhase.Cancelled, _calls[id].NextPart);
        }

        /// <summary>
        /// Gives slots of the server back that were held; the first message, maybe empty, also says "mapped".
        /// </summary>
        public void SendFree(MsgPackWriter writer, uint[] slots, int count)
        {
            Allow(SessionStep.SendFree);
            for (int i = 0; i < count; i++)
            {
                if (Slots == null || !Slots.IsHeld(slots[i]))
                {
                    throw Illegal("free of slot " + slots[i], "while it is not held");
                }
            }
            ClientMessages.Free(writer, slots, count);
            for (int i = 0; i < count; i++)
            {
                Slots.Release(slots[i]);
            }
        }

        /// <summary>Probes the server's clock; microseconds.</summary>
        public void SendPing(MsgPackWriter writer, long c0)
        {
            Allow(SessionStep.SendPing);
            ClientMessages.Ping(writer, c0);
        }

        /// <summary>The game's frame timing.</summary>
        public void SendPace(MsgPackWriter writer, double refreshHz, double frameMs, long dropped)
        {
            Allow(SessionStep.SendPace);
            ClientMessages.Pace(writer, refreshHz, frameMs, dropped);
        }

        /// <summary>Whether the call still waits for its done or fail.</summary>
        public bool IsOpen(uint id)
        {
            return _calls.ContainsKey(id);
        }

        /// <summary>Whether the call still takes input.</summary>
        public bool TakesInput(uint id)
        {
            OpenCall call;
            return _calls.TryGetValue(id, out call) && call.Phase == CallPhase.Open;
        }

        internal bool CanCancel(uint id)
        {
            OpenCall call;
            return _calls.TryGetValue(id, out call) && call.Phase != CallPhase.Cancelled;
        }

        /// <summary>
        /// Takes one whole binary message; one of an unknown type is answered as such and changes nothing.
        /// </summary>
        public ServerMessage Receive(ArraySegment<byte> bytes)
        {
            ServerMessage message;
            try
            {
                message = ServerMessage.Decode(bytes);
            }
            catch (MsgPackException error)
            {
                throw new RemoteProtocolException("the server sent an invalid message: " + error.Message, error);
            }
            if (message.Kind != ServerMessageKind.Unknown)
            {
                Account(message);
            }
            return message;
        }

        /// <summary>The transport is gone: answers which calls get no answer.</summary>
        public uint[] Lost()
        {
            var ids = new uint[_calls.Count];
            _calls.Keys.CopyTo(ids, 0);
            _calls.Clear();
            State = SessionState.Closed;
            return ids;
        }

        private void Account(in ServerMessage message)
        {
            if (!SessionTable.Allows(State, SessionTable.StepOf(message.Kind)))
            {
                throw new RemoteProtocolException(Describe(message.Kind.ToString().ToLowerInvariant(), "server"));
            }
            switch (message.Kind)
            {
                case ServerMessageKind.Welcome: Open(message.Welcome); break;
                case ServerMessageKind.Part: AccountPart(message); break;
                case ServerMessageKind.Done: AccountEnd(message.Id, "done"); break;
                case ServerMessageKind.Fail: AccountEnd(message.Id, "fail"); break;
                case ServerMessageKind.Free: AccountFree(message.Slots); break;
            }
        }

        private void Open(Welcome welcome)
        {
            if (welcome.Version != Version)
            {
                throw new RemoteProtocolException("the server speaks version " + welcome.Version + " of the contract");
            }
            ShmOffer offer = welcome.Shm;
            if (offer != null)
            {
                SharedMap.Check(offer);
                Slots = new SlotBook(offer);
            }
            Welcome = welcome;
            State = SessionState.Open;
        }

        private void AccountPart(in ServerMessage message)
        {
            OpenCall call = Known(message.Id, "part");
            if (message.Number != call.NextPart)
            {
                throw new RemoteProtocolException(
                    "part " + message.Number + " of call " + message.Id + " came where " + call.NextPart + " was due");
            }
            _calls[message.Id] = new OpenCall(call.Phase, call.NextPart + 1);
        }

        private void AccountEnd(uint id, string what)
        {
            Known(id, what);
            _calls.Remove(id);
        }

        private void AccountFree(WireView slots)
        {
            MsgPackReader reader = slots.Reader();
            for (int left = reader.ReadArrayHeader(); left > 0; left--)
            {
                uint slot = reader.ReadUInt32();
                if (Slots != null)
                {
                    Slots.GiveBack(slot);
                }
            }
        }

        private OpenCall Known(uint id, string what)
        {
            OpenCall call;
            if (!_calls.TryGetValue(id, out call))
            {
                throw new RemoteProtocolException(what + " from the server names call " + id + ", which is not open");
            }
            return call;
        }

        private void CheckSize(MsgPackWriter writer)
        {
            if (writer.Count > Welcome.MessageBytes)
            {
                throw new VitrineException(
                    VitrineCodes.TooLarge, "The message is larger than " + Welcome.MessageBytes + " bytes; send less at once.");
            }
        }

        private void Allow(SessionStep step)
        {
            if (!SessionTable.Allows(State, step))
            {
                throw new LocalProtocolException(Describe(SessionTable.Name(step), "client"));
            }
        }

        private void AllowInCall(SessionStep step, uint id)
        {
            Allow(step);
            OpenCall call;
            if (!_calls.TryGetValue(id, out call))
            {
                throw Illegal(SessionTable.Name(step), "while call " + id + " is not open");
            }
            if (!SessionTable.AllowsInCall(call.Phase, step))
            {
                throw Illegal(SessionTable.Name(step), "while call " + id + " is " + call.Phase.ToString().ToLowerInvariant());
            }
        }

        private static LocalProtocolException Illegal(string what, string when)
        {
            return new LocalProtocolException(what + " is not allowed for the client " + when);
        }

        private string Describe(string what, string role)
        {
            return what + " is not allowed for the " + role + " while the connection is " + State.ToString().ToLowerInvariant();
        }

        private readonly struct OpenCall
        {
            internal OpenCall(CallPhase phase, uint nextPart)
            {
                Phase = phase;
                NextPart = nextPart;
            }

            internal readonly CallPhase Phase;
            internal readonly uint NextPart;
        }
    }
}
