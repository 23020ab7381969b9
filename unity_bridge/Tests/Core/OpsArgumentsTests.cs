using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>What each typed op sends: the op's name and its map, key by key.</summary>
[TestFixture]
public sealed class OpsArgumentsTests
{
    private const string Picture = "{w: 2, h: 1, f: rgb8, o: top, d: <000102030405>}";

    private readonly FakeCalls _calls = new FakeCalls();

    [Test]
    public void ServerAndModelOps()
    {
        Sends("server.echo", "{where: gateway, data: hi}", c => c.EchoAsync("hi"));
        Sends("server.echo", "{where: engine, image: " + Picture + "}", c => c.EchoAsync(image: Frame(), where: EchoWhere.Engine));
        Sends("server.stats", "{}", c => c.StatsAsync());
        Sends("model.list", "{}", c => c.ListModelsAsync());
        Sends("model.load", "{name: pose-full}", c => c.LoadModelAsync("pose-full"));
        Sends("model.unload", "{name: pose-full}", c => c.UnloadModelAsync("pose-full"));
    }

    [Test]
    public void TryOnOps()
    {
        Sends("tryon.still", "{image: " + Picture + ", layers: [{product: sample-glasses-1}]}",
            c => c.TryOnAsync(Frame(), "sample-glasses-1"));
        Sends("tryon.still",
            "{image: " + Picture + ", layers: [{product: sample-top-1, size: M, colour: red}, {image: " + Picture
            + ", kind: glasses}], want: {f: rgba8, o: bottom}}",
            c => c.TryOnAsync(Frame(), Two(), Want.Texture));
        Sends("tryon.still", "{image: " + Picture + ", layers: [], want: {f: png, o: top}}",
            c => c.TryOnAsync(Frame(), new TryOnLayer[0], new Want(ImageFormat.Png, RowOrder.Bottom)));
        Sends("tryon.fit", "{product: sample-top-1, body: {chest: 96.0, waist: 80.5}}",
            c => c.FitAsync("sample-top-1", new BodyMeasures { { "chest", 96 }, { "waist", 80.5 } }));
        Sends("tryon.fit", "{product: sample-top-1, images: [" + Picture + "], height_cm: 172.0}",
            c => c.FitAsync("sample-top-1", new[] { Frame() }, 172));
        Sends("tryon.views", "{images: [" + Picture + "], layers: [{product: a}]}",
            c => c.TryOnViewsAsync(new[] { Frame() }, new[] { new TryOnLayer("a") }));
        Sends("tryon.views", "{images: [" + Picture + "], layers: [{product: a}], yaws_deg: [-30.0, 30.0]}",
            c => c.TryOnViewsAsync(new[] { Frame() }, new[] { new TryOnLayer("a") }, new[] { -30.0, 30.0 }));
        Sends("tryon.stream", "{layers: [{product: sample-glasses-1}]}", c => c.OpenTryOnAsync("sample-glasses-1"));
        var options = new TryOnOptions { Output = TryOnOutput.Overlay, Mirror = true, Want = Want.Texture };
        Sends("tryon.stream", "{layers: [], output: overlay, mirror: true, want: {f: rgba8, o: bottom}}",
            c => c.OpenTryOnAsync(new TryOnLayer[0], options));
        Assert.AreEqual(1, _calls.StreamOptions.QueueParts, "frames: only the newest waits");
        Assert.IsTrue(_calls.StreamOptions.DropOldest, "frames: the newest wins");
    }

    [Test]
    public void PlaceAndRenderOps()
    {
        const string pose = "pos: [0.0, -1.5, 2.0], rot: [0.0, 0.0, 0.0, 1.0]";
        string room = "{image: " + Picture + ", product: sofa, camera: {fx: 500.0, fy: 500.0, cx: 320.0, cy: 240.0}, plane: {"
            + pose + ", size_m: [3.0, 2.0]}";
        var where = new ScenePose(0, -1.5, 2, 0, 0, 0, 1);
        var camera = new CameraIntrinsics(500, 500, 320, 240);
        var plane = new ScenePlane(where, 3, 2);
        Sends("place.item", room + "}", c => c.PlaceAsync(Frame(), "sofa", camera, plane));
        Sends("place.item", room + ", boxes: [{" + pose + ", size_m: [1.0, 0.5, 0.25]}]}",
            c => c.PlaceAsync(Frame(), "sofa", camera, plane, new[] { new SceneBox(where, 1, 0.5, 0.25) }));
        Sends("render.image", "{prompt: a red chair}", c => c.RenderImageAsync(new RenderRequest { Prompt = "a red chair" }));
        Sends("render.image", "{product: chair, steps: 4, seed: -7, w: 512, h: 384, style_of: sketch}",
            c => c.RenderImageAsync(new RenderRequest { Product = "chair", Steps = 4, Seed = -7, Width = 512, Height = 384, StyleOf = "sketch" }));
        Sends("render.cutout", "{image: " + Picture + "}", c => c.CutoutAsync(Frame()));
        Sends("render.stylize", "{image: " + Picture + ", style: mosaic}", c => c.StylizeAsync(Frame(), "mosaic"));
        Sends("render.stylize", "{image: " + Picture + ", style: " + Picture + ", strength: 0.5}",
            c => c.StylizeAsync(Frame(), Frame(), 0.5));
        Sends("render.views", "{product: chair, yaws_deg: [0.0, 90.0]}", c => c.RenderViewsAsync("chair", new[] { 0.0, 90.0 }));
        Sends("render.views", "{image: " + Picture + ", count: 8}", c => c.RenderViewsAsync(Frame(), 8));
        Sends("render.relief", "{image: " + Picture + "}", c => c.ReliefAsync(Frame()));
        Sends("render.relief", "{image: " + Picture + ", height_m: 0.02}", c => c.ReliefAsync(Frame(), 0.02));
    }

    [Test]
    public void VisionSpeechGestureAndUserOps()
    {
        Sends("vision.classify", "{image: " + Picture + "}", c => c.ClassifyAsync(Frame()));
        Sends("vision.classify", "{image: " + Picture + ", labels: [dress, shoe]}",
            c => c.ClassifyAsync(Frame(), new[] { "dress", "shoe" }));
        Sends("vision.segment", "{image: " + Picture + ", what: person}", c => c.SegmentAsync(Frame()));
        Sends("vision.segment", "{image: " + Picture + ", what: clothes}", c => c.SegmentAsync(Frame(), SegmentTarget.Clothes));
        Sends("vision.read", "{image: " + Picture + "}", c => c.ReadTextAsync(Frame()));
        Sends("speech.listen", "{}", c => c.ListenAsync());
        Sends("gesture.watch", "{}", c => c.WatchGesturesAsync());
        Assert.IsFalse(_calls.StreamOptions.DropOldest, "gestures are never dropped");
        Sends("user.export", "{}", c => c.ExportUserAsync());
        Sends("user.erase", "{}", c => c.EraseUserAsync());
    }

    [Test]
    public void ShopOps()
    {
        Sends("shop.understand", "{text: \u8bd5\u7a7f}", c => c.UnderstandAsync("\u8bd5\u7a7f"));
        Sends("shop.complete", "{prefix: }", c => c.CompleteAsync(""));
        Sends("shop.complete", "{prefix: re, k: 5}", c => c.CompleteAsync("re", 5));
        Sends("shop.search", "{text: red dress}", c => c.SearchAsync("red dress"));
        var filters = new WireMap { { "kind", "dress" }, { "price_max", 50 } };
        Sends("shop.search", "{text: red, image: " + Picture + ", filters: {kind: dress, price_max: 50}, k: 3}",
            c => c.SearchAsync(new ShopQuery { Text = "red", Image = Frame(), Filters = filters, Count = 3 }));
        Sends("shop.recommend", "{}", c => c.RecommendAsync());
        Sends("shop.recommend", "{k: 2, filters: {kind: dress, price_max: 50}}", c => c.RecommendAsync(2, filters));
        Sends("shop.compare", "{products: [a, b]}", c => c.CompareAsync(new[] { "a", "b" }));
        Sends("shop.event", "{kind: rate, product: a, value: 4.5}", c => c.ShopEventAsync(ShopEventKind.Rate, "a", 4.5));
        Sends("shop.event", "{kind: buy, product: a}", c => c.ShopEventAsync(ShopEventKind.Buy, "a"));
        Sends("shop.product", "{product: a}", c => c.ProductAsync("a"));
        Sends("shop.describe", "{product: a}", c => c.DescribeAsync("a"));
        Sends("shop.describe", "{product: a, tone: warm}", c => c.DescribeAsync("a", "warm"));
        Sends("shop.guide", "{text: hello}", c => c.GuideAsync("hello"));
        Sends("shop.guide", "{text: hello, reset: true}", c => c.GuideAsync("hello", true));
        Sends("shop.turn", "{text: this one, audio: <0100>, image: " + Picture + ", gesture: point, focus: a}",
            c => c.TurnAsync(new ShopTurn { Text = "this one", Audio = Bytes(1, 0), Image = Frame(), Gesture = "point", Focus = "a" }));
    }

    [Test]
    public void TheGoldenCallsAreMade()
    {
        WireMap still = Golden.Message("call still");
        ImageFrame png = ImageFrame.Encoded(ImageFormat.Png, new ArraySegment<byte>(Vectors.Bytes("89504e470d0a1a0a")));
        var worn = new[] { new TryOnLayer("sample-top-1", "M", "red") };
        Sends(still["op"].AsString, Shown.Of(still["a"].AsMap), c => c.TryOnAsync(png, worn, Want.Texture));
        WireMap understand = Golden.Message("call zh");
        string text = understand["a"].AsMap["text"].AsString;
        Sends(understand["op"].AsString, Shown.Of(new WireMap { { "text", text } }), c => c.UnderstandAsync(text));
    }

    [Test]
    public void EveryOpOfTheContractIsHere()
    {
        ServerAndModelOps();
        TryOnOps();
        PlaceAndRenderOps();
        VisionSpeechGestureAndUserOps();
        ShopOps();
        string all = string.Join(" ", new List<string>(_seen).ToArray());
        Assert.AreEqual(
            "gesture.watch model.list model.load model.unload place.item render.cutout render.image render.relief "
            + "render.stylize render.views server.echo server.stats shop.compare shop.complete shop.describe shop.event "
            + "shop.guide shop.product shop.recommend shop.search shop.turn shop.understand speech.listen tryon.fit "
            + "tryon.still tryon.stream tryon.views user.erase user.export vision.classify vision.read vision.segment",
            all, "the ops of the contract");
    }

    [Test]
    public void WhatWouldBeRefusedIsNotSent()
    {
        var layers = new[] { new TryOnLayer("a") };
        Refused(() => _calls.TryOnAsync(default(ImageFrame), "a"));
        Refused(() => _calls.TryOnAsync(Frame(), ""));
        Refused(() => _calls.TryOnAsync(Frame(), (IReadOnlyList<TryOnLayer>)null));
        Refused(() => _calls.TryOnAsync(Frame(), new TryOnLayer[] { null }));
        Refused(() => new TryOnLayer((string)null));
        Refused(() => new TryOnLayer(default(ImageFrame), "glasses"));
        Refused(() => new TryOnLayer(Frame(), ""));
        Refused(() => _calls.OpenTryOnAsync((string)null));
        Refused(() => _calls.OpenTryOnAsync(layers, new TryOnOptions { Output = (TryOnOutput)2 }));
        Refused(() => _calls.FitAsync("a", new BodyMeasures()));
        Refused(() => new BodyMeasures { { "chest", 0 } });
        Refused(() => new BodyMeasures { { "chest", 1 }, { "chest", 2 } });
        Refused(() => _calls.FitAsync("a", new ImageFrame[0], 170));
        Refused(() => _calls.FitAsync("a", new[] { Frame() }, double.NaN));
        Refused(() => _calls.TryOnViewsAsync(new[] { Frame() }, layers, new[] { double.PositiveInfinity }));
        Refused(() => new CameraIntrinsics(0, 1, 1, 1));
        Refused(() => CameraIntrinsics.FromFieldOfView(180, 640, 480));
        Refused(() => new ScenePose(0, 0, 0, 0, 0, 0, 0));
        Refused(() => new ScenePlane(default(ScenePose), 1, 1));
        Refused(() => new ScenePlane(new ScenePose(0, 0, 0, 0, 0, 0, 1), -1, 1));
        Refused(() => _calls.RenderImageAsync(new RenderRequest()));
        Refused(() => _calls.RenderImageAsync(new RenderRequest { Prompt = "a", Product = "b" }));
        Refused(() => _calls.RenderImageAsync(new RenderRequest { Prompt = "a", Steps = 0 }));
        Refused(() => _calls.RenderViewsAsync("a", 0));
        Refused(() => _calls.RenderViewsAsync(default(NameOrImage), 4));
        Refused(() => _calls.StylizeAsync(Frame(), "", 1));
        Refused(() => _calls.StylizeAsync(Frame(), "a", double.NaN));
        Refused(() => _calls.ReliefAsync(Frame(), 0));
        Refused(() => _calls.ClassifyAsync(Frame(), new string[0]));
        Refused(() => _calls.SegmentAsync(Frame(), (SegmentTarget)9));
        Refused(() => _calls.LoadModelAsync(""));
        Refused(() => _calls.UnderstandAsync(null));
        Refused(() => _calls.CompleteAsync("a", 0));
        Refused(() => _calls.SearchAsync(""));
        Refused(() => _calls.SearchAsync((ShopQuery)null));
        Refused(() => _calls.CompareAsync(new string[0]));
        Refused(() => _calls.ShopEventAsync(ShopEventKind.Rate, "a", double.NaN));
        Refused(() => _calls.TurnAsync(new ShopTurn()));
        Refused(() => _calls.TurnAsync(new ShopTurn { Audio = Bytes(1, 2, 3) }));
        Refused(() => _calls.GuideAsync(""));
        Refused(() => ((IVitrineCalls)null).StatsAsync());
        Refused(() => ((IVitrineCalls)null).ListenAsync());
        Refused(() => new Want((ImageFormat)7));
        Assert.IsTrue(_calls.Op == null, "nothing was sent");
    }

    [Test]
    public void TheTokenGoesAlongAndEndsTheCall()
    {
        using (var source = new CancellationTokenSource())
        {
            _calls.StatsAsync(source.Token);
            Assert.IsTrue(_calls.Token == source.Token, "unary");
            _calls.GuideAsync("hello", source.Token);
            Assert.IsTrue(_calls.Token == source.Token, "stream");
            _calls.OpenTryOnAsync("a", source.Token);
            Assert.IsTrue(_calls.Token == source.Token, "stream with input");
            source.Cancel();
            Task cancelled = _calls.TryOnAsync(Frame(), "a", source.Token);
            Assert.IsTrue(cancelled.IsCanceled, "cancelled, not failed");
        }
    }

    [Test]
    public void OptionsAreAddedToTypedOps()
    {
        var options = new CallOptions { BudgetMs = 50, Priority = "voice", Key = "k" };
        IVitrineCalls hurried = _calls.With(options);
        hurried.StatsAsync();
        Assert.IsTrue(_calls.Options == options, "unary");
        hurried.OpenTryOnAsync("a");
        Assert.IsTrue(_calls.Options == options, "stream");
        Assert.AreEqual(1, _calls.StreamOptions.QueueParts, "the stream's own options stay");
        var own = new CallOptions();
        hurried.CallAsync("server.stats", null, default(CancellationToken), own);
        Assert.IsTrue(_calls.Options == own, "those of the call itself win");
        Assert.AreEqual(2, _calls.Delivered, "results go the client's way");
    }

    [Test]
    public void AFieldOfViewBecomesFocalLengths()
    {
        WireMap map = CameraIntrinsics.FromFieldOfView(90, 640, 480).ToMap();
        Assert.AreEqual("{fx: 240.0, fy: 240.0, cx: 320.0, cy: 240.0}", Shown.Of(map));
    }

    private readonly SortedSet<string> _seen = new SortedSet<string>(StringComparer.Ordinal);

    private void Sends(string op, string arguments, Func<IVitrineCalls, Task> call)
    {
        int before = _calls.Delivered;
        // The answer is empty, so that most of these fail after they were sent; results are tested elsewhere.
        Task task = call(_calls);
        GC.KeepAlive(task.Exception);
        Assert.AreEqual(op, _calls.Op);
        Assert.AreEqual(arguments, _calls.Sent, op);
        Assert.AreEqual(before + 1, _calls.Delivered, op + " hands its result on");
        _seen.Add(op);
    }

    private static void Refused(Action call)
    {
        Assert.Throws<ArgumentException>(call);
    }

    private static TryOnLayer[] Two()
    {
        return new[] { new TryOnLayer("sample-top-1", "M", "red"), new TryOnLayer(Frame(), "glasses") };
    }

    private static ImageFrame Frame()
    {
        return new ImageFrame(2, 1, ImageFormat.Rgb8, RowOrder.Top, Bytes(0, 1, 2, 3, 4, 5));
    }

    private static ArraySegment<byte> Bytes(params byte[] bytes)
    {
        return new ArraySegment<byte>(bytes);
    }
}
