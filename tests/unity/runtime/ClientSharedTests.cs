using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>The client that components share, and the sidecar that it starts.</summary>
[TestFixture]
public sealed class ClientSharedTests : IDisposable
{
    private static readonly string Python = Environment.GetEnvironmentVariable("VITRINE_PYTHON") ?? "python3";

    private readonly TestFolder _folder = new TestFolder();
    private FakeUnity _unity = new FakeUnity();

    public void Dispose()
    {
        VitrineClient.ShutdownShared();
        VitrineClient.ProcessMemory = null;
        _unity.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void ItIsMadeOfTheSettingsAtItsFirstUse()
    {
        Assert.IsFalse(VitrineClient.HasShared, "not yet");
        Settings(false).MainThreadBudgetMs = 2;
        VitrineClient client = VitrineClient.Shared;
        Assert.IsTrue(ReferenceEquals(client, VitrineClient.Shared) && VitrineClient.HasShared, "one");
        Assert.AreEqual(2.0, client.MainThreadBudgetMs);
        Assert.IsTrue(client.Process == null, "only looked for");
        ClientKit.Reach(_unity, client, ClientState.Absent);
    }

    [Test]
    public void QuittingClosesItAndNoOtherIsMade()
    {
        Settings(false);
        VitrineClient client = VitrineClient.Shared;
        Stopwatch watch = Stopwatch.StartNew();
        _unity.Quit();
        Assert.IsTrue(watch.ElapsedMilliseconds < 200, "it took " + watch.ElapsedMilliseconds + " ms");
        Assert.AreEqual(ClientState.Closed, client.State);
        Assert.IsTrue(ReferenceEquals(client, VitrineClient.Shared), "the closed one");
    }

    [Test]
    public void AFirstUseWhileQuittingStartsNothing()
    {
        Settings(true, Stub());
        var late = new GameObject("late").AddComponent<LateUser>();
        _unity.Quit();
        Assert.AreEqual(ClientState.Closed, late.Seen);
        Assert.IsTrue(VitrineClient.Shared.Process == null, "no sidecar");
    }

    [Test]
    public void StaticsAreFreshWhenScriptsAreNotReloaded()
    {
        Settings(false);
        VitrineClient first = VitrineClient.Shared;
        _unity.Quit();
        _unity = new FakeUnity(); // the same process, the same statics: Play was pressed again
        Assert.IsFalse(VitrineClient.HasShared, "forgotten");
        Settings(false);
        Assert.IsFalse(ReferenceEquals(first, VitrineClient.Shared), "a new one");
        ClientKit.Reach(_unity, VitrineClient.Shared, ClientState.Absent);
        VitrineClient.ShutdownShared();
        Assert.IsFalse(VitrineClient.HasShared, "closed before a reload");
        ClientKit.NoFaults();
    }

    [Test]
    public void ASidecarIsStartedAndEndsWithTheApplication()
    {
        int pid = Start();
        Assert.IsTrue(VitrineClient.Shared.Process.IsOurs, "ours");
        Stopwatch watch = Stopwatch.StartNew();
        _unity.Quit();
        Assert.IsTrue(watch.ElapsedMilliseconds < 200, "it took " + watch.ElapsedMilliseconds + " ms");
        Assert.IsTrue(Ends(pid), "asked to end, and did");
    }

    [Test]
    public void ASidecarThatDiedIsStartedAgain()
    {
        int pid = Start();
        Kill(pid);
        VitrineProcess process = VitrineClient.Shared.Process;
        Assert.IsTrue(
            _unity.StepUntil(() => process.Pid != pid && process.State == ProcessState.Running, 15), "a new one");
        int second = process.Pid;
        _unity.Quit();
        Assert.IsTrue(Ends(second), "ended");
    }

    [Test]
    public void ASidecarThatCannotBeStartedIsSaidPlainlyAndNotTriedAllTheTime()
    {
        Settings(true, Path.Combine(_folder.Path, "no-such-python"));
        VitrineClient client = VitrineClient.Shared;
        Assert.IsTrue(_unity.StepUntil(() => client.Process.State == ProcessState.Failed), "failed");
        ClientKit.Reach(_unity, client, ClientState.Absent);
        Assert.IsTrue(client.Problem.Contains("Project Settings > Vitrine"), client.Problem);
        int changes = 0;
        client.Process.StateChanged += state => changes++;
        _unity.StepUntil(() => false, 0.5);
        Assert.IsTrue(changes <= 1, changes + " changes in half a second");
        ClientKit.NoFaults();
    }

    [Test]
    public void AStartThatFailsAgainAndAgainDoesNotFlicker()
    {
        var clock = new MovedClock();
        var seen = new List<ClientState>();
        VitrineOptions options = ClientKit.Nowhere(_folder.Path);
        options.Clock = clock;
        var process = new VitrineProcess(new ProcessOptions
        {
            RunFolder = _folder.Path, Executable = Script("sleep 0.1\nexit 3"), // long enough to be seen
        });
        using (var client = new VitrineClient(options, process))
        {
            Assert.IsTrue(_unity.StepUntil(() => process.State == ProcessState.Failed), "failed");
            ClientKit.Reach(_unity, client, ClientState.Absent);
            client.StateChanged += seen.Add;
            int starts = 0;
            process.StateChanged += state => starts += state == ProcessState.Starting ? 1 : 0;
            for (int i = 1; i <= 5; i++)
            {
                clock.Move(100);
                int wanted = i;
                Assert.IsTrue(_unity.StepUntil(() => starts >= wanted && process.State == ProcessState.Failed), "start " + i);
            }
            Assert.AreEqual("", string.Join(",", seen));
        }
    }

    [Test]
    public void InTheEditorTheSidecarOutlivesPlay()
    {
        VitrineClient.ProcessMemory = new HeldMemory();
        int pid = Start();
        _unity.Quit();
        Thread.Sleep(300);
        Assert.IsTrue(Lives(pid), "it goes on");
        _unity = new FakeUnity();
        Settings(true, Stub());
        VitrineProcess process = VitrineClient.Shared.Process;
        Assert.IsTrue(_unity.StepUntil(() => process.State == ProcessState.Running), "taken up again: " + process.State);
        Assert.AreEqual(pid, process.Pid);
        Assert.IsTrue(process.IsOurs, "still ours");
        VitrineClient.ShutdownShared();
        Kill(pid);
    }

    private int Start()
    {
        Settings(true, Stub());
        VitrineClient client = VitrineClient.Shared;
        Assert.IsTrue(_unity.StepUntil(() => client.Process.State == ProcessState.Running, 15), "it runs: " + client.Problem);
        return client.Process.Pid;
    }

    /// <summary>A program that is the stand-in for the sidecar, which listens and never speaks.</summary>
    private string Stub()
    {
        string script = Path.Combine(Vectors.Folder, "unity", "stub_sidecar.py");
        return Script("exec '" + Python + "' -S -E '" + script + "' \"$@\"");
    }

    private string Script(string lines)
    {
        string path = Path.Combine(_folder.Path, "stub");
        File.WriteAllText(path, "#!/bin/sh\n" + lines + "\n");
        using (Process chmod = Process.Start("chmod", "700 " + path)) { chmod.WaitForExit(); }
        return path;
    }

    private VitrineSettings Settings(bool start, string executable = "")
    {
        VitrineSettings settings = ScriptableObject.CreateInstance<VitrineSettings>();
        settings.StartSidecar = start;
        settings.RunFolder = _folder.Path;
        settings.Executable = executable;
        FakeAssets.Resources[VitrineSettings.ResourceName] = settings;
        return settings;
    }

    private static bool Ends(int pid)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (Lives(pid) && watch.ElapsedMilliseconds < 5000) { Thread.Sleep(5); }
        return !Lives(pid);
    }

    private static bool Lives(int pid)
    {
        return Directory.Exists("/proc/" + pid);
    }

    private static void Kill(int pid)
    {
        using (Process child = Process.GetProcessById(pid)) { child.Kill(); }
    }

    private sealed class LateUser : MonoBehaviour
    {
        internal ClientState Seen { get; private set; }

        private void OnDestroy()
        {
            Seen = VitrineClient.Shared.State;
        }
    }
}
