using System;
using System.IO;
using System.Threading;
using NUnit.Framework;

namespace Vitrine.Editor.Tests
{
    /// <summary>With the real sidecar, without its models.</summary>
    [TestFixture]
    public sealed class ControlTests : IDisposable
    {
        private readonly TestFolder _test = new TestFolder();
        private readonly HandClock _clock = new HandClock();

        public void Dispose()
        {
            _test.Dispose();
        }

        [Test]
        public void StartsOutlivesAReloadAndStops()
        {
            var memory = new HeldMemory();
            int pid;
            var before = new SidecarControl(Options, memory, _clock);
            Assert.AreEqual("Not running", before.Text);
            Assert.IsTrue(before.CanStart && !before.CanStop, "nothing runs yet");
            Assert.IsTrue(before.Start().Wait(60000), "the start does not end");
            Assert.AreEqual("", before.Problem);
            Assert.AreEqual(ProcessState.Running, before.State);
            pid = before.Endpoint.Pid;
            Assert.IsTrue(before.Text.Contains("process " + pid), before.Text);
            before.LetGo();

            using (var after = new SidecarControl(Options, new HeldMemory(memory.Load()), _clock))
            {
                Assert.IsTrue(after.Reattach(), "our sidecar was not taken up again");
                Wait.Until(() => after.State == ProcessState.Running, "the state of the sidecar");
                Assert.AreEqual(pid, after.Endpoint.Pid);
                Figures(after);
                Assert.IsTrue(after.Stop().Wait(20000), "the stop does not end");
                Assert.AreEqual(ProcessState.Stopped, after.State);
                Assert.IsFalse(File.Exists(Path.Combine(_test.Path, "run.json")), "run.json is left behind");
            }
        }

        [Test]
        public void AServerOfOthersIsSeenUsedAndLeftAlone()
        {
            using (var other = new SidecarControl(Options, new HeldMemory(), _clock))
            using (var control = new SidecarControl(Options, new HeldMemory(), _clock))
            {
                control.Look();
                Assert.IsTrue(other.Start().Wait(60000) && other.State == ProcessState.Running, other.Problem);
                Assert.AreEqual(ProcessState.Stopped, control.State);
                _clock.Pass(2500);
                control.Look();
                Wait.Until(() => control.State == ProcessState.Foreign, "the sight of the other server");
                Assert.IsFalse(control.CanStart || control.CanStop, "it can be started or stopped");
                Assert.IsTrue(control.Text.Contains("left alone"), control.Text);
                control.Stop().Wait(1000);
                control.Dispose();
                Assert.AreEqual(ProcessState.Running, other.State);
            }
        }

        [Test]
        public void AFailedStartSaysWhatToDo()
        {
            var options = new ProcessOptions { Executable = "/no/such/python", RunFolder = _test.Path };
            using (var control = new SidecarControl(() => options, new HeldMemory(), _clock))
            {
                control.Start().Wait(10000);
                Assert.AreEqual(ProcessState.Failed, control.State);
                Assert.IsTrue(control.Problem.Contains("Project Settings > Vitrine"), control.Problem);
                Assert.IsTrue(control.CanStart, "it cannot be tried again");
            }
        }

        [Test]
        public void WithoutAMemoryNothingIsTakenUp()
        {
            using (var control = new SidecarControl(Options, new HeldMemory(), _clock))
            {
                Assert.IsFalse(control.Reattach(), "something was taken up");
                Assert.AreEqual(ProcessState.Stopped, control.State);
            }
        }

        private void Figures(SidecarControl control)
        {
            using (var link = new LiveLink(() => _test.Path))
            {
                var live = new LatencyPanelModel(() => link.Calls, () => new Figure[0], new SystemClock());
                link.Open();
                Wait.Until(() => link.Calls != null, "the connection");
                live.Poll();
                Wait.Until(() => live.Server.Count > 0, "the server's figures: " + live.Text);
                Assert.IsTrue(live.Server[0].Value.EndsWith(" ms", StringComparison.Ordinal), live.Server[0].Value);
                var dashboard = new Dashboard(new ProcessRunner(), () => SidecarTool.OfPython(TestPython.File), Options);
                string url;
                Assert.IsTrue(dashboard.TryOpen() && dashboard.Work.Finished.Wait(30000), "no link comes");
                Assert.IsTrue(dashboard.TryTakeLink(out url), dashboard.Work.Problem);
                Assert.IsTrue(url.StartsWith("http://127.0.0.1:" + control.Endpoint.Port + "/", StringComparison.Ordinal), url);
                Assert.IsFalse(dashboard.TryTakeLink(out url), "a link is good for once");
            }
        }

        private ProcessOptions Options()
        {
            return new ProcessOptions
            {
                Executable = TestPython.File, RunFolder = _test.Path, Arguments = new[] { "--no-warm", "--port", "0" }
            };
        }
    }
}
