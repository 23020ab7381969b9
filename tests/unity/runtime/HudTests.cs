using System;
using System.Threading.Tasks;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using UnityEngine.UI;
using Vitrine;

/// <summary>What the display in the scene says, and what it costs.</summary>
[TestFixture]
public sealed class HudTests : IDisposable
{
    private readonly FakeUnity _unity = new FakeUnity();
    private readonly TestFolder _folder = new TestFolder();
    private VitrineClient _client;
    private LatencyHud _hud;

    public void Dispose()
    {
        if (_client != null) { _client.Dispose(); }
        _unity.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void AnAbsentSidecarIsSaidPlainly()
    {
        Place(ClientKit.Nowhere(_folder.Path));
        ClientKit.Reach(_unity, _client, ClientState.Absent);
        _unity.Steps(30);
        Assert.IsTrue(Shown().StartsWith("Vitrine is not running. Start it", StringComparison.Ordinal), Shown());
        Assert.IsFalse(Shown().Contains("answers a second"), Shown());
        Assert.AreEqual(_hud.Text, Shown());
        ClientKit.NoFaults();
    }

    [Test]
    public void AgesMissesQueueAndProviderAreShown()
    {
        using (var server = new HudServer())
        {
            FakeXr.Begin(90);
            Place(new VitrineOptions { RunFolder = server.RunFolder, RetryFirstMs = 20 });
            ClientKit.Reach(_unity, _client, ClientState.Ready);
            for (int i = 0; i < 10; i++) { _client.Latency.Add(20); }
            _client.Latency.SetPending(2);
            _client.Latency.AddMissed(4);
            Assert.IsTrue(_unity.StepUntil(() => Shown().Contains("runs on"), 10, 1 / 90.0), Shown());
            _unity.Step(5 / 90.0);
            _unity.Steps(90, 1 / 90.0);
            Assert.IsTrue(Shown().StartsWith("Vitrine is ready.\n5.0 answers a second\n", StringComparison.Ordinal), Shown());
            Assert.IsTrue(Shown().Contains("age 20.0 ms, p95 20.0 ms (1.8 / 1.8 frames)"), Shown());
            Assert.IsTrue(Shown().Contains("queue 2, unanswered 4"), Shown());
            Assert.IsTrue(Shown().Contains("runs on DirectML"), Shown()); // that of the busiest model
            Assert.IsTrue(Shown().Contains("frames missed by the game 4 at 90 Hz"), Shown());
            ClientKit.NoFaults();
        }
    }

    [Test]
    public void TheServerIsAskedEveryTwoSeconds()
    {
        using (var server = new HudServer())
        {
            Place(new VitrineOptions { RunFolder = server.RunFolder, RetryFirstMs = 20 });
            ClientKit.Reach(_unity, _client, ClientState.Ready);
            double began = _unity.Now;
            _unity.StepUntil(() => _unity.Now - began > 7.9);
            long asked = Count("stats");
            Assert.IsTrue(asked >= 3 && asked <= 4, "asked " + asked + " times in 8 s");
        }
    }

    [Test]
    public void TheTextChangesFourTimesASecondAtMost()
    {
        using (var server = new HudServer())
        {
            Place(new VitrineOptions { RunFolder = server.RunFolder, RetryFirstMs = 20 });
            ClientKit.Reach(_unity, _client, ClientState.Ready);
            string before = Shown();
            int changes = 0;
            for (int i = 0; i < 720; i++)
            {
                _client.Latency.Add(10 + i); // each frame would have something new to say
                _unity.Step(1 / 72.0);
                changes += Shown() == before ? 0 : 1;
                before = Shown();
            }
            Assert.IsTrue(changes >= 30 && changes <= 41, changes + " changes in 10 s");
        }
    }

    [Test]
    public void ItStandsInTheWorldAndGoesWithItsObject()
    {
        int before = FakeScene.Count;
        Place(ClientKit.Nowhere(_folder.Path));
        Canvas canvas = _hud.GetComponentInChildren<Canvas>();
        Assert.AreEqual(RenderMode.WorldSpace, canvas.renderMode);
        Rect rect = canvas.GetComponent<RectTransform>().rect;
        float width = rect.width * canvas.transform.lossyScale.x;
        Assert.IsTrue(Mathf.Abs(width - 0.46f) < 0.001f, "as wide as it should be: " + width);
        Assert.IsTrue(canvas.GetComponentInChildren<Text>().rectTransform.rect.size == rect.size, "the text fills it");
        _hud.enabled = false;
        Assert.IsFalse(canvas.gameObject.activeSelf, "hidden");
        _hud.enabled = true;
        Assert.IsTrue(canvas.gameObject.activeSelf, "shown");
        Assert.AreEqual(before + 4, FakeScene.Count);
        UnityEngine.Object.Destroy(_hud);
        _unity.Steps(2);
        Assert.AreEqual(before + 1, FakeScene.Count);
        ClientKit.NoFaults();
    }

    [Test]
    public void AFrameWithNothingNewMakesNoGarbage()
    {
        Place(ClientKit.Nowhere(_folder.Path));
        ClientKit.Reach(_unity, _client, ClientState.Absent);
        for (int i = 0; i < 200; i++) { _unity.Step(1 / 60.0); }
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 600; i++) { _unity.Step(1 / 60.0); }
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.AreEqual(0L, bytes);
    }

    private void Place(VitrineOptions options)
    {
        _client = new VitrineClient(options);
        _hud = new GameObject("hud").AddComponent<LatencyHud>();
        _hud.Client = _client;
    }

    private string Shown()
    {
        return _hud.GetComponentInChildren<Text>().text;
    }

    private long Count(string name)
    {
        Task<VitrineReply> asked = _client.CallAsync("test.counts");
        asked.Wait(5000);
        using (VitrineReply reply = asked.Result) { return reply.Data[name].AsInt(); }
    }
}
