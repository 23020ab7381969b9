using System;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>Typed streams: parts in order, the end, errors, input; over a link whose other end the test reads.</summary>
[TestFixture]
public sealed class OpsStreamTests : IDisposable
{
    private readonly FakeLink _link = new FakeLink();
    private readonly FakeCalls _calls;

    public OpsStreamTests()
    {
        _calls = new FakeCalls { Link = _link };
    }

    public void Dispose()
    {
        _link.Dispose();
    }

    [Test]
    public void PartsComeInOrderThenNullThenTheResult()
    {
        using (VitrineStream<TextPart, GuideResult> guide = _calls.GuideAsync("hello").Result)
        {
            VitrineReply first = _link.Part(Text("Good "));
            Task<TextPart> one = guide.NextAsync();
            Assert.AreEqual("Good ", one.Result.Text);
            Assert.IsTrue(first.Data.IsMissing, "a part without pictures gives its reply back");
            Task<TextPart> two = guide.NextAsync();
            Assert.IsFalse(two.IsCompleted, "nothing came yet");
            _link.Part(Text("day"));
            Assert.AreEqual("day", two.Result.Text);
            Task<TextPart> end = guide.NextAsync();
            VitrineReply done = _link.Done(Answer());
            Assert.IsTrue(end.Result == null, "the end");
            Assert.IsTrue(guide.NextAsync().Result == null, "the end stays");
            GuideResult result = guide.ResultAsync().Result;
            Assert.AreEqual("Good day a [b]", result.Text + " " + result.Products[0] + " " + Shown.Of(result.GroundedIn));
            Assert.IsTrue(done.Data.IsMissing, "the result gave its reply back");
            Assert.IsTrue(guide.ResultAsync().Result == result, "asked for again");
            Assert.AreEqual(7, _calls.Delivered, "the opening, four parts, two results");
        }
    }

    [Test]
    public void TheResultPassesOverPartsThatNobodyRead()
    {
        using (VitrineStream<TextPart, TextPart> text = _calls.DescribeAsync("a").Result)
        {
            Task<TextPart> result = text.ResultAsync();
            for (int i = 0; i < 1000; i++) { Assert.IsTrue(_link.Part(Text("x")).Data.IsMissing, "given back"); }
            _link.Done(Text("all"));
            Assert.AreEqual("all", result.Result.Text);
        }
    }

    [Test]
    public void ManyTextsMayWaitWhileTheGameHangs()
    {
        using (VitrineStream<TextPart, TextPart> text = _calls.DescribeAsync("a").Result)
        {
            for (int i = 0; i < 256; i++) { _link.Part(Text(i.ToString())); }
            _link.Done(Text("all"));
            for (int i = 0; i < 256; i++) { Assert.AreEqual(i.ToString(), text.NextAsync().Result.Text); }
            Assert.IsTrue(text.NextAsync().Result == null, "the end");
        }
    }

    [Test]
    public void ABrokenPartEndsTheStream()
    {
        using (VitrineStream<TextPart, TextPart> text = _calls.DescribeAsync("a").Result)
        {
            VitrineReply part = _link.Part(new WireMap { { "text", 5 } });
            Assert.AreEqual(VitrineCodes.Internal, Fails(text.NextAsync()).Code);
            Assert.IsTrue(part.Data.IsMissing, "the part was given back");
            Assert.AreEqual("{t: cancel, id: 0}", _link.Read(), "the server is told to stop");
        }
    }

    [Test]
    public void AnErrorEndsPartsAndResult()
    {
        using (VitrineStream<TextPart, GuideResult> guide = _calls.GuideAsync("hello").Result)
        {
            _link.Part(Text("Good "));
            _link.Fail(VitrineCodes.Unavailable);
            Assert.AreEqual("Good ", guide.NextAsync().Result.Text, "what came before is still there");
            Assert.AreEqual(VitrineCodes.Unavailable, Fails(guide.NextAsync()).Code);
            Assert.AreEqual(VitrineCodes.Unavailable, Fails(guide.ResultAsync()).Code);
        }
    }

    [Test]
    public void ABrokenResultIsAnErrorToo()
    {
        using (VitrineStream<TextPart, GuideResult> guide = _calls.GuideAsync("hello").Result)
        {
            _link.Done(Text("no products"));
            VitrineException error = Fails(guide.ResultAsync());
            Assert.AreEqual(VitrineCodes.Internal, error.Code);
            Assert.IsTrue(error.Message.Contains("shop.guide") && error.Message.Contains("products"), error.Message);
        }
    }

    [Test]
    public void TheTokenEndsTheStream()
    {
        using (var source = new CancellationTokenSource())
        using (VitrineStream<TextPart, GuideResult> guide = _calls.GuideAsync("hello", source.Token).Result)
        {
            Task<TextPart> next = guide.NextAsync();
            source.Cancel();
            Assert.AreEqual("{t: cancel, id: 0}", _link.Read());
            _link.Fail(VitrineCodes.Cancelled);
            Assert.IsTrue(next.IsCanceled, "cancelled, not failed: " + next.Status);
            Assert.IsTrue(guide.ResultAsync().IsCanceled, "the result too");
        }
    }

    [Test]
    public void DisposalCancelsAndGivesEverythingBack()
    {
        VitrineStream<RenderStep, RenderResult> render = _calls.RenderImageAsync(new RenderRequest { Prompt = "a" }).Result;
        VitrineReply unread = _link.Part(new WireMap { { "step", 1 }, { "image", Image(1) } });
        render.Dispose();
        Assert.AreEqual("{t: cancel, id: 0}", _link.Read());
        Assert.IsTrue(unread.Data.IsMissing, "the unread part");
        VitrineReply done = _link.Done(new WireMap { { "image", Image(2) }, { "seed", 1 }, { "model", "m" } });
        Assert.IsTrue(done.Data.IsMissing, "the result that nobody will ask for");
        Assert.IsTrue(render.ResultAsync().IsFaulted, "too late");
        render.Dispose();
    }

    [Test]
    public void AResultWithAPictureOutlivesItsStream()
    {
        RenderResult result;
        using (VitrineStream<RenderStep, RenderResult> render = _calls.RenderImageAsync(new RenderRequest { Prompt = "a" }).Result)
        {
            _link.Part(new WireMap { { "step", 3 }, { "image", Image(1) } });
            using (RenderStep step = render.NextAsync().Result)
            {
                Assert.AreEqual(3L, step.Step);
                Assert.AreEqual(new byte[] { 1 }, step.Image.ToArray());
            }
            _link.Done(new WireMap { { "image", Image(2) }, { "seed", 9 }, { "model", "m" } });
            result = render.ResultAsync().Result;
        }
        Assert.AreEqual(new byte[] { 2 }, result.Image.ToArray());
        Assert.AreEqual("9 m", result.Seed + " " + result.Model);
        result.Dispose();
    }

    [Test]
    public void SpeechAndGesturesPushAndAnswer()
    {
        using (SpeechStream speech = _calls.ListenAsync().Result)
        {
            Assert.IsTrue(speech.TryPush(new ArraySegment<byte>(new byte[] { 9, 1, 0, 2 }, 1, 2)), "pushed");
            Assert.AreEqual("{t: push, id: 0, d: {pcm: <0100>}}", _link.Read());
            Assert.Throws<ArgumentException>(() => speech.TryPush(new ArraySegment<byte>(new byte[3])));
            Assert.Throws<ArgumentException>(() => speech.PushAsync(default(ArraySegment<byte>)));
            _link.Part(new WireMap { { "partial", "try" } });
            _link.Part(new WireMap { { "final", "try on" }, { "lang", "en" }, { "t0_us", 10 }, { "t1_us", 20 } });
            SpeechPart so = speech.NextAsync().Result, final = speech.NextAsync().Result;
            Assert.AreEqual("False try  0 True try on en 20", so.IsFinal + " " + so.Text + " " + so.Lang + " " + so.EndUs + " "
                + final.IsFinal + " " + final.Text + " " + final.Lang + " " + final.EndUs);
            Task<OpAnswer> end = speech.EndAsync();
            Assert.AreEqual("{t: end, id: 0}", _link.Read());
            _link.Done(new WireMap { { "seconds", 2 } });
            Assert.AreEqual(2L, end.Result.Data["seconds"].AsInt);
        }
        using (GestureStream hands = _calls.WatchGesturesAsync().Result)
        {
            Assert.IsTrue(hands.TryPush(HandSide.Right, new ArraySegment<byte>(new byte[728]), 99), "pushed");
            Assert.AreEqual("{t: push, id: 1, d: {hand: right, joints: <" + new string('0', 1456) + ">, t_us: 99}}", _link.Read());
            Assert.Throws<ArgumentException>(() => hands.TryPush(HandSide.Left, new ArraySegment<byte>(new byte[727]), 0));
            _link.Part(new WireMap { { "gesture", "pinch" }, { "phase", "begin" }, { "confidence", 1 }, { "value", 0.5 } });
            GesturePart pinch = hands.NextAsync().Result;
            Assert.AreEqual("pinch begin 1 0.5", pinch.Gesture + " " + pinch.Phase + " " + pinch.Confidence + " " + pinch.Value.AsDouble);
            _link.Done(new WireMap());
        }
    }

    [Test]
    public void TheOtherStreamsReadTheirParts()
    {
        using (VitrineStream<TryOnView, OpAnswer> views = _calls.TryOnViewsAsync(new[] { Frame() }, new TryOnLayer[0]).Result)
        {
            _link.Part(new WireMap { { "yaw_deg", 30 }, { "image", Image(4) }, { "confidence", 0.5 } });
            using (TryOnView view = views.NextAsync().Result) { Assert.AreEqual("30 0.5", view.YawDeg + " " + view.Confidence); }
            _link.Done(new WireMap());
        }
        using (VitrineStream<RenderView, OpAnswer> views = _calls.RenderViewsAsync("a", 2).Result)
        {
            _link.Part(new WireMap { { "yaw_deg", -90.5 }, { "image", Image(4) } });
            using (RenderView view = views.NextAsync().Result) { Assert.AreEqual(-90.5, view.YawDeg); }
            _link.Done(new WireMap());
        }
        using (VitrineStream<OpAnswer, TurnResult> turn = _calls.TurnAsync(new ShopTurn { Text = "this" }).Result)
        {
            _link.Part(new WireMap { { "heard", "this" } });
            Assert.AreEqual("this", turn.NextAsync().Result.Data["heard"].AsString);
            _link.Done(new WireMap
            {
                { "intent", "show" }, { "results", WireValue.Array("a") }, { "weights", new WireMap { { "text", 1 } } }, { "say", "Here." },
            });
            TurnResult result = turn.ResultAsync().Result;
            Assert.AreEqual("show a 1 Here.", result.Intent + " " + result.Results[0].AsString + " " + result.Weights["text"] + " " + result.Say);
        }
    }

    private static VitrineException Fails(Task task)
    {
        Assert.IsTrue(task.IsFaulted, "it did not fail: " + task.Status);
        return (VitrineException)task.Exception.InnerException;
    }

    private static WireMap Text(string text)
    {
        return new WireMap { { "text", text } };
    }

    private static WireMap Answer()
    {
        return new WireMap { { "text", "Good day" }, { "products", WireValue.Array("a") }, { "grounded_in", WireValue.Array("b") } };
    }

    private static WireMap Image(byte value)
    {
        return new WireMap { { "w", 1 }, { "h", 1 }, { "f", "r8" }, { "o", "top" }, { "d", new[] { value } } };
    }

    private static ImageFrame Frame()
    {
        return new ImageFrame(1, 1, ImageFormat.R8, RowOrder.Top, new ArraySegment<byte>(new byte[] { 8 }));
    }
}
