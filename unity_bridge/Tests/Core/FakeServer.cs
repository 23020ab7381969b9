using System;
using System.Diagnostics;
using System.IO;
using Vitrine;

/// <summary>fake_server.py as a child process with a runtime folder of its own.</summary>
internal sealed class FakeServer : IDisposable
{
    private Process _process;

    internal FakeServer()
    {
        RunFolder = Path.Combine(Path.GetTempPath(), "vitrine-fake-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(RunFolder);
        Begin();
    }

    internal string RunFolder { get; }

    internal void Begin()
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("VITRINE_PYTHON") ?? "python3")
        {
            Arguments = "\"" + Path.Combine(Vectors.Folder, "unity/fake_server.py") + "\" \"" + RunFolder + "\"",
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        _process = Process.Start(start);
        if (_process.StandardOutput.ReadLine() != "ready")
        {
            throw new InvalidOperationException("the fake server did not start");
        }
    }

    internal void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    internal VitrineOptions Options()
    {
        return new VitrineOptions { RunFolder = RunFolder, RetryFirstMs = 20, RetryLimitMs = 100 };
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }
        if (Directory.Exists(RunFolder))
        {
            Directory.Delete(RunFolder, true);
        }
    }
}
