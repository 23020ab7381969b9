using System;
using NUnit.Framework;
using Vitrine;

/// <summary>The client's state machine, in bytes and public verbs.</summary>
[TestFixture]
public sealed class SessionTests
{
    private readonly BridgeSession _session = new BridgeSession();
    private readonly MsgPackWriter _writer = new MsgPackWriter();

    [Test]
    public void NothingBeforeHello()
    {
        string before = Refused(() => _session.SendCall(_writer, "server.stats", null, null));
        Assert.AreEqual("call is not allowed for the client while the connection is fresh", before);
        Refused(() => _session.SendPing(_writer, 1));
        Refused(() => _session.SendFree(_writer, new uint[0], 0));
        Broken(new WireMap { { "t", "pong" }, { "c0", 1 }, { "s1", 1 }, { "s2", 1 } });
        Assert.AreEqual(SessionState.Fresh, _session.State);
        Assert.AreEqual(0, _writer.Count);
    }

    [Test]
    public void HelloThenWelcomeThenCalls()
    {
        Open(4);
        Refused(() => _session.SendHello(_writer, TheHello()));
        Assert.AreEqual(0, (int)_session.SendCall(_writer, "server.stats", null, null));
        Assert.AreEqual(1, (int)_session.SendCall(_writer, "server.stats", null, null));
        Assert.AreEqual(2, _session.OpenCalls);
    }

    [Test]
    public void AWelcomeOfAnotherVersionIsRefused()
    {
        _session.SendHello(_writer, TheHello());
        Broken(Welcome(4, 2));
        Assert.AreEqual(SessionState.Waiting, _session.State);
    }

    [Test]
    public void PartsComeWithoutGaps()
    {
        uint id = OpenCall();
        Receive(Part(id, 0));
        Broken(Part(id, 2));
        Broken(Part(id, 0));
        Receive(Part(id, 1));
        Broken(Part(id + 1, 0));
    }

    [Test]
    public void ACallEndsOnce()
    {
        uint id = OpenCall();
        ServerMessage done = Receive(Done(id));
        Assert.AreEqual(ServerMessageKind.Done, done.Kind);
        Broken(Done(id));
        Broken(Fail(id));
        Broken(Part(id, 0));
        Assert.AreEqual(0, _session.OpenCalls);
    }

    [Test]
    public void NoInputAfterTheEndAndNoSecondCancel()
    {
        uint id = OpenCall();
        _session.SendPush(_writer, id, new WireMap());
        _session.SendEnd(_writer, id);
        int count = _writer.Count;
        Assert.AreEqual(
            "push is not allowed for the client while call 0 is ended", Refused(() => _session.SendPush(_writer, id, new WireMap())));
        Refused(() => _session.SendEnd(_writer, id));
        Assert.AreEqual(count, _writer.Count);
        _session.SendCancel(_writer, id);
        Refused(() => _session.SendCancel(_writer, id));
        Assert.IsTrue(_session.IsOpen(id), "a cancelled call stays open until its answer");
        Assert.AreEqual(VitrineCodes.Cancelled, Receive(Fail(id)).Error.Code);
        Refused(() => _session.SendPush(_writer, id, new WireMap()));
    }

    [Test]
    public void OnlyAsManyCallsAsTheServerAllows()
    {
        Open(1);
        _session.SendCall(_writer, "a.b", null, null);
        int count = _writer.Count;
        var error = Assert.Throws<VitrineException>(() => _session.SendCall(_writer, "a.b", null, null));
        Assert.AreEqual(VitrineCodes.Overloaded, error.Code);
        Assert.AreEqual(count, _writer.Count);
    }

    [Test]
    public void ACallThatIsTooLargeIsNotOpened()
    {
        Open(4);
        var arguments = new WireMap { { "data", new byte[100001] } };
        var error = Assert.Throws<VitrineException>(() => _session.SendCall(_writer, "a.b", arguments, null));
        Assert.AreEqual(VitrineCodes.TooLarge, error.Code);
        Assert.AreEqual(0, _session.OpenCalls);
    }

    [Test]
    public void AnUnknownMessageChangesNothing()
    {
        OpenCall();
        Assert.AreEqual(ServerMessageKind.Unknown, Receive(new WireMap { { "t", "hologram" }, { "id", 0 } }).Kind);
        Assert.AreEqual(1, _session.OpenCalls);
        Broken(new WireMap { { "id", 0 } });
        Broken(new WireMap { { "t", 7 } });
    }

    [Test]
    public void UnknownKeysAreIgnoredAndKnownOnesChecked()
    {
        uint id = OpenCall();
        Receive(new WireMap { { "new", 1 }, { "tm", new WireMap { { "extra", "x" } } }, { "d", new WireMap() }, { "n", 0 }, { "id", (long)id }, { "t", "part" } });
        Broken(new WireMap { { "t", "part" }, { "id", (long)id }, { "n", 1 }, { "d", new WireMap() } });
        Broken(new WireMap { { "t", "part" }, { "id", -1 }, { "n", 1 }, { "d", new WireMap() }, { "tm", new WireMap() } });
        Broken(new WireMap { { "t", "done" }, { "id", (long)id }, { "d", 3 }, { "tm", new WireMap() } });
        Broken(new WireMap { { "t", "free" }, { "slots", WireValue.Array("a") } });
    }

    [Test]
    public void ALostConnectionNamesItsCalls()
    {
        OpenCall();
        _session.SendCall(_writer, "a.b", null, null);
        Assert.AreEqual(2, _session.Lost().Length);
        Assert.AreEqual(0, _session.Lost().Length);
        Refused(() => _session.SendCall(_writer, "a.b", null, null));
        Broken(Done(0));
    }

    [Test]
    public void SlotsComeBackOnceAndOnlyThoseThatWereOut()
    {
        Open(4);
        SlotBook slots = _session.Slots;
        ShmReference one, two, three;
        Assert.IsTrue(slots.TryTake(10, out one) && slots.TryTake(10, out two), "two slots are free");
        Assert.IsFalse(slots.TryTake(10, out three), "a third one is not");
        Assert.IsTrue(one.Slot != two.Slot && one.Sequence < two.Sequence, "other slot, rising sequence");
        Receive(Free(two.Slot, two.Slot, 99, 3));
        Assert.AreEqual(1, slots.FreeCount);
        Assert.IsFalse(slots.TryTake(5000, out three), "larger than a slot");
        Assert.IsTrue(slots.TryTake(10, out three), "free again");
        Assert.IsTrue(three.Slot == two.Slot && three.Sequence > two.Sequence, "with a new sequence");
    }

    [Test]
    public void OnlyHeldSlotsOfTheServerAreGivenBack()
    {
        Open(4);
        SlotBook slots = _session.Slots;
        Assert.IsFalse(slots.TryHold(new ShmReference(1, 5, 1)), "a slot of the client");
        Assert.IsFalse(slots.TryHold(new ShmReference(4, 5, 1)), "a slot that is not there");
        Assert.IsFalse(slots.TryHold(new ShmReference(2, 5000, 1)), "longer than a slot");
        Assert.IsFalse(slots.TryHold(new ShmReference(2, 5, 0)), "no sequence");
        Assert.IsTrue(slots.TryHold(new ShmReference(2, 5, 1)), "one that may be");
        Assert.IsFalse(slots.TryHold(new ShmReference(2, 5, 2)), "the same again before it was given back");
        Refused(() => _session.SendFree(_writer, new uint[] { 3 }, 1));
        _session.SendFree(_writer, new uint[] { 2 }, 1);
        Refused(() => _session.SendFree(_writer, new uint[] { 2 }, 1));
    }

    [Test]
    public void ImpossibleSharedMemoryIsRefused()
    {
        _session.SendHello(_writer, TheHello());
        foreach (string name in new[] { "/etc/passwd", "/proc/1/fd/../../etc", @"Local\other", "" })
        {
            Broken(Welcome(4, 1, name));
        }
        Assert.AreEqual(SessionState.Waiting, _session.State);
    }

    private uint OpenCall()
    {
        Open(4);
        return _session.SendCall(_writer, "tryon.stream", null, null);
    }

    private void Open(int calls)
    {
        _session.SendHello(_writer, TheHello());
        Receive(Welcome(calls, 1));
    }

    private static Hello TheHello()
    {
        return new Hello { Token = "t", ClientName = "test", ClientVersion = "1" };
    }

    private static WireMap Welcome(int calls, int version, string name = "/proc/7/fd/8")
    {
        return new WireMap
        {
            { "t", "welcome" }, { "v", version }, { "session", "s" },
            { "server", new WireMap { { "name", "x" }, { "version", "1" }, { "pid", 7 } } },
            { "ops", WireValue.Array("server.echo") },
            { "limits", new WireMap { { "message_bytes", 100000 }, { "open_calls", calls }, { "image_px", 1000 } } },
            { "shm", new WireMap { { "name", name }, { "bytes", 16384 }, { "slot_bytes", 4096 }, { "up", 2 }, { "down", 2 } } },
        };
    }

    private static WireMap Part(uint id, int n)
    {
        return new WireMap { { "t", "part" }, { "id", (long)id }, { "n", n }, { "d", new WireMap() }, { "tm", new WireMap() } };
    }

    private static WireMap Done(uint id)
    {
        return new WireMap { { "t", "done" }, { "id", (long)id }, { "d", new WireMap() }, { "tm", new WireMap() } };
    }

    private static WireMap Fail(uint id)
    {
        return new WireMap { { "t", "fail" }, { "id", (long)id }, { "code", "cancelled" }, { "msg", "Stopped." } };
    }

    private static WireMap Free(params uint[] slots)
    {
        var values = new WireValue[slots.Length];
        for (int i = 0; i < slots.Length; i++) { values[i] = (long)slots[i]; }
        return new WireMap { { "t", "free" }, { "slots", WireValue.Array(values) } };
    }

    private ServerMessage Receive(WireMap message)
    {
        var writer = new MsgPackWriter();
        WireCodec.Write(writer, message);
        return _session.Receive(new ArraySegment<byte>(writer.ToArray()));
    }

    private void Broken(WireMap message)
    {
        Assert.Throws<RemoteProtocolException>(() => Receive(message));
    }

    private static string Refused(Action step)
    {
        return Assert.Throws<LocalProtocolException>(step).Message;
    }
}
