using System;
using System.IO;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>A sidecar that outlives our scripts, and numbers that belong to another process by now.</summary>
[TestFixture]
public sealed class ProcessMemoryTests
{
    // Made in each test: runners may share one fixture among all.
    private ProcessFolder _folder;

    [Test]
    public void ItIsTakenUpAgain()
    {
        using (_folder = new ProcessFolder())
        {
            var memory = new HeldMemory();
            VitrineProcess before = _folder.Make(_folder.Options(), memory);
            int pid = ProcessFolder.Result(before.StartAsync()).Pid;
            string text = memory.Load();
            before.KeepRunning = true;
            before.Dispose();
            Assert.IsTrue(ProcessFolder.Lives(pid), "kept");

            var kept = new HeldMemory(text);
            VitrineProcess after = _folder.Make(_folder.Options(), kept);
            Assert.IsTrue(after.Reattach(), "found");
            Assert.IsTrue(after.IsOurs && after.State == ProcessState.Running && after.Endpoint.Pid == pid, "as ours");
            Assert.AreEqual(pid, ProcessFolder.Result(after.StartAsync()).Pid);
            ProcessFolder.KillHard(pid);
            ProcessFolder.Until(() => after.State == ProcessState.Failed, "its end is noticed as before");
            Assert.AreEqual("", kept.Load());
        }
    }

    [Test]
    public void ItIsTakenUpAgainByAStartAndEndedByDisposal()
    {
        using (_folder = new ProcessFolder())
        {
            var memory = new HeldMemory();
            VitrineProcess before = _folder.Make(_folder.Options(), memory);
            int pid = ProcessFolder.Result(before.StartAsync()).Pid;
            before.KeepRunning = true;
            before.Dispose();
            VitrineProcess after = _folder.Make(_folder.Options(), memory);
            Assert.AreEqual(pid, ProcessFolder.Result(after.StartAsync()).Pid);
            Assert.IsTrue(after.IsOurs && after.State == ProcessState.Running, "ours");
            after.Dispose();
            Assert.IsFalse(ProcessFolder.Lives(pid), "ended");
            Assert.AreEqual("", memory.Load());
        }
    }

    [Test]
    public void OneThatStillStartsIsTakenUpAgain()
    {
        using (_folder = new ProcessFolder())
        {
            var memory = new HeldMemory();
            VitrineProcess before = _folder.Make(_folder.Options("--slow", "0.6"), memory);
            Task<VitrineEndpoint> start = before.StartAsync();
            ProcessFolder.Until(() => memory.Load().Length > 0, "it runs");
            int pid = before.Pid;
            before.KeepRunning = true;
            before.Dispose();
            ProcessTests.Cancelled(start);
            VitrineProcess after = _folder.Make(_folder.Options(), memory);
            Assert.IsTrue(after.Reattach() && after.State == ProcessState.Starting, "starting still");
            Assert.AreEqual(pid, ProcessFolder.Result(after.StartAsync()).Pid);
            Assert.AreEqual(ProcessState.Running, after.State);
        }
    }

    [Test]
    public void TwoWhoShareAMemoryShareTheSidecar()
    {
        using (_folder = new ProcessFolder())
        {
            var memory = new HeldMemory();
            VitrineProcess window = _folder.Make(_folder.Options(), memory);
            VitrineProcess game = _folder.Make(_folder.Options(), memory);
            int pid = ProcessFolder.Result(window.StartAsync()).Pid;
            Assert.AreEqual(pid, ProcessFolder.Result(game.StartAsync()).Pid);
            Assert.IsTrue(game.IsOurs && game.State == ProcessState.Running, "ours for both");
            ProcessFolder.Done(window.StopAsync());
            Assert.IsFalse(ProcessFolder.Lives(pid), "ended");
            ProcessFolder.Until(() => game.State == ProcessState.Failed, "the other notices");
            Assert.IsTrue(ProcessFolder.Result(game.StartAsync()).Pid != pid && game.IsOurs, "and starts another");
        }
    }

    [Test]
    public void AMemoryThatDoesNotFitIsNotBelieved()
    {
        using (_folder = new ProcessFolder())
        {
            var memory = new HeldMemory();
            VitrineProcess process = _folder.Make(_folder.Options(), memory);
            int pid = ProcessFolder.Result(process.StartAsync()).Pid;
            string text = memory.Load();
            ProcessRecord record = ProcessRecord.Parse(text);
            record.StartedS -= 100;
            string otherStart = record.ToText();
            record = ProcessRecord.Parse(text);
            record.OwnerStartedS -= 100;
            string earlierOwner = record.ToText();
            record = ProcessRecord.Parse(text);
            record.OwnerPid = pid;
            string otherOwner = record.ToText();
            const string Cut = "vitrine-process-1 1 2 3";
            foreach (string wrong in new[] { otherStart, earlierOwner, otherOwner, "", null, Cut, "\u0000" })
            {
                VitrineProcess other = _folder.Make(_folder.Options(), new HeldMemory(wrong));
                Assert.IsFalse(other.Reattach() || other.IsOurs, "not believed: " + wrong);
                Assert.AreEqual(pid, ProcessFolder.Result(other.StartAsync()).Pid);
                Assert.AreEqual(ProcessState.Foreign, other.State);
                other.Dispose();
            }
            Assert.IsTrue(ProcessFolder.Lives(pid), "nobody ended it");
        }
    }

    [Test]
    public void ARecordComesBackAsItWas()
    {
        var record = new ProcessRecord
        {
            OwnerPid = 7, OwnerStartedS = 1763980000.125, Pid = 8, StartedS = 1763980001.01, ProcessHandle = 0x1a4,
            JobHandle = 0x1a8, RunFolder = "/home/a b/\u4f60",
        };
        ProcessRecord back = ProcessRecord.Parse(record.ToText());
        Assert.AreEqual(record.ToText(), back.ToText());
        Assert.AreEqual(record.StartedS, back.StartedS);
        Assert.AreEqual(record.RunFolder, back.RunFolder);
    }

    [Test]
    public void ANumberUsedAgainIsNotKilled()
    {
        using (_folder = new ProcessFolder())
        {
            if (PeerIdentity.IsWindows) { return; } // there a handle holds the process, not its number
            var launcher = new PosixLauncher();
            ProcessOptions options = _folder.Options();
            LaunchRequest request = SidecarLaunch.Request(options, _folder.Path);
            SidecarLaunch.MakeFolders(request);
            IChildProcess child = launcher.Launch(request);
            int code;
            try
            {
                ProcessFolder.Until(() => File.Exists(_folder.In("run.json")), "it runs");
                var another = new PosixChild(child.Pid, child.StartedS - 100);
                Assert.IsTrue(another.TryTerminate(), "asked");
                another.Kill();
                System.Threading.Thread.Sleep(150);
                Assert.IsFalse(child.TryGetExit(out code), "spared");
                var server = RunFile.Find(_folder.Path);
                var earlier = new VitrineEndpoint("127.0.0.1", 1, "t", server.Pid, server.StartedS - 100);
                Assert.IsFalse(another.TryAdopt(earlier), "not its server");
            }
            finally
            {
                child.Kill();
            }
            ProcessFolder.Until(() => child.TryGetExit(out code), "the true one is killed");
            Assert.IsTrue(child.TryGetExit(out code) && code == -9, "by the signal");
            child.Kill();
        }
    }
}
