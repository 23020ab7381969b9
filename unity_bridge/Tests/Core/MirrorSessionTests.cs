using System;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>The stream of a mirror, by its table and by a clock that the test moves.</summary>
[TestFixture]
public sealed class MirrorSessionTests : IDisposable
{
    private readonly FakeLink _link = new FakeLink();
    private readonly FakeCalls _calls;
    private readonly MirrorSession _session;
    private readonly IntPtr _memory = Marshal.AllocHGlobal(16);
    private readonly FramePool _pool;
    private long _nowUs = 1000000;

    public MirrorSessionTests()
    {
        _calls = new FakeCalls { Link = _link };
        _session = new MirrorSession(_calls, new MirrorOptions(false, true));
        _pool = new FramePool(new[] { _memory }, 16);
    }

    public void Dispose()
    {
        _session.Dispose();
        _link.Dispose();
        Marshal.FreeHGlobal(_memory);
    }

    [Test]
    public void ItOpensWithTheConnectionAndAsksForRawRows()
    {
        _session.SetLayers(new TryOnLayer("sample-top-1", "M", "#102030"), new TryOnLayer("sample-glasses-1"));
        Tick(false);
        Assert.AreEqual(MirrorSessionState.Waiting, _session.State);
        Open();
        Assert.AreEqual("tryon.stream", _calls.Op);
        Assert.AreEqual(
            "{layers: [{product: sample-top-1, size: M, colour: #102030}, {product: sample-glasses-1}], output: composite, "
            + "mirror: true, want: {f: rgba8, o: bottom}}", _calls.Sent);
    }

    [Test]
    public void FramesGoOutAndTheNewestAnswerComesBack()
    {
        Open();
        Push(7000);
        Assert.IsTrue(_link.Read().StartsWith("{t: push, id: 0, d: {n: 0, t_us: 7000, image: {w: 2, h: 2, f: rgba8, o: bottom, d: <", StringComparison.Ordinal), "0");
        Push(8000);
        Push(9000);
        Assert.IsTrue(_link.Read().Contains("n: 1, t_us: 8000") && _link.Read().Contains("n: 2, t_us: 9000"), "1 and 2");
        Until(() => _session.Unanswered == 3, "unanswered");
        _link.Part(Frame(0, 0.5));
        _link.Part(Frame(2, 0.75));
        MirrorAnswer answer;
        Assert.IsTrue(_session.TryTake(out answer), "an answer");
        Assert.AreEqual("2 0.75 Live", answer.Part.Number + " " + answer.Part.Confidence + " " + answer.Verdict);
        Assert.IsTrue(_session.IsAnswered, "answered");
        _session.Release(answer.Reply);
        MirrorCounters counters = _session.Counters;
        Assert.AreEqual("3 sent 1 answered 2 superseded 0 failed", counters.Sent + " sent " + counters.Answered
            + " answered " + counters.Superseded + " superseded " + counters.Failed + " failed");
        Assert.AreEqual(0L, _session.Unanswered);
        Assert.IsFalse(_session.TryTake(out answer), "no more");
    }

    [Test]
    public void AnAnswerWithANumberThatWasNeverSentChangesNoCount()
    {
        Open();
        Push(1);
        _link.Read();
        Until(() => _session.Counters.Sent == 1, "sent");
        _link.Part(Frame(long.MaxValue, 1));
        MirrorAnswer answer;
        Assert.IsTrue(_session.TryTake(out answer), "taken");
        _session.Release(answer.Reply);
        Assert.IsTrue(_session.Counters.Superseded <= 1, "superseded: " + _session.Counters.Superseded);
    }

    [Test]
    public void LayersGoIntoTheOpenStream()
    {
        Open();
        int revision = _session.Revision;
        _session.SetLayers(new TryOnLayer("sample-glasses-2"));
        Assert.AreEqual("{t: push, id: 0, d: {layers: [{product: sample-glasses-2}]}}", _link.Read());
        Assert.AreEqual(MirrorSessionState.Open, _session.State);
        Assert.AreEqual(revision + 1, _session.Revision);
    }

    [Test]
    public void OtherOptionsTakeAnotherStream()
    {
        Open();
        _session.SetOptions(new MirrorOptions(false, true));
        Assert.AreEqual(MirrorSessionState.Open, _session.State, "the same options");
        _calls.Link = null;
        _session.SetOptions(new MirrorOptions(true, false));
        Assert.AreEqual("{t: cancel, id: 0}", _link.Read());
        Assert.AreEqual(MirrorSessionState.Opening, _session.State);
        Assert.IsTrue(_calls.Sent.Contains("output: overlay, mirror: false"), _calls.Sent);
    }

    [Test]
    public void WhatCannotSucceedIsRefusedUntilSomethingChanges()
    {
        foreach (string code in new[] { "bad_request", "unauthorized", "unknown_op", "not_found", "too_large", "unsafe_content" })
        {
            _calls.Error = new VitrineException(code, "no");
            _session.SetLayers(new TryOnLayer(code));
            Tick();
            Tick();
            Assert.AreEqual(MirrorSessionState.Refused, _session.State, code);
            Assert.AreEqual(code, _session.LastError.Code);
        }
        Tick(true, 9900);
        Assert.AreEqual(MirrorSessionState.Refused, _session.State, "not soon");
        _calls.Error = null;
        Tick(true, 200);
        Tick();
        Assert.AreEqual(MirrorSessionState.Open, _session.State, "but now and then");
    }

    [Test]
    public void WhatMaySucceedIsTriedAgainLaterAndLater()
    {
        _calls.Error = new VitrineException(VitrineCodes.Overloaded, "busy");
        Tick();
        var waits = new System.Collections.Generic.List<long>();
        for (int i = 0; i < 8; i++)
        {
            Tick();
            Assert.AreEqual(MirrorSessionState.Pausing, _session.State);
            long since = _nowUs;
            while (_session.State == MirrorSessionState.Pausing) { Tick(true, 5); }
            waits.Add((_nowUs - since) / 1000);
        }
        Assert.IsTrue(waits[0] <= 100 && waits[1] > waits[0] && waits[7] > 3000 && waits[7] <= 5000, string.Join(" ", waits));
        Assert.AreEqual(8L, _session.Counters.Failed);
    }

    [Test]
    public void TheServersOwnDelayIsKeptWithinLimits()
    {
        _calls.Error = new VitrineException(VitrineCodes.ModelLoading, "loading", 700);
        Tick();
        Tick();
        Tick(true, 650);
        Assert.AreEqual(MirrorSessionState.Pausing, _session.State);
        Tick(true, 100);
        Assert.AreEqual(MirrorSessionState.Opening, _session.State);
        _calls.Error = new VitrineException(VitrineCodes.ModelLoading, "loading", int.MaxValue);
        Tick();
        Tick(true, 10001);
        Assert.AreEqual(MirrorSessionState.Opening, _session.State, "no server puts it off for days");
    }

    [Test]
    public void AStreamThatEndsIsOpenedAgain()
    {
        Open();
        int revision = _session.Revision;
        _link.Fail(VitrineCodes.Unavailable);
        Tick();
        Assert.AreEqual(MirrorSessionState.Pausing, _session.State);
        Assert.AreEqual(VitrineCodes.Unavailable, _session.LastError.Code);
        Assert.IsFalse(_session.IsAnswered, "what was answered does not count for the next stream");
        Reopen();
        Assert.AreEqual(revision + 1, _session.Revision, "a still picture is sent again");
        _link.Done(new WireMap { { "frames_in", 0 } });
        Tick();
        Assert.AreEqual(MirrorSessionState.Pausing, _session.State, "nor may the server end it of its own accord");
    }

    [Test]
    public void FramesWithoutAnswersEndTheStream()
    {
        Open();
        Push(1);
        _link.Read();
        Until(() => _session.Unanswered == 1, "sent");
        Tick(true, 3600000);
        Assert.AreEqual(MirrorSessionState.Open, _session.State, "an application that was frozen is no silent server");
        int seconds = 1;
        for (; _session.State == MirrorSessionState.Open; seconds++) { Tick(true, 1000); }
        Assert.AreEqual(MirrorSessionState.Pausing, _session.State);
        Assert.IsTrue(seconds >= 15 && seconds <= 17, seconds + " s");
        Assert.AreEqual("{t: cancel, id: 0}", _link.Read());
    }

    [Test]
    public void AStreamWithoutFramesMayBeSilent()
    {
        Open();
        for (int i = 0; i < 60; i++) { Tick(true, 1000); }
        Assert.AreEqual(MirrorSessionState.Open, _session.State);
    }

    [Test]
    public void OpeningHasATimeLimitAndALateStreamIsClosed()
    {
        var slow = new SlowCalls();
        using (var session = new MirrorSession(slow, new MirrorOptions(false, false)))
        {
            session.Tick(0, true);
            session.Tick(9000000, true);
            Assert.AreEqual(MirrorSessionState.Opening, session.State);
            session.Tick(11000000, true);
            Assert.AreEqual(MirrorSessionState.Pausing, session.State);
            VitrineStream late = _calls.OpenAsync("tryon.stream", null, CancellationToken.None, new StreamOptions()).Result;
            slow.Opening.SetResult(late);
            Assert.AreEqual("{t: cancel, id: 0}", _link.Read());
        }
    }

    [Test]
    public void ALostConnectionEndsTheStreamAtOnce()
    {
        Open();
        Tick(false);
        Assert.AreEqual(MirrorSessionState.Waiting, _session.State);
        Push(1);
        Assert.IsTrue(_pool.IsIdle, "frames go nowhere");
        _session.SetLayers();
        Tick();
        Assert.AreEqual(MirrorSessionState.Opening, _session.State);
        Assert.IsTrue(_calls.Sent.StartsWith("{layers: []", StringComparison.Ordinal), _calls.Sent);
    }

    [Test]
    public void DisposedItDoesNothingMore()
    {
        Open();
        _session.Dispose();
        _session.Dispose();
        Assert.AreEqual("{t: cancel, id: 0}", _link.Read());
        Assert.IsFalse(_session.IsPumping, "its thread ended");
        Tick();
        _session.SetLayers(new TryOnLayer("a"));
        _session.SetOptions(new MirrorOptions(true, true));
        Push(1);
        Assert.AreEqual(MirrorSessionState.Closed, _session.State);
        Assert.IsTrue(_pool.IsIdle, "frames go back");
    }

    [Test]
    public void WhatIsNoLayerIsRefusedAtOnce()
    {
        Assert.Throws<ArgumentNullException>(() => _session.SetLayers(null));
        Assert.Throws<ArgumentException>(() => _session.SetLayers(new TryOnLayer("a"), null));
        Assert.Throws<ArgumentException>(() => _session.SetLayers(new TryOnLayer[9]));
    }

    [Test]
    public void StepsThatTheTableDoesNotAllowAreNamed()
    {
        var error = Assert.Throws<LocalProtocolException>(() => MirrorTable.After(MirrorSessionState.Waiting, MirrorStep.Opened));
        Assert.IsTrue(error.Message.Contains("Opened") && error.Message.Contains("Waiting"), error.Message);
        foreach (MirrorStep step in Enum.GetValues(typeof(MirrorStep)))
        {
            foreach (MirrorSessionState state in Enum.GetValues(typeof(MirrorSessionState)))
            {
                bool ends = step == MirrorStep.Close;
                if (ends) { Assert.AreEqual(MirrorSessionState.Closed, MirrorTable.After(state, step)); }
                else if (state == MirrorSessionState.Closed && step < MirrorStep.Layers)
                {
                    Assert.Throws<LocalProtocolException>(() => MirrorTable.After(state, step));
                }
            }
        }
    }

    [Test]
    public void WhatStandsNearestToTheCauseIsSaid()
    {
        const MirrorSessionState Open = MirrorSessionState.Open, Wait = MirrorSessionState.Waiting, Pause = MirrorSessionState.Pausing;
        const FrameSourceState Live = FrameSourceState.Live, None = FrameSourceState.NoCamera;
        Says(MirrorStatus.ServerAbsent, MirrorLink.Absent, Wait, null, None, false, MirrorStatus.Live);
        Says(MirrorStatus.ServerStarting, MirrorLink.Starting, Wait, null, Live, false, MirrorStatus.Live);
        Says(MirrorStatus.Connecting, MirrorLink.Connecting, Wait, null, Live, false, MirrorStatus.Live);
        Says(MirrorStatus.Lost, MirrorLink.Lost, Wait, null, Live, true, MirrorStatus.Live);
        Says(MirrorStatus.Refused, MirrorLink.Ready, MirrorSessionState.Refused, "not_found", None, false, MirrorStatus.Live);
        Says(MirrorStatus.ServerStarting, MirrorLink.Ready, Pause, "model_loading", Live, false, MirrorStatus.Live);
        Says(MirrorStatus.Lost, MirrorLink.Ready, Pause, "internal", Live, false, MirrorStatus.Live);
        Says(MirrorStatus.NoCamera, MirrorLink.Ready, Open, null, None, true, MirrorStatus.NoPerson);
        Says(MirrorStatus.WaitingForAnswer, MirrorLink.Ready, Open, null, Live, false, MirrorStatus.NoPerson);
        Says(MirrorStatus.NoPerson, MirrorLink.Ready, Open, null, Live, true, MirrorStatus.NoPerson);
        Says(MirrorStatus.Off, MirrorLink.Ready, MirrorSessionState.Closed, null, Live, true, MirrorStatus.Live);
    }

    [Test]
    public void EveryStatusHasASentenceInBothLanguages()
    {
        foreach (MirrorStatus status in Enum.GetValues(typeof(MirrorStatus)))
        {
            string english = MirrorTexts.Of(status, false), chinese = MirrorTexts.Of(status, true);
            bool said = status != MirrorStatus.Live;
            Assert.AreEqual(said, english.EndsWith(".", StringComparison.Ordinal), status + ": " + english);
            Assert.AreEqual(said, chinese.EndsWith("。", StringComparison.Ordinal), status + ": " + chinese);
        }
        Assert.AreEqual("The headset covers your face. Use the picture taken before you put it on.", MirrorTexts.Of(MirrorStatus.FaceCovered, false));
        Assert.AreEqual(MirrorStatus.LowLight, MirrorTexts.OfReason("low_light"));
        Assert.AreEqual(MirrorStatus.NoPerson, MirrorTexts.OfReason("no_person"));
        Assert.AreEqual(MirrorStatus.OtherReason, MirrorTexts.OfReason("made_of_glass"));
    }

    private static void Says(
        MirrorStatus expected, MirrorLink link, MirrorSessionState session, string code, FrameSourceState source,
        bool answered, MirrorStatus verdict)
    {
        Assert.AreEqual(expected, MirrorStatusRules.Decide(link, session, code, source, answered, verdict));
    }

    private void Open()
    {
        Tick();
        Tick();
        Assert.AreEqual(MirrorSessionState.Open, _session.State);
    }

    private void Reopen()
    {
        for (int i = 0; i < 100 && _session.State != MirrorSessionState.Open; i++) { Tick(true, 100); }
        Assert.AreEqual(MirrorSessionState.Open, _session.State);
    }

    private void Tick(bool connected = true, int afterMs = 1)
    {
        _nowUs += afterMs * 1000L;
        _session.Tick(_nowUs, connected);
    }

    private void Push(long timeUs)
    {
        FrameSlot slot = null;
        Until(() => _pool.TryRent(out slot), "a free buffer");
        slot.Width = slot.Height = 2;
        slot.QuarterTurns = 0;
        slot.TimeUs = timeUs;
        _session.Offer(slot);
    }

    private static WireMap Frame(long number, double confidence)
    {
        return new WireMap { { "n", number }, { "t_us", 5 }, { "confidence", confidence } };
    }

    private static void Until(Func<bool> condition, string what)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.IsTrue(i < 2000, what);
            Thread.Sleep(1);
        }
    }

    /// <summary>Calls whose stream comes when the test says so.</summary>
    private sealed class SlowCalls : IVitrineCalls
    {
        internal TaskCompletionSource<VitrineStream> Opening { get; } = new TaskCompletionSource<VitrineStream>();

        public Task<VitrineReply> CallAsync(string op, WireMap arguments, CancellationToken cancel, CallOptions options)
        {
            throw new NotSupportedException();
        }

        public Task<VitrineStream> OpenAsync(string op, WireMap arguments, CancellationToken cancel, StreamOptions options)
        {
            return Opening.Task;
        }

        public Task<T> DeliverAsync<T>(Task<T> work) where T : class
        {
            return work;
        }
    }
}
