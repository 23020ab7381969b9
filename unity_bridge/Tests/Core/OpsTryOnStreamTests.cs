using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>The live try-on's stream, and the golden answers of the streams.</summary>
[TestFixture]
public sealed class OpsTryOnStreamTests : IDisposable
{
    private readonly FakeLink _link = new FakeLink();
    private readonly FakeCalls _calls;

    public OpsTryOnStreamTests()
    {
        _calls = new FakeCalls { Link = _link };
    }

    public void Dispose()
    {
        _link.Dispose();
    }

    [Test]
    public void TryOnPushesFramesAndLayersAndTakesTheNewest()
    {
        using (TryOnStream mirror = _calls.OpenTryOnAsync("sample-glasses-1").Result)
        {
            Assert.IsTrue(mirror.TryPush(41, 5000, Frame()), "pushed");
            Assert.AreEqual("{t: push, id: 0, d: {n: 41, t_us: 5000, image: {w: 1, h: 1, f: r8, o: top, d: <08>}}}", _link.Read());
            Assert.IsTrue(mirror.TryPushLayers(new[] { new TryOnLayer("sample-top-1", "M") }), "pushed");
            Assert.AreEqual("{t: push, id: 0, d: {layers: [{product: sample-top-1, size: M}]}}", _link.Read());
            Assert.IsTrue(mirror.PushLayersAsync(new TryOnLayer[0]).IsCompleted, "pushed");
            Assert.AreEqual("{t: push, id: 0, d: {layers: []}}", _link.Read());
            VitrineReply newest;
            Assert.IsFalse(mirror.TryTakeNewest(out newest), "nothing came");
            VitrineReply old = _link.Part(Frame(41));
            _link.Part(Frame(42));
            Assert.IsTrue(mirror.TryTakeNewest(out newest), "two came");
            Assert.AreEqual(42L, newest.Data["n"].AsInt());
            Assert.AreEqual(1L, mirror.Dropped);
            Assert.IsTrue(old.Data.IsMissing, "the older one was given back");
            newest.Dispose();
            Task<TryOnSummary> end = mirror.EndAsync();
            Assert.AreEqual("{t: end, id: 0}", _link.Read());
            Assert.IsFalse(mirror.TryPush(43, 0, Frame()), "no input after the end");
            Assert.IsFalse(mirror.Ended.IsCompleted, "not done yet");
            _link.Part(Frame(43));
            _link.Done(new WireMap { { "frames_in", 3 }, { "frames_out", 2 }, { "superseded", 1 } });
            Assert.AreEqual("3 2 1", end.Result.FramesIn + " " + end.Result.FramesOut + " " + end.Result.Superseded);
            using (TryOnFrame last = mirror.NextAsync().Result) { Assert.AreEqual(43L, last.Number, "left to its reader"); }
            Assert.IsTrue(mirror.Ended.IsCompleted, "done");
        }
    }

    [Test]
    public void TryOnFramesHaveAllTheirKeys()
    {
        using (TryOnStream mirror = _calls.OpenTryOnAsync("a").Result)
        {
            WireMap answer = Frame(7);
            answer.Add("reason", new WireMap { { "code", "face_covered" }, { "text", "Uncover it." } });
            answer.Add("fit", new WireMap { { "top", new WireMap { { "size", "L" }, { "width", 1.1 }, { "shoulders_cm", "?" } } } });
            _link.Part(answer);
            using (TryOnFrame frame = mirror.NextAsync().Result)
            {
                Assert.AreEqual("7 70 0.5 face_covered L 1.1", frame.Number + " " + frame.TimeUs + " " + frame.Confidence + " "
                    + frame.Reason.Code + " " + frame.Fit.Top.Size + " " + frame.Fit.Top.Width);
                Assert.IsTrue(frame.Fit.Top.ShouldersCm == null && frame.Fit.Glasses == null, "what is not known is null");
                Assert.AreEqual(new byte[] { 1 }, frame.Image.ToArray());
            }
        }
    }

    [Test]
    public void TheGoldenAnswersAreRead()
    {
        using (TryOnStream mirror = _calls.OpenTryOnAsync("a").Result)
        {
            _link.Part(Golden.Message("part without a person")["d"].AsMap);
            using (TryOnFrame frame = mirror.NextAsync().Result)
            {
                Assert.AreEqual("42 0 no_person False", frame.Number + " " + frame.Confidence + " " + frame.Reason.Code + " " + frame.HasImage);
            }
            Task<TryOnSummary> end = mirror.EndAsync();
            _link.Done(Golden.Message("done stream")["d"].AsMap);
            Assert.AreEqual("90 61 29", end.Result.FramesIn + " " + end.Result.FramesOut + " " + end.Result.Superseded);
        }
        using (SpeechStream speech = _calls.ListenAsync().Result)
        {
            _link.Part(Golden.Message("part text")["d"].AsMap);
            Assert.IsTrue(speech.NextAsync().Result.Text.StartsWith("\u8bd5\u7a7f", StringComparison.Ordinal), "text");
            WireMap pushed = Golden.Message("push audio");
            Assert.IsTrue(speech.TryPush(pushed["d"].AsMap["pcm"].AsBin), "pushed");
            Read("push", Shown.Of(pushed["d"].AsMap));
        }
        using (GestureStream hands = _calls.WatchGesturesAsync().Result)
        {
            WireMap pushed = Golden.Message("push joints")["d"].AsMap;
            Assert.IsTrue(hands.TryPush(HandSide.Left, pushed["joints"].AsBin, pushed["t_us"].AsInt), "pushed");
            Read("push", Shown.Of(pushed));
        }
    }

    private void Read(string type, string data)
    {
        string message = _link.Read();
        Assert.IsTrue(message.StartsWith("{t: " + type + ",", StringComparison.Ordinal), message);
        Assert.IsTrue(message.EndsWith(", d: " + data + "}", StringComparison.Ordinal), message + " ends with " + data);
    }

    [Test]
    public void APartIsReadWithoutAllocating()
    {
        WireMap answer = Frame(7);
        answer.Add("reason", new WireMap { { "code", "low_light" }, { "text", "Turn on a light." } });
        VitrineReply reply = FakeCalls.Reply(answer, 0);
        TryOnPart part;
        VitrineImage image = default(VitrineImage);
        long before = 0;
        string code = null;
        for (int i = 0; i < 100; i++)
        {
            if (i == 50) { before = GC.GetAllocatedBytesForCurrentThread(); }
            Assert.IsTrue(TryOnPart.TryRead(reply, out part) && part.TryGetImage(out image), "read");
            code = part.ReasonCode;
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.AreEqual(0L, allocated);
        Assert.IsTrue(ReferenceEquals(code, ReasonCodes.LowLight), "the constant itself");
        TryOnPart.TryRead(reply, out part);
        Assert.AreEqual("7 70 0.5 Turn on a light.", part.Number + " " + part.TimeUs + " " + part.Confidence + " " + part.ReadReasonText());
        Assert.AreEqual(1, image.ByteCount);
        reply.Dispose();
    }

    [Test]
    public void ABrokenPartIsNotRead()
    {
        TryOnPart part;
        VitrineImage image;
        foreach (string key in new[] { "n", "t_us", "confidence" })
        {
            var answer = new WireMap();
            foreach (KeyValuePair<string, WireValue> pair in Frame(1)) { answer.Add(pair.Key, pair.Key == key ? "text" : pair.Value); }
            Assert.IsFalse(TryOnPart.TryRead(FakeCalls.Reply(answer, 0), out part), key);
        }
        var least = new WireMap { { "n", 1 }, { "t_us", 2 }, { "confidence", 0 }, { "image", true }, { "reason", 5 } };
        Assert.IsTrue(TryOnPart.TryRead(FakeCalls.Reply(least, 0), out part), "the numbers are there");
        Assert.IsFalse(part.TryGetImage(out image), "no picture");
        Assert.IsTrue(part.ReasonCode == null && part.ReadReasonText() == null, "no reason");
        least = new WireMap { { "n", 1 }, { "t_us", 2 }, { "confidence", 0 }, { "image", new WireMap { { "w", 1 } } } };
        TryOnPart.TryRead(FakeCalls.Reply(least, 0), out part);
        Assert.IsFalse(part.TryGetImage(out image), "half a picture");
    }

    private static WireMap Frame(int number)
    {
        return new WireMap { { "n", number }, { "t_us", 10 * number }, { "image", Image() }, { "confidence", 0.5 } };
    }

    private static WireMap Image()
    {
        return new WireMap { { "w", 1 }, { "h", 1 }, { "f", "r8" }, { "o", "top" }, { "d", new byte[] { 1 } } };
    }

    private static ImageFrame Frame()
    {
        return new ImageFrame(1, 1, ImageFormat.R8, RowOrder.Top, new ArraySegment<byte>(new byte[] { 8 }));
    }
}
