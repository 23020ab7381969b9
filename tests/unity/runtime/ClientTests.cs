using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using UnityEngine.Fakes;
using UnityEngine.LowLevel;
using Vitrine;

/// <summary>The client of a scene: frames are run by hand, the socket and the server are real.</summary>
[TestFixture]
public sealed class ClientTests : IDisposable
{
    private readonly FakeUnity _unity = new FakeUnity();
    private readonly TestFolder _folder = new TestFolder();
    private readonly int _mainThread = Thread.CurrentThread.ManagedThreadId;
    private FakeServer _server;
    private VitrineClient _client;

    public void Dispose()
    {
        if (_client != null) { _client.Dispose(); }
        _unity.Dispose();
        if (_server != null) { _server.Dispose(); }
        _folder.Dispose();
    }

    [Test]
    public void AnAbsentServerIsAPlainStateThatDoesNotFlicker()
    {
        var seen = new List<ClientState>();
        _client = new VitrineClient(ClientKit.Nowhere(_folder.Path));
        _client.StateChanged += seen.Add;
        ClientKit.Reach(_unity, _client, ClientState.Absent);
        for (int i = 0; i < 100; i++)
        {
            _unity.Step();
            Thread.Sleep(2);
        }
        Assert.AreEqual("Absent", string.Join(",", seen));
        Assert.AreEqual("Vitrine is not running. Start it; everything goes on by itself.", _client.StateText);
        Assert.IsTrue(_client.Problem.Contains("vitrine serve"), _client.Problem);
        Task<EchoResult> call = _client.EchoAsync("x");
        Assert.IsTrue(call.IsFaulted, "at once");
        Assert.AreEqual(VitrineCodes.Unavailable, ((VitrineException)call.Exception.InnerException).Code);
        ClientKit.NoFaults();
    }

    [Test]
    public void ItRecoversWhenTheServerComesAndWhenItComesAgain()
    {
        var clock = new MovedClock();
        var seen = new List<ClientState>();
        var threads = new HashSet<int>();
        _server = new FakeServer();
        _server.Kill();
        VitrineOptions options = _server.Options();
        options.Clock = clock;
        _client = new VitrineClient(options);
        _client.StateChanged += seen.Add;
        _client.StateChanged += state => threads.Add(Thread.CurrentThread.ManagedThreadId);
        ClientKit.Reach(_unity, _client, ClientState.Absent);
        _server.Begin();
        ClientKit.Reach(_unity, _client, ClientState.Ready);
        Assert.IsTrue(_client.IsReady && _client.Problem == null, "ready");
        _server.Kill();
        ClientKit.Reach(_unity, _client, ClientState.Lost);
        _unity.Steps(20);
        Assert.AreEqual(ClientState.Lost, _client.State);
        clock.Move(6);
        ClientKit.Reach(_unity, _client, ClientState.Absent);
        _server.Begin();
        ClientKit.Reach(_unity, _client, ClientState.Ready);
        Assert.AreEqual("Absent,Ready,Lost,Absent,Ready", string.Join(",", seen));
        Assert.IsTrue(threads.Count == 1 && threads.Contains(_mainThread), "told on the main thread");
        ClientKit.NoFaults();
    }

    [Test]
    public void WhatAwaitsGoesOnOnTheMainThreadWithinTheBudget()
    {
        Connect();
        string stack = null;
        Task<int> awaited = AwaitEcho(s => stack = s);
        Assert.IsFalse(awaited.IsCompleted, "it takes a while");
        Finish(awaited);
        Assert.AreEqual(_mainThread, awaited.Result);
        Assert.IsTrue(stack.Contains("MainThreadQueue.Run"), stack);
        Assert.AreEqual(1L, _client.MainThread.Completed);
        ClientKit.NoFaults();
    }

    [Test]
    public void WhatAwaitsElsewhereStaysOffTheMainThread()
    {
        Connect();
        int after = 0;
        Task work = Task.Run(async delegate
        {
            using (await _client.EchoAsync("x")) { after = Thread.CurrentThread.ManagedThreadId; }
        });
        Finish(work);
        Assert.IsTrue(after != 0 && after != _mainThread, "thread " + after);
    }

    [Test]
    public void ErrorsAndCancellationAreCarriedOver()
    {
        Connect();
        Task<VitrineReply> failed = _client.DeliverAsync(_client.CallAsync("test.fail"));
        using (var source = new CancellationTokenSource())
        {
            Task<VitrineReply> held = _client.DeliverAsync(_client.CallAsync("test.hold", null, source.Token));
            Task<EchoResult> late = _client.EchoAsync("x", null, EchoWhere.Gateway, source.Token);
            source.Cancel();
            Assert.IsTrue(_unity.StepUntil(() => failed.IsCompleted && held.IsCompleted && late.IsCompleted), "all ended");
            Assert.AreEqual(VitrineCodes.Overloaded, ((VitrineException)failed.Exception.InnerException).Code);
            Assert.IsTrue(held.IsCanceled, "cancelled");
            Assert.AreEqual(source.Token, Assert.Throws<TaskCanceledException>(() => held.GetAwaiter().GetResult()).CancellationToken);
        }
        ClientKit.NoFaults();
    }

    [Test]
    public void ManyAnswersAreSpreadOverFrames()
    {
        var clock = new MovedClock { Stands = true };
        VitrineOptions options = ClientKit.Nowhere(_folder.Path);
        options.Clock = clock;
        _client = new VitrineClient(options);
        int done = 0;
        var counted = new List<Task>();
        var sources = new List<TaskCompletionSource<string>>();
        for (int i = 0; i < 10; i++)
        {
            var source = new TaskCompletionSource<string>();
            sources.Add(source);
            counted.Add(Count(_client.DeliverAsync(source.Task), () => { done++; clock.Move(0.0003); }));
        }
        Task.Run(() => sources.ForEach(s => s.SetResult("x"))).Wait();
        var frames = new List<int>();
        for (int before = 0; done < 10 && frames.Count < 20; before = done)
        {
            _unity.Step();
            frames.Add(done - before);
        }
        Assert.AreEqual("2,2,2,2,2", string.Join(",", frames)); // 0.3 ms each, 0.5 ms a frame
        Assert.IsTrue(counted.TrueForAll(task => task.Status == TaskStatus.RanToCompletion), "all of them");
        ClientKit.NoFaults();
    }

    [Test]
    public void AnswersThatAreThereAlreadyAreNotPutOff()
    {
        _client = new VitrineClient(ClientKit.Nowhere(_folder.Path));
        Task<string> ready = Task.FromResult("x");
        Assert.IsTrue(ReferenceEquals(ready, _client.DeliverAsync(ready)), "the very same");
    }

    [Test]
    public void NothingThrowsOutOfTheLoop()
    {
        _server = new FakeServer();
        _client = new VitrineClient(_server.Options());
        _client.StateChanged += state => { throw new InvalidDataException("a handler's"); };
        for (int i = 0; i < 5000 && !_client.IsReady; i++)
        {
            _client.Pump(); // not by the player loop, which would hide a fault
            Thread.Sleep(1);
        }
        _client.MainThread.TryPost(state => { throw new InvalidDataException("an item's"); }, null);
        _client.NoteReceived += (topic, data) => { throw new InvalidDataException("a note's " + topic); };
        Assert.IsTrue(_client.CallAsync("test.note").Wait(5000), "answered");
        for (int i = 0; i < 5000 && FakeLog.All.Length < 3; i++)
        {
            _client.Pump();
            Thread.Sleep(1);
        }
        Assert.IsTrue(FakeLog.Faults.Contains("a handler's"), FakeLog.Faults);
        Assert.IsTrue(FakeLog.Faults.Contains("an item's"), FakeLog.Faults);
        Assert.IsTrue(FakeLog.Faults.Contains("a note's model"), FakeLog.Faults);
        Task<int> awaited = AwaitEcho(s => { });
        Finish(awaited);
    }

    [Test]
    public void NotesComeOnTheMainThread()
    {
        Connect();
        string note = null;
        _client.NoteReceived += (topic, data) =>
            note = topic + " " + data["name"].AsString + " " + (Thread.CurrentThread.ManagedThreadId == _mainThread);
        _client.CallAsync("test.note");
        Assert.IsTrue(_unity.StepUntil(() => note != null), "a note");
        Assert.AreEqual("model pose-lite True", note);
    }

    [Test]
    public void ClosingIsQuickAndLeavesNobodyWaiting()
    {
        Connect();
        Task<int> awaited = AwaitHeld();
        _unity.Steps(5);
        Stopwatch watch = Stopwatch.StartNew();
        _client.Dispose();
        Assert.IsTrue(watch.ElapsedMilliseconds < 200, "it took " + watch.ElapsedMilliseconds + " ms");
        Assert.AreEqual(ClientState.Closed, _client.State);
        Assert.AreEqual("Vitrine is closed.", _client.StateText);
        Finish(awaited); // by Unity's own queue: the client's is closed
        Assert.AreEqual(_mainThread, awaited.Result);
        _client.Dispose();
        _client.Pump();
        Assert.IsTrue(_client.EchoAsync("x").IsFaulted, "closed");
        ClientKit.NoFaults();
    }

    [Test]
    public void TheLoopHoldsOneSystemWhileThereAreClients()
    {
        Assert.AreEqual(0, Systems());
        _client = new VitrineClient(ClientKit.Nowhere(_folder.Path));
        using (var second = new VitrineClient(ClientKit.Nowhere(_folder.Path)))
        {
            Assert.AreEqual(1, Systems());
            int ran = 0;
            _client.MainThread.TryPost(state => ran++, null);
            second.MainThread.TryPost(state => ran++, null);
            _unity.Step();
            Assert.AreEqual(2, ran);
        }
        Assert.AreEqual(1, Systems());
        PlayerLoop.SetPlayerLoop(PlayerLoop.GetDefaultPlayerLoop());
        using (new FakeUnity()) // Play begins without a reload, and with the engine's own loop
        {
            Assert.AreEqual(1, Systems());
            _client.Dispose();
            Assert.AreEqual(0, Systems());
        }
    }

    [Test]
    public void AClientMayBeClosedByWhatItRuns()
    {
        _client = new VitrineClient(ClientKit.Nowhere(_folder.Path));
        using (var second = new VitrineClient(ClientKit.Nowhere(_folder.Path)))
        {
            second.MainThread.TryPost(state => { _client.Dispose(); second.Dispose(); }, null);
            _unity.Steps(3);
            Assert.AreEqual(ClientState.Closed, second.State);
            Assert.AreEqual(0, Systems());
        }
        ClientKit.NoFaults();
    }

    [Test]
    public void TextsAreChineseWhereTheOptionsSaySo()
    {
        VitrineOptions options = ClientKit.Nowhere(_folder.Path);
        options.Lang = "zh";
        _client = new VitrineClient(options);
        ClientKit.Reach(_unity, _client, ClientState.Absent);
        Assert.AreEqual("Vitrine \u672a\u8fd0\u884c\u3002\u8bf7\u542f\u52a8\u5b83\uff0c\u4e4b\u540e\u4f1a\u81ea\u52a8\u6062\u590d\u3002", _client.StateText);
    }

    [Test]
    public void AnIdleFrameMakesNoGarbage()
    {
        Connect();
        for (int i = 0; i < 200; i++) { _client.Pump(); }
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) { _client.Pump(); }
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.AreEqual(0L, bytes);
    }

    private void Connect()
    {
        _server = new FakeServer();
        _client = new VitrineClient(_server.Options());
        ClientKit.Reach(_unity, _client, ClientState.Ready);
    }

    private void Finish(Task task)
    {
        Assert.IsTrue(_unity.StepUntil(() => task.IsCompleted), "it ends");
        task.GetAwaiter().GetResult();
    }

    private async Task<int> AwaitEcho(Action<string> seen)
    {
        using (EchoResult echo = await _client.EchoAsync("hello"))
        {
            seen(Environment.StackTrace);
            Assert.AreEqual("hello", echo.Data.AsString);
            return Thread.CurrentThread.ManagedThreadId;
        }
    }

    private async Task<int> AwaitHeld()
    {
        try
        {
            await _client.DeliverAsync(_client.CallAsync("test.hold"));
            throw new AssertionException("it was answered");
        }
        catch (VitrineException error)
        {
            Assert.AreEqual(VitrineCodes.Unavailable, error.Code);
            return Thread.CurrentThread.ManagedThreadId;
        }
    }

    private static async Task Count(Task<string> task, Action done)
    {
        await task;
        done();
    }

    private static int Systems()
    {
        int found = 0;
        foreach (PlayerLoopSystem phase in PlayerLoop.GetCurrentPlayerLoop().subSystemList)
        {
            foreach (PlayerLoopSystem system in phase.subSystemList ?? new PlayerLoopSystem[0])
            {
                if (system.type != null && system.type.Name == "VitrineUpdate") { found++; }
            }
        }
        return found;
    }
}
