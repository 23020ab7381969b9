using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>The life of a sidecar that we start: real processes, a stub in its place.</summary>
[TestFixture]
public sealed class ProcessTests
{
    // Made in each test: runners may share one fixture among all.
    private ProcessFolder _folder;

    [Test]
    public void ItStartsAndEnds()
    {
        using (_folder = new ProcessFolder())
        {
            VitrineProcess process = _folder.Make("--list-files");
            var states = new List<ProcessState>();
            process.StateChanged += states.Add;
            VitrineEndpoint endpoint = ProcessFolder.Result(process.StartAsync());
            Assert.AreEqual(ProcessState.Running, process.State);
            Assert.IsTrue(process.IsOurs && process.Problem == null && process.Endpoint == endpoint, "ours");
            Assert.AreEqual(endpoint.Pid, process.Pid);
            Assert.IsTrue(ProcessFolder.Lives(endpoint.Pid), "alive");
            ProcessFolder.Done(process.StopAsync());
            Assert.AreEqual(ProcessState.Stopped, process.State);
            Assert.IsFalse(ProcessFolder.Lives(endpoint.Pid) || process.IsOurs || process.Pid != 0, "gone");
            Assert.IsTrue(process.Endpoint == null, "no endpoint");
            Assert.AreEqual("Starting Running Stopped", string.Join(" ", states));
        }
    }

    [Test]
    public void OnLinuxItIsAskedToEndAndInheritsNothing()
    {
        using (_folder = new ProcessFolder())
        {
            if (PeerIdentity.IsWindows) { return; }
            using (File.OpenRead("/proc/self/stat"))
            {
                ProcessOptions options = _folder.Options("--list-files");
                options.Environment = new Dictionary<string, string> { { "VITRINE_TOLD", "a word \u4f60" } };
                VitrineProcess process = _folder.Make(options, null);
                ProcessFolder.Result(process.StartAsync());
                ProcessFolder.Done(process.StopAsync());
            }
            Assert.IsTrue(_folder.Log.Contains("files 3 folder " + _folder.Path + " told a word \u4f60"), _folder.Log);
            Assert.IsTrue(_folder.Log.Contains("asked to end"), _folder.Log);
            Assert.IsFalse(File.Exists(_folder.In("run.json")), "it took its file away");
            Assert.AreEqual("700", Stat(_folder.Path));
            Assert.AreEqual("600", Stat(_folder.LogFile));
        }
    }

    [Test]
    public void StartsShareOneStartAndOneServer()
    {
        using (_folder = new ProcessFolder())
        {
            VitrineProcess process = _folder.Make("--slow", "0.2");
            Task<VitrineEndpoint> one = process.StartAsync();
            Task<VitrineEndpoint> other = process.StartAsync();
            int pid = ProcessFolder.Result(one).Pid;
            Assert.AreEqual(pid, ProcessFolder.Result(other).Pid);
            Assert.AreEqual(pid, ProcessFolder.Result(process.StartAsync()).Pid);
            Assert.IsTrue(process.IsOurs && process.State == ProcessState.Running, "ours still");
            Assert.AreEqual(2, _folder.Log.Split(new[] { "hello" }, StringSplitOptions.None).Length);
        }
    }

    [Test]
    public void OneThatDiesAtItsStartSaysItsLastWords()
    {
        using (_folder = new ProcessFolder())
        {
            ProcessOptions options = _folder.Options("--die", "3");
            VitrineProcess process = _folder.Make(options, null);
            VitrineException error = Fails(process.StartAsync());
            Assert.AreEqual(VitrineCodes.Unavailable, error.Code);
            Assert.AreEqual(ProcessState.Failed, process.State);
            Assert.AreEqual(error.Message, process.Problem);
            Assert.IsTrue(process.Problem.Contains("exit code 3"), process.Problem);
            Assert.IsTrue(process.Problem.Contains("a word before the end"), process.Problem);
            Assert.IsFalse(process.IsOurs, "nothing is left");
            options.Arguments = new string[0];
            ProcessFolder.Result(process.StartAsync());
            Assert.IsTrue(process.State == ProcessState.Running && process.Problem == null, "it starts when corrected");
            Assert.IsFalse(_folder.Log.Contains("a word before"), "the log is new");
        }
    }

    [Test]
    public void WhatCannotBeExecutedIsSaid()
    {
        using (_folder = new ProcessFolder())
        {
            ProcessOptions options = _folder.Options();
            options.Command = new SidecarCommand(Path.Combine(Vectors.Folder, "no-such-program"));
            VitrineProcess process = _folder.Make(options, null);
            Assert.IsTrue(Fails(process.StartAsync()).Message.Contains("may be executed"), process.Problem);
            options.Command = null;
            options.Executable = Path.Combine(Vectors.Folder, "no-such-program");
            VitrineException error = Fails(process.StartAsync());
            Assert.AreEqual(VitrineCodes.NotFound, error.Code);
            Assert.IsTrue(error.Message.Contains("Project Settings"), error.Message);
            options.Command = ProcessFolder.Stub;
            options.Arguments = new[] { "zero \0" };
            Assert.IsTrue(Fails(process.StartAsync()).Message.Contains("argument"), process.Problem);
        }
    }

    [Test]
    public void OneThatEndsByItselfIsNoticed()
    {
        using (_folder = new ProcessFolder())
        {
            VitrineProcess process = _folder.Make();
            int first = ProcessFolder.Result(process.StartAsync()).Pid;
            ProcessFolder.KillHard(first);
            ProcessFolder.Until(() => process.State == ProcessState.Failed, "noticed");
            Assert.IsTrue(process.Problem.Contains("ended by itself") && process.Endpoint == null, process.Problem);
            int second = ProcessFolder.Result(process.StartAsync()).Pid;
            Assert.IsTrue(second != first && process.IsOurs, "another one");
            ProcessFolder.KillHard(second);
            ProcessFolder.Until(() => !ProcessFolder.Lives(second), "dead");
            Assert.IsTrue(ProcessFolder.Result(process.StartAsync()).Pid != second, "also before it was noticed");
        }
    }

    [Test]
    public void CancellingAStartLeavesNoChild()
    {
        using (_folder = new ProcessFolder())
        {
            VitrineProcess process = _folder.Make("--silent");
            using (var source = new CancellationTokenSource())
            {
                Task<VitrineEndpoint> start = process.StartAsync(source.Token);
                ProcessFolder.Until(() => _folder.Log.Contains("hello"), "it runs");
                int pid = process.Pid;
                Assert.IsTrue(ProcessFolder.Lives(pid) && process.State == ProcessState.Starting, "starting");
                source.Cancel();
                Cancelled(start);
                Assert.IsFalse(ProcessFolder.Lives(pid), "gone");
                Assert.AreEqual(ProcessState.Stopped, process.State);
                Cancelled(process.StartAsync(source.Token));
            }
        }
    }

    [Test]
    public void StoppingCancelsAStart()
    {
        using (_folder = new ProcessFolder())
        {
            VitrineProcess process = _folder.Make("--silent");
            Task<VitrineEndpoint> start = process.StartAsync();
            ProcessFolder.Until(() => process.Pid != 0, "it runs");
            int pid = process.Pid;
            Task stop = process.StopAsync();
            Task<VitrineEndpoint> again = process.StartAsync();
            Assert.IsTrue(again == start, "the start that is being stopped");
            ProcessFolder.Done(stop);
            Cancelled(start);
            Assert.IsFalse(ProcessFolder.Lives(pid), "gone");
        }
    }

    [Test]
    public void OneThatNeverListensIsEnded()
    {
        using (_folder = new ProcessFolder())
        {
            ProcessOptions options = _folder.Options("--silent", "--deaf");
            options.StartTimeoutMs = 400;
            options.StopGraceMs = 100;
            VitrineProcess process = _folder.Make(options, null);
            Task<VitrineEndpoint> start = process.StartAsync();
            ProcessFolder.Until(() => process.Pid != 0, "it runs");
            int pid = process.Pid;
            var watch = System.Diagnostics.Stopwatch.StartNew();
            Assert.IsTrue(Fails(start).Message.Contains("does not listen"), process.Problem);
            Assert.IsTrue(watch.ElapsedMilliseconds < 1500, "after " + watch.ElapsedMilliseconds + " ms");
            Assert.IsFalse(ProcessFolder.Lives(pid), "killed, though it does not hear");
        }
    }

    [Test]
    public void ALauncherIsFollowedToItsServer()
    {
        using (_folder = new ProcessFolder())
        {
            var memory = new HeldMemory();
            VitrineProcess process = _folder.Make(_folder.Options("--launcher"), memory);
            VitrineEndpoint endpoint = ProcessFolder.Result(process.StartAsync());
            int launcher = ProcessRecord.Parse(memory.Load()).Pid;
            Assert.IsTrue(process.IsOurs && launcher != endpoint.Pid, "the server is another process");
            Assert.AreEqual(endpoint.Pid, process.Pid);
            ProcessFolder.KillHard(launcher);
            ProcessFolder.Until(() => !ProcessFolder.Lives(launcher), "the launcher is gone");
            Assert.AreEqual(endpoint.Pid, ProcessFolder.Result(process.StartAsync()).Pid);
            Assert.AreEqual(ProcessState.Running, process.State);
            ProcessFolder.Done(process.StopAsync());
            Assert.IsFalse(ProcessFolder.Lives(endpoint.Pid), "the server ended");
        }
    }

    [Test]
    public void AForeignServerIsUsedAndSpared()
    {
        using (_folder = new ProcessFolder())
        {
            using (var server = new FakeServer())
            {
                ProcessOptions options = _folder.Options();
                options.RunFolder = server.RunFolder;
                int pid = RunFile.Find(server.RunFolder).Pid;
                VitrineProcess process = _folder.Make(options, null);
                Assert.AreEqual(pid, ProcessFolder.Result(process.StartAsync()).Pid);
                Assert.IsTrue(process.State == ProcessState.Foreign && !process.IsOurs, "not ours");
                ProcessFolder.Done(process.StopAsync());
                Assert.AreEqual(ProcessState.Stopped, process.State);
                Assert.AreEqual(pid, ProcessFolder.Result(process.StartAsync()).Pid);
                process.Dispose();
                Assert.IsTrue(ProcessFolder.Lives(pid), "spared");
                Assert.IsFalse(File.Exists(Path.Combine(server.RunFolder, "sidecar.log")), "nothing was started");
            }
        }
    }

    [Test]
    public void WhoLosesARaceUsesTheWinner()
    {
        using (_folder = new ProcessFolder())
        {
            using (var server = new FakeServer())
            {
                server.Kill();
                string sign = Path.Combine(server.RunFolder, "lost");
                ProcessOptions options = _folder.Options("--silent", "--die-beside", sign);
                options.RunFolder = server.RunFolder;
                VitrineProcess process = _folder.Make(options, null);
                Task<VitrineEndpoint> start = process.StartAsync();
                ProcessFolder.Until(() => process.Pid != 0, "it runs");
                server.Begin();
                Assert.IsFalse(start.Wait(100), "a foreign server does not end the wait for ours");
                File.WriteAllText(sign, "");
                Assert.AreEqual(RunFile.Find(server.RunFolder).Pid, ProcessFolder.Result(start).Pid);
                Assert.IsTrue(process.State == ProcessState.Foreign && !process.IsOurs, "the winner's");
            }
        }
    }

    [Test]
    public void DisposalEndsItAndAllowsNothingMore()
    {
        using (_folder = new ProcessFolder())
        {
            VitrineProcess process = _folder.Make();
            int pid = ProcessFolder.Result(process.StartAsync()).Pid;
            process.Dispose();
            Assert.IsFalse(ProcessFolder.Lives(pid), "gone");
            Assert.Throws<ObjectDisposedException>(() => process.StartAsync());
            process.Dispose();
        }
    }

    [Test]
    public void AFaultInAHandlerEndsNothing()
    {
        using (_folder = new ProcessFolder())
        {
            ProcessOptions options = _folder.Options();
            string log = "";
            options.Log = line => log += line;
            VitrineProcess process = _folder.Make(options, null);
            process.StateChanged += state => { throw new InvalidDataException("mine"); };
            ProcessFolder.Result(process.StartAsync());
            Assert.IsTrue(process.State == ProcessState.Running && log.Contains("mine"), log);
        }
    }

    internal static VitrineException Fails(Task task)
    {
        return Assert.Throws<VitrineException>(() => ProcessFolder.Done(task));
    }

    internal static void Cancelled(Task task)
    {
        Assert.Throws<TaskCanceledException>(() => ProcessFolder.Done(task));
    }

    private static string Stat(string path)
    {
        var start = new System.Diagnostics.ProcessStartInfo("stat", "-c %a \"" + path + "\"")
        {
            UseShellExecute = false, RedirectStandardOutput = true,
        };
        using (System.Diagnostics.Process stat = System.Diagnostics.Process.Start(start))
        {
            return stat.StandardOutput.ReadToEnd().Trim();
        }
    }
}
