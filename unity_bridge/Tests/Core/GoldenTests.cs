using System;
using System.Collections.Generic;
using NUnit.Framework;
using Vitrine;

/// <summary>The golden vectors that the other implementations read too: byte for byte.</summary>
[TestFixture]
public sealed class GoldenTests
{
    private static readonly IReadOnlyList<WireValue> Cases = Vectors.Load("golden/messages.json")["cases"].AsArray;

    [Test]
    public void EveryValueEncodesToItsBytes()
    {
        foreach (WireValue one in Cases)
        {
            Assert.AreEqual(one.AsMap["hex"].AsString, MsgPackTests.Text(Plain(one.AsMap["value"])), Name(one));
        }
        Assert.IsTrue(Cases.Count >= 10, "too few vectors");
    }

    [Test]
    public void EveryMessageDecodesToItsValue()
    {
        foreach (WireValue one in Cases)
        {
            byte[] bytes = Vectors.Bytes(one.AsMap["hex"].AsString);
            var reader = new MsgPackReader(bytes, 0, bytes.Length);
            Assert.AreEqual(MsgPackTests.Text(Plain(one.AsMap["value"])), MsgPackTests.Text(WireCodec.Read(ref reader)), Name(one));
            Assert.IsTrue(reader.AtEnd, Name(one));
        }
    }

    [Test]
    public void TypedClientMessagesHaveTheSameBytes()
    {
        int seen = 0;
        foreach (WireValue one in Cases)
        {
            if (one.AsMap["from"].AsString != "client") { continue; }
            WireMap value = Plain(one.AsMap["value"]).AsMap;
            // The typed call sends its budget as the float that it is.
            if (value["t"].AsString == "call" && Find(value, "budget_ms").Kind == WireKind.Int) { continue; }
            var writer = new MsgPackWriter();
            Write(writer, value);
            Assert.AreEqual(one.AsMap["hex"].AsString, Vectors.Hex(writer.ToArray()), Name(one));
            seen++;
        }
        Assert.IsTrue(seen >= 8, "only " + seen + " messages of a client");
    }

    [Test]
    public void TypedServerMessagesHoldTheSameValues()
    {
        int seen = 0;
        foreach (WireValue one in Cases)
        {
            if (one.AsMap["from"].AsString != "server") { continue; }
            byte[] bytes = Vectors.Bytes(one.AsMap["hex"].AsString);
            ServerMessage message = ServerMessage.Decode(new ArraySegment<byte>(bytes));
            Compare(Plain(one.AsMap["value"]).AsMap, message, Name(one));
            seen++;
        }
        Assert.IsTrue(seen >= 6, "only " + seen + " messages of a server");
    }

    private static void Write(MsgPackWriter writer, WireMap value)
    {
        switch (value["t"].AsString)
        {
            case "hello": ClientMessages.Hello(writer, HelloOf(value)); break;
            case "call":
                ClientMessages.Call(
                    writer, (uint)value["id"].AsInt, value["op"].AsString, value["a"].AsMap, OptionsOf(value), null);
                break;
            case "push": ClientMessages.Push(writer, (uint)value["id"].AsInt, value["d"].AsMap, null); break;
            case "end":
            case "cancel": ClientMessages.OfCall(writer, value["t"].AsString, (uint)value["id"].AsInt); break;
            case "free":
                IReadOnlyList<WireValue> listed = value["slots"].AsArray;
                var slots = new uint[listed.Count];
                for (int i = 0; i < slots.Length; i++) { slots[i] = (uint)listed[i].AsInt; }
                ClientMessages.Free(writer, slots, slots.Length);
                break;
            case "ping": ClientMessages.Ping(writer, value["c0"].AsInt); break;
            case "pace":
                ClientMessages.Pace(
                    writer, value["refresh_hz"].AsDouble, value["frame_ms"].AsDouble, value["dropped"].AsInt);
                break;
            default: throw new AssertionException("an unknown message of a client");
        }
    }

    private static Hello HelloOf(WireMap value)
    {
        WireMap client = value["client"].AsMap;
        var hello = new Hello
        {
            Token = value["token"].AsString,
            ClientName = client["name"].AsString,
            ClientVersion = client["version"].AsString,
            Device = TextOrNull(client, "device"),
            RefreshHz = NumberOrNull(client, "refresh_hz"),
            Lang = TextOrNull(value, "lang"),
        };
        WireValue shm = Find(value, "shm"), profile = Find(value, "profile");
        if (shm.Kind == WireKind.Bool) { hello.Shm = shm.AsBool; }
        if (profile.Kind == WireKind.Map)
        {
            hello.ProfileId = profile.AsMap["id"].AsString;
            hello.ProfileConsent = profile.AsMap["consent"].AsBool;
        }
        return hello;
    }

    private static CallOptions OptionsOf(WireMap value)
    {
        return new CallOptions
        {
            BudgetMs = NumberOrNull(value, "budget_ms"), Priority = TextOrNull(value, "prio"), Key = TextOrNull(value, "key"),
        };
    }

    private static void Compare(WireMap value, in ServerMessage message, string name)
    {
        Assert.AreEqual(value["t"].AsString, message.Kind.ToString().ToLowerInvariant(), name);
        switch (message.Kind)
        {
            case ServerMessageKind.Part:
                Assert.AreEqual(value["n"].AsInt, (long)message.Number, name);
                CompareResult(value, message, name);
                break;
            case ServerMessageKind.Done: CompareResult(value, message, name); break;
            case ServerMessageKind.Fail:
                Assert.AreEqual(value["id"].AsInt, (long)message.Id, name);
                Assert.AreEqual(value["code"].AsString, message.Error.Code, name);
                Assert.AreEqual(value["msg"].AsString, message.Error.Message, name);
                Assert.AreEqual(NumberOrNull(value, "retry_ms"), (double?)message.Error.RetryMs, name);
                break;
            case ServerMessageKind.Pong:
                Assert.AreEqual(value["c0"].AsInt, message.Pong.C0, name);
                Assert.AreEqual(value["s1"].AsInt, message.Pong.S1, name);
                Assert.AreEqual(value["s2"].AsInt, message.Pong.S2, name);
                break;
            case ServerMessageKind.Free:
                Assert.AreEqual(MsgPackTests.Text(value["slots"]), MsgPackTests.Text(message.Slots.ToValue()), name);
                break;
            case ServerMessageKind.Note:
                Assert.AreEqual(value["topic"].AsString, message.Topic, name);
                Assert.AreEqual(MsgPackTests.Text(value["d"]), MsgPackTests.Text(message.Data.ToValue()), name);
                break;
            case ServerMessageKind.Welcome: CompareWelcome(value, message.Welcome, name); break;
        }
    }

    private static void CompareResult(WireMap value, in ServerMessage message, string name)
    {
        Assert.AreEqual(value["id"].AsInt, (long)message.Id, name);
        Assert.AreEqual(MsgPackTests.Text(value["d"]), MsgPackTests.Text(message.Data.ToValue()), name);
        WireMap times = value["tm"].AsMap;
        Assert.AreEqual(times["queue_ms"].AsDouble, message.Timing.QueueMs, name);
        Assert.AreEqual(times["decode_ms"].AsDouble, message.Timing.DecodeMs, name);
        Assert.AreEqual(times["infer_ms"].AsDouble, message.Timing.InferMs, name);
        Assert.AreEqual(times["encode_ms"].AsDouble, message.Timing.EncodeMs, name);
        Assert.AreEqual(times["total_ms"].AsDouble, message.Timing.TotalMs, name);
    }

    private static void CompareWelcome(WireMap value, Welcome welcome, string name)
    {
        Assert.AreEqual(value["session"].AsString, welcome.Session, name);
        Assert.AreEqual(value["server"].AsMap["pid"].AsInt, (long)welcome.ServerPid, name);
        Assert.AreEqual(value["ops"].AsArray.Count, welcome.Ops.Count, name);
        Assert.AreEqual(value["limits"].AsMap["message_bytes"].AsInt, welcome.MessageBytes, name);
        Assert.AreEqual(value["limits"].AsMap["open_calls"].AsInt, (long)welcome.OpenCalls, name);
        Assert.AreEqual(value["limits"].AsMap["image_px"].AsInt, welcome.ImagePixels, name);
        WireValue shm = Find(value, "shm");
        Assert.AreEqual(shm.Kind == WireKind.Map, welcome.Shm != null, name);
        if (welcome.Shm != null)
        {
            Assert.AreEqual(shm.AsMap["name"].AsString, welcome.Shm.Name, name);
            Assert.AreEqual(shm.AsMap["bytes"].AsInt, welcome.Shm.Bytes, name);
            Assert.AreEqual(shm.AsMap["slot_bytes"].AsInt, welcome.Shm.SlotBytes, name);
            Assert.AreEqual(shm.AsMap["up"].AsInt, (long)welcome.Shm.Up, name);
            Assert.AreEqual(shm.AsMap["down"].AsInt, (long)welcome.Shm.Down, name);
        }
    }

    /// <summary>The vectors' JSON as values: {"$bin": hex} is bytes, {"$ref": [slot, length, sequence]} a reference.</summary>
    private static WireValue Plain(WireValue value)
    {
        if (value.Kind == WireKind.Array)
        {
            var items = new List<WireValue>();
            foreach (WireValue item in value.AsArray) { items.Add(Plain(item)); }
            return WireValue.Array(items.ToArray());
        }
        if (value.Kind != WireKind.Map) { return value; }
        WireValue special;
        if (value.AsMap.TryGet("$bin", out special)) { return Vectors.Bytes(special.AsString); }
        if (value.AsMap.TryGet("$ref", out special))
        {
            IReadOnlyList<WireValue> three = special.AsArray;
            return WireValue.Reference(new ShmReference((uint)three[0].AsInt, (uint)three[1].AsInt, three[2].AsUInt));
        }
        var map = new WireMap();
        foreach (KeyValuePair<string, WireValue> pair in value.AsMap) { map.Add(pair.Key, Plain(pair.Value)); }
        return map;
    }

    private static WireValue Find(WireMap map, string key)
    {
        WireValue value;
        map.TryGet(key, out value);
        return value;
    }

    private static string TextOrNull(WireMap map, string key)
    {
        WireValue value = Find(map, key);
        return value.Kind == WireKind.String ? value.AsString : null;
    }

    private static double? NumberOrNull(WireMap map, string key)
    {
        WireValue value = Find(map, key);
        return value.Kind == WireKind.Nil ? (double?)null : value.AsDouble;
    }

    private static string Name(WireValue one)
    {
        return one.AsMap["name"].AsString;
    }
}
