using System;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>
/// A mirror at work against a running sidecar, on the project's fakes of the engine.
/// FrameBench.exe path CAMERA.rgba WIDTH HEIGHT --floor PORT PATH [--frames 1500] [--rate 90] [--product sample-glasses-1]
///   What a frame costs the main thread, and what it allocates, beside a bare socket.
/// FrameBench.exe run CAMERA.rgba WIDTH HEIGHT [--frames 10000] [--limit-s 600] ...
///   Until so many answers were shown, whatever becomes of the sidecar. Says "shown N" now and then.
/// The last line is one JSON object.
/// </summary>
internal static class FrameBench
{
    private static int Main(string[] arguments)
    {
        var plan = new BenchPlan(arguments);
        var faults = new FaultCounter();
        string result;
        using (var bench = new MirrorBench(plan))
        {
            result = plan.IsPath ? new PathRun(plan, bench).Run() : new LongRun(plan, bench).Run();
        }
        Console.WriteLine(result.TrimEnd('}') + ", " + faults.ToJson() + "}");
        return 0;
    }
}

/// <summary>What was asked for.</summary>
internal sealed class BenchPlan
{
    internal BenchPlan(string[] arguments)
    {
        IsPath = arguments[0] == "path";
        Camera = arguments[1];
        Width = Int(arguments[2]);
        Height = Int(arguments[3]);
        for (int i = 4; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--floor":
                    FloorPort = Int(arguments[++i]);
                    FloorPath = arguments[++i];
                    break;
                case "--frames": Frames = Int(arguments[++i]); break;
                case "--warm-up": WarmUp = Int(arguments[++i]); break;
                case "--rate": RateHz = double.Parse(arguments[++i], CultureInfo.InvariantCulture); break;
                case "--product": Product = arguments[++i]; break;
                case "--limit-s": LimitS = Int(arguments[++i]); break;
                default: throw new ArgumentException("unknown argument " + arguments[i]);
            }
        }
    }

    internal bool IsPath { get; }

    internal string Camera { get; }

    internal int Width { get; }

    internal int Height { get; }

    internal int FloorPort { get; }

    internal string FloorPath { get; }

    internal int Frames { get; } = 1500;

    internal int WarmUp { get; } = 300;

    internal double RateHz { get; } = 90;

    internal string Product { get; } = "sample-glasses-1";

    internal int LimitS { get; } = 600;

    private static int Int(string text)
    {
        return int.Parse(text, CultureInfo.InvariantCulture);
    }
}

/// <summary>The scene: a camera, a mirror, a client, and frames at the headset's rate.</summary>
internal sealed class MirrorBench : IDisposable
{
    private readonly double _frameS;
    private readonly FakeUnity _unity = new FakeUnity();
    private double _nextS;

    internal MirrorBench(BenchPlan plan)
    {
        _frameS = 1 / plan.RateHz;
        VitrineSettings.Current.StartSidecar = false;
        FakeWebCam.SetFile(plan.Camera, plan.Width, plan.Height);
        Plan = plan;
    }

    internal static double NowS
    {
        get { return Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency; }
    }

    internal BenchPlan Plan { get; }

    internal ProbeClock Clock { get; } = new ProbeClock();

    internal VitrineClient Client { get; private set; }

    internal TryOnMirror Mirror { get; private set; }

    /// <summary>Answers shown so far.</summary>
    internal long Shown { get; private set; }

    internal void Open()
    {
        Client = new VitrineClient(new VitrineOptions { ClientName = "frame-bench", Clock = Clock });
        var item = new GameObject("Mirror");
        item.SetActive(false);
        Mirror = item.AddComponent<TryOnMirror>();
        Mirror.Target = item.AddComponent<UnityEngine.UI.RawImage>();
        Mirror.Client = Client;
        Mirror.Width = Plan.Width;
        Mirror.Height = Plan.Height;
        Mirror.FramesPerSecond = 0;
        Mirror.Product = Plan.Product;
        Mirror.FrameShown += OnShown;
        item.SetActive(true);
        Restart();
    }

    /// <summary>Time counts from now: no frame is owed.</summary>
    internal void Restart()
    {
        _nextS = NowS;
    }

    /// <summary>Waits until the next frame is due. A frame that is late makes the next ones late: none is made up for.</summary>
    internal void WaitForFrame()
    {
        double now = NowS, left = _nextS - now;
        if (left > 0) { Thread.Sleep((int)(left * 1000)); }
        while (NowS < _nextS) { Thread.SpinWait(20); }
        _nextS = Math.Max(_nextS, now) + _frameS;
    }

    internal void Step()
    {
        _unity.Step(_frameS);
    }

    internal void StepUntilShown(long shown, double limitS)
    {
        double end = NowS + limitS;
        while (Shown < shown)
        {
            if (NowS > end)
            {
                throw new TimeoutException("no try-on within " + limitS + " s: " + Mirror.Status + ", " + Client.Problem);
            }
            WaitForFrame();
            Step();
        }
    }

    private void OnShown(TryOnMirror mirror)
    {
        Shown++;
    }

    public void Dispose()
    {
        if (Mirror != null) { UnityEngine.Object.Destroy(Mirror.gameObject); }
        _unity.Step(_frameS);
        if (Client != null) { Client.Dispose(); }
        _unity.Dispose();
    }
}
