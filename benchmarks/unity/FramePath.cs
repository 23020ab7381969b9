using System;
using System.Text;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>
/// What a frame costs: first a bare socket at the same rate, then the mirror, then the mirror with garbage made on purpose,
/// which the meters must see.
/// </summary>
internal sealed class PathRun
{
    private const double FirstS = 60;
    private const int Rounds = 5;
    private const int AfterCollection = 20;
    private const int ControlFrames = 60;
    private const int Garbage = 4096; // small enough for the nursery

    private readonly BenchPlan _plan;
    private readonly MirrorBench _bench;

    internal PathRun(BenchPlan plan, MirrorBench bench)
    {
        _plan = plan;
        _bench = bench;
    }

    internal string Run()
    {
        var json = new StringBuilder("{\"baseline\": ");
        Baseline(json);
        _bench.Open();
        _bench.StepUntilShown(_plan.WarmUp, FirstS);
        json.Append(", \"mirror\": ");
        Measure(json);
        json.Append(", \"control\": ");
        Control(json);
        return json.Append(", \"cpu_is_exact\": ").Append(ThreadCpu.IsExact ? "true" : "false").Append('}').ToString();
    }

    private void Baseline(StringBuilder json)
    {
        using (var bare = new BareSocket(_plan.FloorPort, _plan.FloorPath))
        {
            for (int i = 0; i < _plan.WarmUp; i++) { Kick(bare); }
            var meter = new GarbageMeter(() => bare.Allocated);
            GC.Collect();
            _bench.Restart();
            meter.Begin();
            for (int i = 0; i < _plan.Frames; i++)
            {
                Kick(bare);
                if ((i + 1) % (_plan.Frames / Rounds) == 0) { meter.EndRound(); }
            }
            meter.Write(json.Append('{'));
            json.Append('}');
        }
    }

    private void Kick(BareSocket bare)
    {
        _bench.WaitForFrame();
        bare.Kick();
    }

    private void Measure(StringBuilder json)
    {
        var step = new Numbers(_plan.Frames);
        var card = new Numbers(_plan.Frames);
        var fresh = new Numbers(_plan.Frames);
        var ages = new Numbers(_plan.Frames);
        var meter = new GarbageMeter(_bench.Clock.OfOthers);
        GC.Collect();
        _bench.StepUntilShown(_bench.Shown + AfterCollection, FirstS);
        long live = 0, shown = _bench.Shown, last = shown;
        _bench.Restart();
        meter.Begin();
        for (int i = 0; i < _plan.Frames; i++)
        {
            _bench.WaitForFrame();
            double busy = FakeGpu.BusySeconds, start = ThreadCpu.NowMs;
            _bench.Step();
            step.Add(ThreadCpu.NowMs - start);
            card.Add((FakeGpu.BusySeconds - busy) * 1e3);
            live += _bench.Mirror.Status == MirrorStatus.Live ? 1 : 0;
            fresh.Add(_bench.Shown == last ? 0 : 1);
            if (_bench.Shown != last) { ages.Add(_bench.Mirror.LatencyMs); }
            last = _bench.Shown;
            if ((i + 1) % (_plan.Frames / Rounds) == 0) { meter.EndRound(); }
        }
        meter.Write(json.Append('{'));
        json.Append(", \"frames\": ").Append(_plan.Frames).Append(", \"shown\": ").Append(_bench.Shown - shown);
        json.Append(", \"live\": ").Append(live);
        Json.Series(json.Append(", "), "step_ms", step);
        Json.Series(json.Append(", "), "card_ms", card);
        Json.Series(json.Append(", "), "fresh", fresh);
        Json.Series(json.Append(", "), "age_ms", ages);
        json.Append('}');
    }

    private void Control(StringBuilder json)
    {
        var meter = new GarbageMeter(_bench.Clock.OfOthers);
        _bench.Restart();
        meter.Begin();
        _bench.Clock.Garbage = Garbage;
        for (int i = 0; i < ControlFrames; i++)
        {
            _bench.WaitForFrame();
            GC.KeepAlive(new byte[Garbage]);
            _bench.Step();
        }
        _bench.Clock.Garbage = 0;
        meter.EndRound();
        meter.Write(json.Append('{'));
        json.Append(", \"made\": ").Append(Garbage * ControlFrames).Append('}');
    }
}

/// <summary>What was allocated in each round: by this thread, by those that tell of themselves, and by all, coarsely.</summary>
internal sealed class GarbageMeter
{
    private readonly Func<long> _others;
    private readonly Numbers _mainBytes = new Numbers(64);
    private readonly Numbers _otherBytes = new Numbers(64);
    private readonly Numbers _collections = new Numbers(64);
    private long _main;
    private long _other;
    private int _collected;

    internal GarbageMeter(Func<long> others)
    {
        _others = others;
    }

    private static int Collections
    {
        get { return GC.CollectionCount(0) + GC.CollectionCount(1); }
    }

    internal void Begin()
    {
        _other = _others();
        _collected = Collections;
        _main = GC.GetAllocatedBytesForCurrentThread();
    }

    internal void EndRound()
    {
        _mainBytes.Add(GC.GetAllocatedBytesForCurrentThread() - _main);
        _otherBytes.Add(_others() - _other);
        _collections.Add(Collections - _collected);
        Begin();
    }

    internal void Write(StringBuilder json)
    {
        Json.Series(json, "main_bytes", _mainBytes);
        Json.Series(json.Append(", "), "other_bytes", _otherBytes);
        Json.Series(json.Append(", "), "collections", _collections);
    }
}
