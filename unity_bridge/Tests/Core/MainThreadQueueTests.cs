using System;
using System.Collections.Generic;
using System.Threading;
using NUnit.Framework;
using Vitrine;

/// <summary>The budget of the main thread, with a clock that the work itself moves.</summary>
[TestFixture]
public sealed class MainThreadQueueTests
{
    private readonly HandClock _clock = new HandClock();
    private readonly List<int> _ran = new List<int>();

    [Test]
    public void AFrameRunsWhatItsBudgetHolds()
    {
        MainThreadQueue queue = Filled(5, 200);
        Assert.AreEqual(3, queue.Run(500)); // 200, 400, 600: used up
        Assert.AreEqual(2, queue.Waiting);
        Assert.AreEqual(600L, queue.LastRunUs);
        Assert.AreEqual(2, queue.Run(500));
        Assert.AreEqual("0,1,2,3,4", string.Join(",", _ran));
        Assert.AreEqual(5L, queue.Completed);
        Assert.AreEqual(600L, queue.LongestRunUs);
        Assert.AreEqual(200L, queue.LongestItemUs);
        Assert.AreEqual(0, queue.Run(500));
        Assert.AreEqual(0L, queue.LastRunUs);
    }

    [Test]
    public void AtLeastOneItemRunsHoweverSmallTheBudget()
    {
        MainThreadQueue queue = Filled(3, 9000);
        for (int i = 1; i <= 3; i++)
        {
            Assert.AreEqual(1, queue.Run(0));
            Assert.AreEqual(i, _ran.Count);
        }
    }

    [Test]
    public void WhatIsLeftMeanwhileWaitsForTheNextFrame()
    {
        var queue = new MainThreadQueue(_clock);
        Action<object> again = null;
        again = state =>
        {
            _ran.Add(_ran.Count);
            queue.TryPost(again, null);
        };
        queue.TryPost(again, null);
        Assert.AreEqual(1, queue.Run(1000)); // the clock stands: only the count ends it
        Assert.AreEqual(1, queue.Run(1000));
        Assert.AreEqual(1, queue.Waiting);
    }

    [Test]
    public void AFullQueueRefusesAndAFrozenApplicationComesBackInBudgets()
    {
        var queue = new MainThreadQueue(_clock, 100);
        for (int i = 0; i < 5000; i++) { queue.TryPost(Take(i, 100), null); }
        Assert.AreEqual(100, queue.Waiting);
        Assert.AreEqual(4900L, queue.Refused);
        int frames = 0;
        while (queue.Waiting > 0)
        {
            queue.Run(500);
            Assert.IsTrue(queue.LastRunUs <= 500, "frame " + frames + " took " + queue.LastRunUs);
            frames++;
        }
        Assert.AreEqual(20, frames);
        for (int i = 0; i < 100; i++) { Assert.AreEqual(i, _ran[i]); }
    }

    [Test]
    public void AFaultIsHandedOnAndTheRestRuns()
    {
        var faults = new List<string>();
        var queue = new MainThreadQueue(_clock) { Faulted = error => faults.Add(error.Message) };
        queue.TryPost(state => { throw new InvalidOperationException("mine"); }, null);
        queue.TryPost(Take(7, 0), null);
        Assert.AreEqual(2, queue.Run(500));
        Assert.AreEqual("mine", string.Join(",", faults));
        Assert.AreEqual(1, _ran.Count);
        queue.Faulted = null;
        queue.TryPost(state => { throw new InvalidOperationException("nobody looks"); }, null);
        Assert.AreEqual(1, queue.Run(500));
    }

    [Test]
    public void ARunWithinARunDoesNothing()
    {
        var queue = new MainThreadQueue(_clock);
        int inner = -1;
        queue.TryPost(state => inner = queue.Run(500), null);
        queue.TryPost(Take(1, 0), null);
        Assert.AreEqual(2, queue.Run(500));
        Assert.AreEqual(0, inner);
    }

    [Test]
    public void ClosingRunsWhatWaitsElsewhereAndTakesNoMore()
    {
        MainThreadQueue queue = Filled(3, 0);
        using (var done = new ManualResetEvent(false))
        {
            int thread = 0;
            queue.TryPost(state => { thread = Thread.CurrentThread.ManagedThreadId; done.Set(); }, null);
            queue.Close();
            queue.Close();
            Assert.IsTrue(done.WaitOne(5000), "what waited ran");
            Assert.AreEqual(3, _ran.Count);
            Assert.IsTrue(thread != Thread.CurrentThread.ManagedThreadId, "on another thread");
            Assert.IsFalse(queue.TryPost(Take(9, 0), null), "closed");
            Assert.AreEqual(0L, queue.Refused);
        }
    }

    [Test]
    public void ManyProducersLoseNothing()
    {
        const int Each = 2000;
        var queue = new MainThreadQueue(new SystemClock(), 4 * Each);
        var last = new int[4];
        int disorder = 0, ran = 0;
        Action<object> take = state =>
        {
            var item = (KeyValuePair<int, int>)state;
            disorder += item.Value == last[item.Key] + 1 ? 0 : 1;
            last[item.Key] = item.Value;
            ran++;
        };
        var threads = new Thread[4];
        for (int t = 0; t < threads.Length; t++)
        {
            int id = t;
            threads[t] = new Thread(() =>
            {
                for (int i = 1; i <= Each; i++) { queue.TryPost(take, new KeyValuePair<int, int>(id, i)); }
            });
            threads[t].Start();
        }
        DateTime limit = DateTime.UtcNow.AddSeconds(10);
        while (ran < 4 * Each && DateTime.UtcNow < limit) { queue.Run(500); }
        foreach (Thread thread in threads) { thread.Join(); }
        Assert.AreEqual(4 * Each, ran);
        Assert.AreEqual(0, disorder);
    }

    private MainThreadQueue Filled(int items, long eachUs)
    {
        var queue = new MainThreadQueue(_clock);
        for (int i = 0; i < items; i++) { Assert.IsTrue(queue.TryPost(Take(i, eachUs), null), "taken"); }
        return queue;
    }

    private Action<object> Take(int number, long us)
    {
        return state =>
        {
            _ran.Add(number);
            _clock.NowUs += us;
        };
    }

    private sealed class HandClock : IVitrineClock
    {
        public long NowUs { get; set; } = 1000000;

        public bool Wait(WaitHandle until, int milliseconds)
        {
            return until.WaitOne(milliseconds);
        }
    }
}
