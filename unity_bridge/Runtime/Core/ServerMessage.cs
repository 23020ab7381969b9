using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>
    /// One message of the server, checked; which members are set depends on <see cref="Kind"/>. Data points into the
    /// bytes that were read.
    /// </summary>
    public readonly struct ServerMessage
    {
        private ServerMessage(ServerMessageKind kind, in Fields fields)
        {
            Kind = kind;
            Id = 0;
            Number = 0;
            Data = fields.D;
            Timing = default(CallTiming);
            Error = null;
            Slots = fields.Slots;
            Pong = default(Pong);
            Welcome = null;
            Topic = null;
            switch (kind)
            {
                case ServerMessageKind.Welcome: Welcome = ReadWelcome(fields); break;
                case ServerMessageKind.Pong:
                    Pong = new Pong(fields.C0.AsInt(), fields.S1.AsInt(), fields.S2.AsInt());
                    break;
                case ServerMessageKind.Free: CheckSlots(fields.Slots); break;
                case ServerMessageKind.Note:
                    Topic = fields.Topic.AsString();
                    CheckMap(fields.D);
                    break;
                case ServerMessageKind.Part:
                    Id = fields.Id.Reader().ReadUInt32();
                    Number = fields.N.Reader().ReadUInt32();
                    CheckMap(fields.D);
                    Timing = ReadTiming(fields.Tm);
                    break;
                case ServerMessageKind.Done:
                    Id = fields.Id.Reader().ReadUInt32();
                    CheckMap(fields.D);
                    Timing = ReadTiming(fields.Tm);
                    break;
                case ServerMessageKind.Fail:
                    Id = fields.Id.Reader().ReadUInt32();
                    Error = ReadError(fields);
                    break;
            }
        }

        /// <summary>What the message is.</summary>
        public ServerMessageKind Kind { get; }
        /// <summary>The call, of a part, done or fail.</summary>
        public uint Id { get; }
        /// <summary>A part's number, from 0.</summary>
        public uint Number { get; }
        /// <summary>The map of a part, done or note.</summary>
        public WireView Data { get; }
        /// <summary>Of a part or done.</summary>
        public CallTiming Timing { get; }
        /// <summary>Of a fail.</summary>
        public VitrineException Error { get; }
        /// <summary>The slot numbers of a free: an array of integers.</summary>
        public WireView Slots { get; }
        /// <summary>Of a pong.</summary>
        public Pong Pong { get; }
        /// <summary>Of a welcome.</summary>
        public Welcome Welcome { get; }
        /// <summary>Of a note.</summary>
        public string Topic { get; }

        /// <summary>
        /// Decodes and checks one message: exactly one map of a known <c>t</c> with its keys; unknown keys are ignored.
        /// Throws <see cref="MsgPackException"/>.
        /// </summary>
        public static ServerMessage Decode(ArraySegment<byte> bytes)
        {
            var reader = new MsgPackReader(bytes.Array, bytes.Offset, bytes.Count);
            var fields = new Fields();
            int count = reader.ReadMapHeader();
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> key = reader.ReadStringSpan();
                fields.Set(key, WireView.Next(bytes.Array, ref reader));
            }
            if (!reader.AtEnd)
            {
                throw new MsgPackException("bytes follow the message");
            }
            return new ServerMessage(KindOf(fields.T.Reader().ReadStringSpan()), fields);
        }

        private static ServerMessageKind KindOf(ReadOnlySpan<byte> name)
        {
            if (WireView.Same(name, "part")) { return ServerMessageKind.Part; }
            if (WireView.Same(name, "done")) { return ServerMessageKind.Done; }
            if (WireView.Same(name, "free")) { return ServerMessageKind.Free; }
            if (WireView.Same(name, "fail")) { return ServerMessageKind.Fail; }
            if (WireView.Same(name, "pong")) { return ServerMessageKind.Pong; }
            if (WireView.Same(name, "note")) { return ServerMessageKind.Note; }
            return WireView.Same(name, "welcome") ? ServerMessageKind.Welcome : ServerMessageKind.Unknown;
        }

        private static CallTiming ReadTiming(WireView map)
        {
            if (map.IsMissing)
            {
                throw new MsgPackException("an answer has no tm");
            }
            double queue = 0, decode = 0, infer = 0, encode = 0, total = 0;
            MsgPackReader reader = map.Reader();
            int count = reader.ReadMapHeader();
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> key = reader.ReadStringSpan();
                if (WireView.Same(key, "queue_ms")) { queue = reader.ReadDouble(); }
                else if (WireView.Same(key, "decode_ms")) { decode = reader.ReadDouble(); }
                else if (WireView.Same(key, "infer_ms")) { infer = reader.ReadDouble(); }
                else if (WireView.Same(key, "encode_ms")) { encode = reader.ReadDouble(); }
                else if (WireView.Same(key, "total_ms")) { total = reader.ReadDouble(); }
                else { reader.Skip(); }
            }
            return new CallTiming(queue, decode, infer, encode, total);
        }

        private static VitrineException ReadError(in Fields fields)
        {
            int? retry = null;
            if (!fields.RetryMs.IsMissing && fields.RetryMs.Type != MsgPackType.Nil)
            {
                retry = fields.RetryMs.Reader().ReadInt32();
            }
            return new VitrineException(fields.Code.AsString(), fields.Msg.AsString(), retry);
        }

        private static Welcome ReadWelcome(in Fields fields)
        {
            WireView server = Required(fields.Server, "server");
            WireView limits = Required(fields.Limits, "limits");
            var welcome = new Welcome
            {
                Version = fields.V.Reader().ReadInt32(),
                Session = fields.Session.AsString(),
                ServerName = Member(server, "name").AsString(),
                ServerVersion = Member(server, "version").AsString(),
                ServerPid = Member(server, "pid").Reader().ReadInt32(),
                MessageBytes = Member(limits, "message_bytes").AsInt(),
                OpenCalls = Member(limits, "open_calls").Reader().ReadInt32(),
                ImagePixels = Member(limits, "image_px").AsInt(),
                Ops = ReadOps(fields.Ops),
            };
            if (!fields.Shm.IsMissing && fields.Shm.Type != MsgPackType.Nil)
            {
                welcome.Shm = ReadOffer(fields.Shm);
            }
            return welcome;
        }

        private static ShmOffer ReadOffer(WireView shm)
        {
            return new ShmOffer
            {
                Name = Member(shm, "name").AsString(),
                Bytes = Member(shm, "bytes").AsInt(),
                SlotBytes = Member(shm, "slot_bytes").AsInt(),
                Up = Member(shm, "up").Reader().ReadInt32(),
                Down = Member(shm, "down").Reader().ReadInt32(),
            };
        }

        private static IReadOnlyList<string> ReadOps(WireView ops)
        {
            MsgPackReader reader = ops.Reader();
            int count = reader.ReadArrayHeader();
            var names = new List<string>();
            for (int i = 0; i < count; i++)
            {
                names.Add(reader.ReadString());
            }
            return names;
        }

        private static void CheckSlots(WireView slots)
        {
            MsgPackReader reader = slots.Reader();
            for (int left = reader.ReadArrayHeader(); left > 0; left--)
            {
                reader.ReadUInt32();
            }
        }

        private static void CheckMap(WireView data)
        {
            data.Reader().ReadMapHeader();
        }

        private static WireView Required(WireView value, string name)
        {
            if (value.IsMissing)
            {
                throw new MsgPackException("the welcome has no " + name);
            }
            return value;
        }

        private static WireView Member(WireView map, string key)
        {
            WireView value;
            if (!map.TryGet(key, out value))
            {
                throw new MsgPackException("the welcome has no " + key);
            }
            return value;
        }

        /// <summary>Where each known key's value lies; an absent one reads as cut short.</summary>
        private struct Fields
        {
            internal WireView T, Id, N, D, Tm, Code, Msg, RetryMs, Slots, C0, S1, S2, Topic;
            internal WireView V, Session, Server, Ops, Limits, Shm;

            internal void Set(ReadOnlySpan<byte> key, WireView value)
            {
                if (key.Length == 1)
                {
                    switch ((char)key[0])
                    {
                        case 't': T = value; break;
                        case 'n': N = value; break;
                        case 'd': D = value; break;
                        case 'v': V = value; break;
                    }
                }
                else if (WireView.Same(key, "id")) { Id = value; }
                else if (WireView.Same(key, "tm")) { Tm = value; }
                else if (WireView.Same(key, "slots")) { Slots = value; }
                else if (WireView.Same(key, "c0")) { C0 = value; }
                else if (WireView.Same(key, "s1")) { S1 = value; }
                else if (WireView.Same(key, "s2")) { S2 = value; }
                else { SetRare(key, value); }
            }

            private void SetRare(ReadOnlySpan<byte> key, WireView value)
            {
                if (WireView.Same(key, "code")) { Code = value; }
                else if (WireView.Same(key, "msg")) { Msg = value; }
                else if (WireView.Same(key, "retry_ms")) { RetryMs = value; }
                else if (WireView.Same(key, "topic")) { Topic = value; }
                else if (WireView.Same(key, "session")) { Session = value; }
                else if (WireView.Same(key, "server")) { Server = value; }
                else if (WireView.Same(key, "ops")) { Ops = value; }
                else if (WireView.Same(key, "limits")) { Limits = value; }
                else if (WireView.Same(key, "shm")) { Shm = value; }
            }
        }
    }
}
