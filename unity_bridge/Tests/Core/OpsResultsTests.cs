using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>What each typed op makes of an answer, and of answers that are not what the contract says.</summary>
[TestFixture]
public sealed class OpsResultsTests
{
    private readonly FakeCalls _calls = new FakeCalls();

    [Test]
    public void AStillHasItsPictureMasksAndFit()
    {
        var fit = new WireMap
        {
            { "glasses", new WireMap { { "size", "M" }, { "frame_mm", 140 }, { "face_mm", 142.5 }, { "verdict", "good" } } },
            { "shoes", 3 },
        };
        _calls.Answer = new WireMap
        {
            { "image", Image(7) }, { "confidence", 0.75 }, { "fit", fit }, { "masks", new WireMap { { "person", Image(9) } } },
        };
        TryOnResult still = _calls.TryOnAsync(Frame(), "a").Result;
        Assert.AreEqual(new byte[] { 7, 7, 7 }, still.Image.ToArray());
        Assert.AreEqual(0.75, still.Confidence);
        Assert.IsTrue(still.Reason == null && still.HasImage, "nothing is in the way");
        Assert.AreEqual("person", string.Join(" ", new List<string>(still.MaskNames).ToArray()));
        VitrineImage mask;
        Assert.IsTrue(still.TryGetMask("person", out mask), "the mask is found");
        Assert.AreEqual(new byte[] { 9, 9, 9 }, mask.ToArray());
        Assert.IsFalse(still.TryGetMask("top", out mask), "no such mask");
        Assert.AreEqual("M 140 142.5 good", still.Fit.Glasses.Size + " " + still.Fit.Glasses.FrameMm + " "
            + still.Fit.Glasses.FaceMm + " " + still.Fit.Glasses.Verdict);
        Assert.IsTrue(still.Fit.Top == null, "no top");
        Assert.AreEqual(3L, still.Fit.Data["shoes"].AsInt, "what this version does not know");
        Assert.AreEqual(1.5, still.Timing.TotalMs);
        still.Dispose();
    }

    [Test]
    public void AReasonStandsInForAPicture()
    {
        var reason = new WireMap { { "code", "no_person" }, { "text", "No one is here." } };
        _calls.Answer = new WireMap { { "confidence", 0 }, { "reason", reason } };
        using (TryOnResult still = _calls.TryOnAsync(Frame(), "a").Result)
        {
            Assert.AreEqual(ReasonCodes.NoPerson, still.Reason.Code);
            Assert.AreEqual("No one is here.", still.Reason.Text);
            Assert.IsFalse(still.HasImage, "there is no picture");
            Assert.AreEqual(0, still.Image.ByteCount);
        }
        _calls.Answer = new WireMap { { "confidence", 1.0 } };
        Assert.IsTrue(Broken(() => _calls.TryOnAsync(Frame(), "a")).Contains("image"), "neither picture nor reason");
    }

    [Test]
    public void AResultIsDisposedOnceAndNotReadAfterwards()
    {
        _calls.Answer = new WireMap { { "mask", new WireMap { { "w", 3 }, { "h", 1 }, { "f", "r8" }, { "o", "top" }, { "d", new byte[3] } } } };
        SegmentResult mask = _calls.SegmentAsync(Frame()).Result;
        VitrineReply reply = _calls.LastReply;
        Assert.IsFalse(reply.Data.IsMissing, "kept until disposal");
        Assert.IsTrue(mask.Reply == reply, "the answer itself");
        mask.Dispose();
        Assert.IsTrue(reply.Data.IsMissing, "given back");
        Assert.Throws<ObjectDisposedException>(() => GC.KeepAlive(mask.Mask));
        Assert.Throws<ObjectDisposedException>(() => GC.KeepAlive(mask.Reply));
        // The same reply object serves the next call; the old result must not take it away.
        SegmentResult next = _calls.SegmentAsync(Frame()).Result;
        Assert.IsTrue(_calls.LastReply == reply, "used again");
        mask.Dispose();
        Assert.AreEqual(3, next.Mask.ToArray().Length);
        next.Dispose();
    }

    [Test]
    public void AResultWithoutPicturesGivesItsReplyBackAtOnce()
    {
        _calls.Answer = new WireMap { { "lang", "en" }, { "intent", "try_on" }, { "slots", WireValue.Array(new WireMap
        {
            { "name", "colour" }, { "value", "red" }, { "start", 0 }, { "end", 3 }, { "score", 1 },
        }) } };
        Understanding understanding = _calls.UnderstandAsync("red").Result;
        Assert.IsTrue(_calls.LastReply.Data.IsMissing, "given back");
        Assert.AreEqual("try_on colour red 3", understanding.Intent + " " + understanding.Slots[0].Name + " "
            + understanding.Slots[0].Value.AsString + " " + understanding.Slots[0].End);
    }

    [Test]
    public void StatsAndModels()
    {
        _calls.Answer = StatsAnswer();
        ServerStats stats = _calls.StatsAsync().Result;
        Assert.AreEqual("0.1 12.5 CPU", stats.Version + " " + stats.UptimeS + " " + stats.Providers[0]);
        Assert.AreEqual("frame 77 busy 1024 2", stats.Workers[0].Name + " " + stats.Workers[0].Pid + " " + stats.Workers[0].State
            + " " + stats.Workers[0].RssBytes + " " + stats.Workers[0].Restarts);
        Assert.AreEqual(3L, stats.Queues["frame"]);
        Assert.AreEqual("pose CPU fp32 1.25", stats.Models[0].Name + " " + stats.Models[0].Provider + " "
            + stats.Models[0].Precision + " " + stats.Models[0].P50Ms);
        Assert.AreEqual(4L, stats.Counters.Fail["deadline"]);
        Assert.AreEqual(29L, stats.Counters.Superseded);
        _calls.Answer = new WireMap { { "items", WireValue.Array(Model("a"), Model("b")) } };
        IReadOnlyList<ModelInfo> models = _calls.ListModelsAsync().Result;
        Assert.AreEqual("a b ready MIT 9", models[0].Name + " " + models[1].Name + " " + models[1].State + " "
            + models[1].Licence + " " + models[1].Bytes);
        _calls.Answer = Model("c");
        Assert.AreEqual("c", _calls.UnloadModelAsync("c").Result.Name);
    }

    [Test]
    public void ShopResults()
    {
        var hit = new WireMap { { "product", "a" }, { "score", 0.5 }, { "why", WireValue.Array("red", "cheap") } };
        _calls.Answer = new WireMap { { "items", WireValue.Array(hit) } };
        ProductHit found = _calls.SearchAsync("red").Result[0];
        Assert.AreEqual("a 0.5 red cheap", found.Product + " " + found.Score + " " + string.Join(" ", new List<string>(found.Why).ToArray()));
        _calls.Answer = new WireMap
        {
            { "rows", WireValue.Array(new WireMap { { "attribute", "price" }, { "values", WireValue.Array(9.5, "n/a") } }) },
            { "say", "A is cheaper." },
        };
        ProductComparison compared = _calls.CompareAsync(new[] { "a", "b" }).Result;
        Assert.AreEqual("price 9.5 n/a A is cheaper.", compared.Rows[0].Attribute + " " + compared.Rows[0].Values[0].AsDouble + " "
            + compared.Rows[0].Values[1].AsString + " " + compared.Say);
        _calls.Answer = new WireMap { { "id", "a" }, { "images", WireValue.Array(Image(1), Image(2)) }, { "price", 3 } };
        ProductRecord record = _calls.ProductAsync("a").Result;
        Assert.AreEqual("{id: a, price: 3}", Shown.Of(record.Data));
        Assert.AreEqual(new byte[] { 2, 2, 2 }, record.Images[1].ToArray());
        record.Dispose();
        Assert.Throws<ObjectDisposedException>(() => GC.KeepAlive(record.Images));
    }

    [Test]
    public void PicturesOfRenderAndPlace()
    {
        _calls.Answer = new WireMap { { "image", Image(5) }, { "box", WireValue.Array(1, 2.5, 3, 4) } };
        using (CutoutResult cut = _calls.CutoutAsync(Frame()).Result)
        {
            Assert.AreEqual(2.5, cut.Box[1]);
            Assert.AreEqual(new byte[] { 5, 5, 5 }, cut.Image.ToArray());
        }
        _calls.Answer = new WireMap { { "glb", new byte[] { 1, 2 } }, { "size_m", 0.5 } };
        ReliefResult relief = _calls.ReliefAsync(Frame()).Result;
        Assert.AreEqual(new byte[] { 1, 2 }, relief.Glb);
        Assert.AreEqual(0.5, relief.SizeM[0], "a single number is a list of one");
        _calls.Answer = new WireMap { { "image", Image(6) }, { "scale", 2 }, { "contact_shadow", true }, { "collisions", WireValue.Array("sofa") } };
        using (PlaceResult placed = _calls.PlaceAsync(Frame(), "a", new CameraIntrinsics(1, 1, 0, 0), Plane()).Result)
        {
            Assert.AreEqual("2 True sofa", placed.Scale + " " + placed.ContactShadow.AsBool + " " + placed.Collisions.AsArray[0].AsString);
        }
        _calls.Answer = new WireMap { { "size", "L" }, { "ease_cm", new WireMap { { "chest", -1.5 } } }, { "why", "It is wide." } };
        SizeAdvice advice = _calls.FitAsync("a", new BodyMeasures { { "chest", 100 } }).Result;
        Assert.AreEqual("L -1.5 It is wide.", advice.Size + " " + advice.EaseCm["chest"] + " " + advice.Why[0]);
    }

    [Test]
    public void AMissingKeyOrAWrongTypeIsAFaultOfTheServer()
    {
        Mandatory(new WireMap { { "image", Image(1) }, { "confidence", 1 } }, c => c.TryOnAsync(Frame(), "a"));
        Mandatory(new WireMap { { "size", "M" }, { "ease_cm", new WireMap() } }, c => c.FitAsync("a", new BodyMeasures { { "chest", 1 } }));
        Mandatory(new WireMap { { "image", Image(1) }, { "scale", 1 } }, c => c.PlaceAsync(Frame(), "a", new CameraIntrinsics(1, 1, 0, 0), Plane()));
        Mandatory(new WireMap { { "image", Image(1) }, { "box", WireValue.Array(1) } }, c => c.CutoutAsync(Frame()));
        Mandatory(new WireMap { { "image", Image(1) } }, c => c.StylizeAsync(Frame(), "a"));
        Mandatory(new WireMap { { "glb", new byte[1] }, { "size_m", 1 } }, c => c.ReliefAsync(Frame()));
        Mandatory(StatsAnswer(), c => c.StatsAsync());
        Mandatory(new WireMap { { "name", "a" }, { "state", "ready" }, { "bytes", 1 }, { "licence", "MIT" } }, c => c.LoadModelAsync("a"));
        Mandatory(Model("a"), c => c.ListModelsAsync(), "device");
        Mandatory(new WireMap { { "label", "a" }, { "score", 1 } }, c => c.ClassifyAsync(Frame()));
        Mandatory(new WireMap { { "text", "a" }, { "box", WireValue.Array(1) }, { "score", 1 } }, c => c.ReadTextAsync(Frame()));
        Mandatory(new WireMap { { "lang", "en" }, { "intent", "a" }, { "slots", WireValue.Array() } }, c => c.UnderstandAsync("a"));
        Mandatory(new WireMap { { "text", "a" }, { "score", 1 } }, c => c.CompleteAsync("a"));
        Mandatory(new WireMap { { "product", "a" }, { "score", 1 } }, c => c.RecommendAsync());
        Mandatory(new WireMap { { "rows", WireValue.Array() }, { "say", "a" } }, c => c.CompareAsync(new[] { "a" }));
        Mandatory(new WireMap { { "seq", 1 } }, c => c.ShopEventAsync(ShopEventKind.View, "a"));
    }

    [Test]
    public void BrokenPicturesAndNumbersAreFaultsOfTheServer()
    {
        WireMap bad = Image(1);
        foreach (WireMap image in new[]
        {
            new WireMap(), Without(bad, "d"), With(bad, "w", 2), With(bad, "w", -1), With(bad, "f", "bmp"), With(bad, "o", 1),
            With(bad, "d", "text"), With(bad, "w", 1L << 40),
        })
        {
            _calls.Answer = new WireMap { { "image", image } };
            Broken(() => _calls.StylizeAsync(Frame(), "a"));
        }
        _calls.Answer = new WireMap { { "mask", bad } };
        Assert.IsTrue(Broken(() => _calls.SegmentAsync(Frame())).Contains("mask"), "a mask has 1 byte a pixel");
        _calls.Answer = new WireMap { { "seq", WireValue.UInt(ulong.MaxValue) } };
        Broken(() => _calls.ShopEventAsync(ShopEventKind.View, "a"));
        _calls.Answer = new WireMap { { "image", Image(1) }, { "confidence", 1 }, { "reason", new WireMap { { "code", "x" } } } };
        Broken(() => _calls.TryOnAsync(Frame(), "a"));
        var many = new WireValue[WireCodec.MaxNodes + 1];
        for (int i = 0; i < many.Length; i++) { many[i] = ""; }
        _calls.Answer = With(StatsAnswer(), "providers", many);
        Assert.IsTrue(Broken(() => _calls.StatsAsync()).Contains("providers"), "more values than a message may hold");
    }

    [Test]
    public void ErrorsOfTheServerComeThrough()
    {
        _calls.Error = new VitrineException(VitrineCodes.NotFound, "Install the pack.", 5);
        AggregateException thrown = Assert.Throws<AggregateException>(() => _calls.SearchAsync("a").Wait());
        Assert.IsTrue(thrown.InnerException == _calls.Error, "the same exception");
        thrown = Assert.Throws<AggregateException>(() => _calls.GuideAsync("a").Wait());
        Assert.IsTrue(thrown.InnerException == _calls.Error, "of a stream too");
    }

    [Test]
    public void OpenFormsAreKept()
    {
        _calls.Answer = new WireMap { { "events", WireValue.Array(1, 2) } };
        Assert.AreEqual("{events: [1, 2]}", Shown.Of(_calls.ExportUserAsync().Result.Data));
        _calls.Answer = new WireMap { { "data", WireValue.Array(true, new byte[] { 1 }) } };
        using (EchoResult echo = _calls.EchoAsync(true).Result)
        {
            Assert.AreEqual("[true, <01>]", Shown.Of(echo.Data));
            Assert.IsFalse(echo.HasImage, "none was sent");
        }
    }

    /// <summary>Each key in turn is left out and given a wrong type; <paramref name="optional"/> may only be left out.</summary>
    private void Mandatory(WireMap answer, Func<IVitrineCalls, Task> call, string optional = null)
    {
        foreach (bool listed in new[] { false, true })
        {
            _calls.Answer = Listed(answer, listed);
            Task task = call(_calls);
            GC.KeepAlive(task.Exception);
            if (task.Status != TaskStatus.RanToCompletion) { continue; }
            foreach (KeyValuePair<string, WireValue> pair in answer)
            {
                if (pair.Key != optional)
                {
                    _calls.Answer = Listed(Without(answer, pair.Key), listed);
                    Broken(() => call(_calls));
                }
                _calls.Answer = Listed(With(answer, pair.Key, true), listed);
                string message = Broken(() => call(_calls));
                Assert.IsTrue(message.Contains(pair.Key), message + " names " + pair.Key);
            }
            return;
        }
        throw new AssertionException("the answer is not taken even when it is whole: " + Shown.Of(answer));
    }

    private static WireMap Listed(WireMap answer, bool listed)
    {
        return listed ? new WireMap { { "items", WireValue.Array(answer) } } : answer;
    }

    private string Broken(Func<Task> call)
    {
        Task task = call();
        if (!task.IsFaulted) { throw new AssertionException("the call did not fail: " + Shown.Of(_calls.Answer)); }
        var error = task.Exception.InnerException as VitrineException;
        Assert.IsTrue(error != null, "another exception: " + task.Exception.InnerException);
        Assert.AreEqual(VitrineCodes.Internal, error.Code);
        Assert.IsTrue(error.Message.Contains("same version"), error.Message);
        Assert.IsTrue(_calls.LastReply.Data.IsMissing, "the reply was given back");
        return error.Message;
    }

    private static WireMap StatsAnswer()
    {
        return new WireMap
        {
            { "version", "0.1" }, { "uptime_s", 12.5 }, { "providers", WireValue.Array("CPU") },
            { "workers", WireValue.Array(new WireMap
            {
                { "name", "frame" }, { "pid", 77 }, { "state", "busy" }, { "rss_bytes", 1024 }, { "restarts", 2 },
            }) },
            { "sessions", 1 }, { "queues", new WireMap { { "frame", 3 } } },
            { "models", WireValue.Array(new WireMap
            {
                { "name", "pose" }, { "state", "ready" }, { "provider", "CPU" }, { "precision", "fp32" }, { "bytes", 5 },
                { "p50_ms", 1.25 }, { "p95_ms", 2 }, { "runs", 6 },
            }) },
            { "counters", new WireMap
            {
                { "calls", 7 }, { "done", 3 }, { "fail", new WireMap { { "deadline", 4 } } }, { "frames_in", 90 },
                { "frames_out", 61 }, { "superseded", 29 },
            } },
        };
    }

    private static WireMap Model(string name)
    {
        return new WireMap { { "name", name }, { "state", "ready" }, { "device", "" }, { "bytes", 9 }, { "licence", "MIT" } };
    }

    private static WireMap Image(byte value)
    {
        return new WireMap
        {
            { "w", 1 }, { "h", 1 }, { "f", "rgb8" }, { "o", "bottom" }, { "d", new[] { value, value, value } },
        };
    }

    private static WireMap Without(WireMap map, string key)
    {
        var less = new WireMap();
        foreach (KeyValuePair<string, WireValue> pair in map)
        {
            if (pair.Key != key) { less.Add(pair.Key, pair.Value); }
        }
        return less;
    }

    private static WireMap With(WireMap map, string key, WireValue value)
    {
        WireMap other = Without(map, key);
        other.Add(key, value);
        return other;
    }

    private static ScenePlane Plane()
    {
        return new ScenePlane(new ScenePose(0, 0, 1, 0, 0, 0, 1), 1, 1);
    }

    private static ImageFrame Frame()
    {
        return new ImageFrame(1, 1, ImageFormat.R8, RowOrder.Top, new ArraySegment<byte>(new byte[1]));
    }
}
