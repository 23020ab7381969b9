using System;
using System.Diagnostics;
using System.IO;

/// <summary>stats_server.py as a child process: the fake server, which also tells its figures.</summary>
internal sealed class HudServer : IDisposable
{
    private readonly TestFolder _folder = new TestFolder();
    private readonly Process _process;

    internal HudServer()
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("VITRINE_PYTHON") ?? "python3")
        {
            Arguments = "\"" + Path.Combine(Vectors.Folder, "unity/stats_server.py") + "\" \"" + _folder.Path + "\"",
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        _process = Process.Start(start);
        if (_process.StandardOutput.ReadLine() != "ready") { throw new InvalidOperationException("it did not start"); }
    }

    internal string RunFolder
    {
        get { return _folder.Path; }
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _folder.Dispose();
    }
}
