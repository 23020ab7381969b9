using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>A runtime folder of a test's own, the stub sidecar, and what can be asked about processes.</summary>
internal sealed class ProcessFolder : IDisposable
{
    internal const int WaitMs = 10000;

    internal static readonly string Python = Environment.GetEnvironmentVariable("VITRINE_PYTHON") ?? "python3";

    private readonly System.Collections.Generic.List<VitrineProcess> _made =
        new System.Collections.Generic.List<VitrineProcess>();

    internal ProcessFolder()
    {
        // Not there yet: the first start makes it.
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), "vitrine-process-" + Guid.NewGuid().ToString("N"));
    }

    internal string Path { get; }

    internal string Log
    {
        get { return File.Exists(LogFile) ? File.ReadAllText(LogFile) : ""; }
    }

    internal string LogFile
    {
        get { return In("sidecar.log"); }
    }

    internal static SidecarCommand Stub
    {
        get
        {
            string stub = System.IO.Path.Combine(Vectors.Folder, "unity", "stub_sidecar.py");
            string problem;
            string python = SidecarCommand.Find(Python, out problem).Executable;
            return PeerIdentity.IsWindows ? new SidecarCommand(python, stub) : new SidecarCommand(python, "-S", "-E", stub);
        }
    }

    internal string In(string name)
    {
        return System.IO.Path.Combine(Path, name);
    }

    internal ProcessOptions Options(params string[] arguments)
    {
        return new ProcessOptions { Command = Stub, Arguments = arguments, RunFolder = Path, StartTimeoutMs = WaitMs };
    }

    internal VitrineProcess Make(params string[] arguments)
    {
        return Make(Options(arguments), null);
    }

    internal VitrineProcess Make(ProcessOptions options, IProcessMemory memory)
    {
        var process = new VitrineProcess(options, memory);
        _made.Add(process);
        return process;
    }

    /// <summary>Writes a run.json that only its owner may read.</summary>
    internal void WriteRunFile(int pid, double startedS, int port)
    {
        Directory.CreateDirectory(Path);
        string text = string.Format(
            CultureInfo.InvariantCulture,
            "{{\"pid\": {0}, \"started\": {1:R}, \"host\": \"127.0.0.1\", \"port\": {2}, \"token\": \"{3}\", "
            + "\"version\": \"1\"}}",
            pid, startedS, port, "precious-token");
        File.Delete(In("run.json"));
        File.WriteAllText(In("run.json"), text);
        Mode(In("run.json"), 0x180);
    }

    internal static void Mode(string path, uint mode)
    {
        if (!PeerIdentity.IsWindows) { chmod(path, mode); }
    }

    internal static T Result<T>(Task<T> task)
    {
        Assert.IsTrue(((IAsyncResult)task).AsyncWaitHandle.WaitOne(WaitMs), "done in time");
        return task.GetAwaiter().GetResult();
    }

    internal static void Done(Task task)
    {
        Assert.IsTrue(((IAsyncResult)task).AsyncWaitHandle.WaitOne(WaitMs), "done in time");
        task.GetAwaiter().GetResult();
    }

    internal static void Until(Func<bool> condition, string what)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.IsTrue(watch.ElapsedMilliseconds < WaitMs, what);
            Thread.Sleep(10);
        }
    }

    internal static bool Lives(int pid)
    {
        double startedS;
        return PeerIdentity.TryGetStart(pid, out startedS);
    }

    internal static void KillHard(int pid)
    {
        using (Process process = Process.GetProcessById(pid)) { process.Kill(); }
    }

    public void Dispose()
    {
        foreach (VitrineProcess process in _made)
        {
            process.KeepRunning = false;
            process.Dispose();
        }
        if (Directory.Exists(Path)) { Directory.Delete(Path, true); }
    }

    [System.Runtime.InteropServices.DllImport("libc")]
    private static extern int chmod(string path, uint mode);
}
