using System;
using System.Globalization;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>Many frames; the sidecar comes and goes.</summary>
internal sealed class LongRun
{
    private const int SayEvery = 25;
    private const double MemoryEveryS = 4;

    private readonly BenchPlan _plan;
    private readonly MirrorBench _bench;
    private readonly Numbers _shownS;
    private readonly Numbers _memoryS = new Numbers(100000);
    private readonly Numbers _memoryBytes = new Numbers(100000);
    private readonly Numbers _statusS = new Numbers(100000);
    private double _nextMemoryS;
    private MirrorStatus _status;
    private string _states = "";

    internal LongRun(BenchPlan plan, MirrorBench bench)
    {
        _plan = plan;
        _bench = bench;
        _shownS = new Numbers(plan.Frames + 1000);
    }

    internal string Run()
    {
        _bench.Open();
        double end = MirrorBench.NowS + _plan.LimitS;
        long said = 0, steps = 0;
        long before = 0, startBytes = 0;
        while (_bench.Shown < _plan.Frames && MirrorBench.NowS < end)
        {
            _bench.WaitForFrame();
            _bench.Step();
            steps++;
            Note();
            long shown = _bench.Shown;
            if (shown != before) { _shownS.Add(MirrorBench.NowS); }
            before = shown;
            if (shown >= _plan.WarmUp && startBytes == 0) { startBytes = GC.GetTotalMemory(true); }
            if (shown - said >= SayEvery)
            {
                said = shown - shown % SayEvery;
                Console.WriteLine("shown " + said);
            }
        }
        return Report(steps, startBytes, GC.GetTotalMemory(true));
    }

    private void Note()
    {
        double now = MirrorBench.NowS;
        if (_bench.Mirror.Status != _status)
        {
            _status = _bench.Mirror.Status;
            _statusS.Add(now);
            _states += (_states.Length > 0 ? ", \"" : "\"") + _status + "\"";
        }
        if (now >= _nextMemoryS)
        {
            _nextMemoryS = now + MemoryEveryS;
            GC.Collect(); // frames make no garbage, so what a lost connection left would lie there for long
            _memoryS.Add(now);
            _memoryBytes.Add(GC.GetTotalMemory(false));
        }
    }

    private string Report(long steps, long startBytes, long endBytes)
    {
        MirrorCounters counters = _bench.Mirror.Counters;
        var json = new StringBuilder();
        json.AppendFormat(
            CultureInfo.InvariantCulture,
            "{{\"steps\": {0}, \"shown\": {1}, \"sent\": {2}, \"answered\": {3}, \"start_bytes\": {4}, \"end_bytes\": {5}",
            steps, _bench.Shown, counters.Sent, counters.Answered, startBytes, endBytes);
        json.Append(", \"states\": [").Append(_states).Append(']');
        Json.Series(json.Append(", "), "states_s", _statusS);
        Json.Series(json.Append(", "), "shown_s", _shownS);
        Json.Series(json.Append(", "), "memory_s", _memoryS);
        Json.Series(json.Append(", "), "memory_bytes", _memoryBytes);
        return json.Append('}').ToString();
    }
}

/// <summary>Exceptions that got out: of a component into the engine, of a thread, or of a task that nobody looked at.</summary>
internal sealed class FaultCounter
{
    private int _unhandled;
    private int _unobserved;
    private string _first = "";

    internal FaultCounter()
    {
        AppDomain.CurrentDomain.UnhandledException += OnUnhandled;
        TaskScheduler.UnobservedTaskException += OnUnobserved;
    }

    internal string ToJson()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        int logged = 0;
        foreach (FakeLog line in FakeLog.All)
        {
            if (line.Type != LogType.Error && line.Type != LogType.Exception) { continue; }
            logged++;
            _first = _first.Length > 0 ? _first : line.Text;
        }
        var text = new StringBuilder();
        foreach (char sign in _first.Length > 600 ? _first.Substring(0, 600) : _first)
        {
            text.Append(sign == '"' || sign == '\\' ? "'" : sign < ' ' ? " " : sign.ToString());
        }
        return "\"unhandled\": " + _unhandled + ", \"unobserved\": " + _unobserved + ", \"logged\": " + logged
            + ", \"first_fault\": \"" + text + "\"";
    }

    private void OnUnhandled(object sender, UnhandledExceptionEventArgs what)
    {
        Interlocked.Increment(ref _unhandled);
        _first = Convert.ToString(what.ExceptionObject);
    }

    private void OnUnobserved(object sender, UnobservedTaskExceptionEventArgs what)
    {
        Interlocked.Increment(ref _unobserved);
        _first = Convert.ToString(what.Exception);
    }
}
