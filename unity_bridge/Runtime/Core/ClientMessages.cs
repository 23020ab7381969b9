namespace Vitrine
{
    /// <summary>
    /// Writes the client's messages: keys in the order of the contract's tables, optional ones left out when null.
    /// </summary>
    internal static class ClientMessages
    {
        internal static void Hello(MsgPackWriter writer, Hello hello)
        {
            writer.WriteMapHeader(4 + One(hello.Lang) + One(hello.Shm) + One(hello.ProfileId));
            Type(writer, "hello");
            Int(writer, "v", BridgeSession.Version);
            Text(writer, "token", hello.Token);
            writer.WriteString("client");
            writer.WriteMapHeader(2 + One(hello.Device) + One(hello.RefreshHz));
            Text(writer, "name", hello.ClientName);
            Text(writer, "version", hello.ClientVersion);
            Text(writer, "device", hello.Device);
            Number(writer, "refresh_hz", hello.RefreshHz);
            Text(writer, "lang", hello.Lang);
            if (hello.Shm.HasValue)
            {
                writer.WriteString("shm");
                writer.WriteBool(hello.Shm.Value);
            }
            if (hello.ProfileId != null)
            {
                writer.WriteString("profile");
                writer.WriteMapHeader(2);
                Text(writer, "id", hello.ProfileId);
                writer.WriteString("consent");
                writer.WriteBool(hello.ProfileConsent);
            }
        }

        internal static void Call(
            MsgPackWriter writer, uint id, string op, WireMap arguments, CallOptions options, IImageSink sink)
        {
            int optional = options == null ? 0 : One(options.BudgetMs) + One(options.Priority) + One(options.Key);
            writer.WriteMapHeader(4 + optional);
            Type(writer, "call");
            Int(writer, "id", id);
            Text(writer, "op", op);
            writer.WriteString("a");
            Map(writer, arguments, sink);
            if (options != null)
            {
                Number(writer, "budget_ms", options.BudgetMs);
                Text(writer, "prio", options.Priority);
                Text(writer, "key", options.Key);
            }
        }

        internal static void Push(MsgPackWriter writer, uint id, WireMap data, IImageSink sink)
        {
            PushHead(writer, id);
            Map(writer, data, sink);
        }

        internal static void PushFrame(
            MsgPackWriter writer, uint id, long number, long timeUs, in ImageFrame frame, IImageSink sink)
        {
            PushHead(writer, id);
            writer.WriteMapHeader(3);
            Int(writer, "n", number);
            Int(writer, "t_us", timeUs);
            writer.WriteString("image");
            frame.Write(writer, sink);
        }

        internal static void OfCall(MsgPackWriter writer, string type, uint id)
        {
            writer.WriteMapHeader(2);
            Type(writer, type);
            Int(writer, "id", id);
        }

        internal static void Free(MsgPackWriter writer, uint[] slots, int count)
        {
            writer.WriteMapHeader(2);
            Type(writer, "free");
            writer.WriteString("slots");
            writer.WriteArrayHeader(count);
            for (int i = 0; i < count; i++)
            {
                writer.WriteUInt(slots[i]);
            }
        }

        internal static void Ping(MsgPackWriter writer, long c0)
        {
            writer.WriteMapHeader(2);
            Type(writer, "ping");
            Int(writer, "c0", c0);
        }

        internal static void Pace(MsgPackWriter writer, double refreshHz, double frameMs, long dropped)
        {
            writer.WriteMapHeader(4);
            Type(writer, "pace");
            Number(writer, "refresh_hz", refreshHz);
            Number(writer, "frame_ms", frameMs);
            Int(writer, "dropped", dropped);
        }

        private static void PushHead(MsgPackWriter writer, uint id)
        {
            writer.WriteMapHeader(3);
            Type(writer, "push");
            Int(writer, "id", id);
            writer.WriteString("d");
        }

        private static void Map(MsgPackWriter writer, WireMap map, IImageSink sink)
        {
            if (map == null)
            {
                writer.WriteMapHeader(0);
                return;
            }
            WireCodec.WriteMap(writer, map, sink, 1);
        }

        private static void Type(MsgPackWriter writer, string type)
        {
            Text(writer, "t", type);
        }

        private static void Text(MsgPackWriter writer, string key, string value)
        {
            if (value != null)
            {
                writer.WriteString(key);
                writer.WriteString(value);
            }
        }

        private static void Int(MsgPackWriter writer, string key, long value)
        {
            writer.WriteString(key);
            writer.WriteInt(value);
        }

        private static void Number(MsgPackWriter writer, string key, double? value)
        {
            if (value.HasValue)
            {
                writer.WriteString(key);
                WireCodec.WriteFinite(writer, value.Value);
            }
        }

        private static int One(string value)
        {
            return value == null ? 0 : 1;
        }

        private static int One(double? value)
        {
            return value.HasValue ? 1 : 0;
        }

        private static int One(bool? value)
        {
            return value.HasValue ? 1 : 0;
        }
    }
}
