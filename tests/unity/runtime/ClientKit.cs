using System;
using System.IO;
using System.Threading;
using NUnit.Framework;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>What the suites of the client share.</summary>
internal static class ClientKit
{
    /// <summary>Options for a folder where no server is.</summary>
    internal static VitrineOptions Nowhere(string folder)
    {
        return new VitrineOptions { RunFolder = folder, RetryFirstMs = 20, RetryLimitMs = 50 };
    }

    /// <summary>Runs frames until the client stands there.</summary>
    internal static void Reach(FakeUnity unity, VitrineClient client, ClientState state)
    {
        if (!unity.StepUntil(() => client.State == state))
        {
            throw new AssertionException("the client is " + client.State + ", not " + state + ": " + client.Problem);
        }
    }

    /// <summary>No component and no system of the player loop failed.</summary>
    internal static void NoFaults()
    {
        Assert.AreEqual("", FakeLog.Faults);
    }
}

/// <summary>A folder that is there until the test ends.</summary>
internal sealed class TestFolder : IDisposable
{
    internal TestFolder()
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), "vitrine-test-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(Path);
    }

    internal string Path { get; }

    public void Dispose()
    {
        Directory.Delete(Path, true);
    }
}

/// <summary>The machine's clock, moved on by hand.</summary>
internal sealed class MovedClock : IVitrineClock
{
    private readonly SystemClock _real = new SystemClock();
    private long _movedUs;

    /// <summary>It moves by hand only.</summary>
    internal bool Stands { get; set; }

    public long NowUs
    {
        get { return (Stands ? 0 : _real.NowUs) + Interlocked.Read(ref _movedUs); }
    }

    public bool Wait(WaitHandle until, int milliseconds)
    {
        return _real.Wait(until, milliseconds);
    }

    internal void Move(double seconds)
    {
        Interlocked.Add(ref _movedUs, (long)(seconds * 1e6));
    }
}
