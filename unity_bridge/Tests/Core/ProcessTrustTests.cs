using System;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using NUnit.Framework;
using Vitrine;

/// <summary>Files left over or planted: they are replaced, and nobody else's port hears from us.</summary>
[TestFixture]
public sealed class ProcessTrustTests
{
    private const int ListenMs = 300;
    private const int OtherUser = 65534;

    // Made in each test: runners may share one fixture among all.
    private ProcessFolder _folder;

    [Test]
    public void AStaleFileIsReplaced()
    {
        using (_folder = new ProcessFolder())
        {
            int port = 48710;
            foreach (Action plant in new Action[]
            {
                () => _folder.WriteRunFile(DeadPid(), 1763980000, port),
                () => _folder.WriteRunFile(PeerIdentity.OwnPid, OwnStartS() - 100, port),
                () => File.WriteAllText(_folder.In("run.json"), "{\"pid\": "),
                () => File.WriteAllText(_folder.In("run.json"), new string(' ', 1 << 17)),
                Readable,
            })
            {
                plant();
                VitrineProcess process = _folder.Make();
                VitrineEndpoint endpoint = ProcessFolder.Result(process.StartAsync());
                Assert.AreEqual(ProcessState.Running, process.State);
                Assert.AreEqual(endpoint.Pid, RunFile.Find(_folder.Path).Pid);
                process.Dispose();
            }
        }
    }

    [Test]
    public void ASquatterHearsNothing()
    {
        using (_folder = new ProcessFolder())
        {
            // The same set-up with a file that fits does make us connect: the listener would notice.
            Assert.IsTrue(Heard(port => _folder.WriteRunFile(PeerIdentity.OwnPid, OwnStartS(), port)).Length > 0, "control");
            Assert.AreEqual("", Heard(port => _folder.WriteRunFile(DeadPid(), OwnStartS(), port)));
            Assert.AreEqual("", Heard(port => _folder.WriteRunFile(PeerIdentity.OwnPid, OwnStartS() - 100, port)));
            if (PeerIdentity.IsWindows) { return; }
            Assert.AreEqual("", Heard(port =>
            {
                _folder.WriteRunFile(PeerIdentity.OwnPid, OwnStartS(), port);
                ProcessFolder.Mode(_folder.In("run.json"), 0x1a4); // 0644
            }));
            Assert.AreEqual("", HeardForAProcessOfAnotherUser());
            if (geteuid() != 0) { return; } // only root can give a file away
            Assert.AreEqual("", Heard(port =>
            {
                _folder.WriteRunFile(PeerIdentity.OwnPid, OwnStartS(), port);
                Assert.AreEqual(0, chown(_folder.In("run.json"), OtherUser, OtherUser));
            }));
        }
    }

    /// <summary>What a listener hears while both a process and a connection look for the server.</summary>
    private string Heard(Action<int> plant)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        try
        {
            int port = ((IPEndPoint)listener.LocalEndpoint).Port;
            plant(port);
            var options = new VitrineOptions { RunFolder = _folder.Path, RetryFirstMs = 10, RetryLimitMs = 20 };
            ProcessOptions noStart = _folder.Options("--die", "1");
            using (VitrineConnection.Start(options))
            {
                VitrineProcess process = _folder.Make(noStart, null);
                process.StartAsync().ContinueWith(task => GC.KeepAlive(task.Exception));
                return Listen(listener);
            }
        }
        finally
        {
            listener.Stop();
        }
    }

    private static string Listen(TcpListener listener)
    {
        var heard = new StringBuilder();
        Stopwatch watch = Stopwatch.StartNew();
        while (watch.ElapsedMilliseconds < ListenMs)
        {
            if (!listener.Pending())
            {
                Thread.Sleep(5);
                continue;
            }
            using (Socket peer = listener.AcceptSocket())
            {
                peer.ReceiveTimeout = 1000;
                var bytes = new byte[4096];
                heard.Append("[connected]").Append(Encoding.UTF8.GetString(bytes, 0, peer.Receive(bytes)));
            }
            break;
        }
        Assert.IsFalse(heard.ToString().Contains("precious-token"), "the token");
        return heard.ToString();
    }

    private string HeardForAProcessOfAnotherUser()
    {
        if (geteuid() != 0)
        {
            return Heard(port => _folder.WriteRunFile(1, StartOf(1), port));
        }
        var start = new ProcessStartInfo(ProcessFolder.Python)
        {
            Arguments = "-S -E -c \"import os, sys; os.setuid(" + OtherUser + "); print(1, flush=True); sys.stdin.read()\"",
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        using (Process other = Process.Start(start))
        {
            try
            {
                Assert.AreEqual("1", other.StandardOutput.ReadLine());
                return Heard(port => _folder.WriteRunFile(other.Id, StartOf(other.Id), port));
            }
            finally
            {
                other.Kill();
                other.WaitForExit();
            }
        }
    }

    private void Readable()
    {
        _folder.WriteRunFile(PeerIdentity.OwnPid, PeerIdentity.IsWindows ? 0 : OwnStartS(), 48710);
        ProcessFolder.Mode(_folder.In("run.json"), 0x1a4); // 0644
    }

    private static double OwnStartS()
    {
        double startedS;
        Assert.IsTrue(PeerIdentity.TryGetStart(PeerIdentity.OwnPid, out startedS), "own start");
        return startedS;
    }

    // Independent of who owns the process.
    private static double StartOf(int pid)
    {
        string stat = File.ReadAllText("/proc/" + pid + "/stat");
        double ticks = double.Parse(stat.Substring(stat.LastIndexOf(')') + 2).Split(' ')[19]);
        string own = File.ReadAllText("/proc/self/stat");
        double ownTicks = double.Parse(own.Substring(own.LastIndexOf(')') + 2).Split(' ')[19]);
        return OwnStartS() + (ticks - ownTicks) / 100;
    }

    private static int DeadPid()
    {
        var start = new ProcessStartInfo(ProcessFolder.Python, "-S -E -c pass") { UseShellExecute = false };
        using (Process process = Process.Start(start))
        {
            process.WaitForExit();
            return process.Id;
        }
    }

    [DllImport("libc")]
    private static extern uint geteuid();

    [DllImport("libc")]
    private static extern int chown(string path, int user, int group);
}
