using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;

namespace Vitrine.Editor.Tests
{
    [TestFixture]
    public sealed class CommandTests
    {
        private const string PrintArguments = "import sys, json; print(json.dumps(sys.argv[1:]))";

        // Starts a child that would live for a minute, names it, and waits for ever.
        private const string Parent =
            "import subprocess, sys, time\n"
            + "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            + "print(child.pid)\n"
            + "time.sleep(60)\n";

        [Test]
        public void LinesAreCutAtEveryKindOfEnd()
        {
            string joined = string.Join("|", Split("one\ntwo\r\nthree\rfour\n\nfive"));
            Assert.AreEqual("one|two|three|four||five", joined);
        }

        [Test]
        public void ALineWithoutEndIsCut()
        {
            IReadOnlyList<string> lines = Split(new string('x', LineSplitter.MaxLine + 10));
            Assert.AreEqual(2, lines.Count);
            Assert.AreEqual(LineSplitter.MaxLine, lines[0].Length);
            Assert.AreEqual(10, lines[1].Length);
        }

        [Test]
        public void OutputIsBounded()
        {
            var log = new OutputLog();
            string line = new string('x', 1000);
            for (int i = 0; i < 3000; i++) { log.Add(new OutputLine(line, false)); }
            log.Add(new OutputLine("the last", true));
            CommandResult result = log.ToResult(0, false);
            Assert.IsTrue(result.Output.Length <= OutputLog.MaxOutput + 1000, "the output grows without end");
            Assert.AreEqual(20, result.LastLines.Count);
            Assert.AreEqual("the last", result.LastLines[19]);
        }

        [Test]
        public void WindowsArgumentsAreQuotedAsTheyAreSplit()
        {
            var arguments = new[] { "plain", "two words", "a\"b", "C:\\end\\", "a\\\\\"b", "" };
            Assert.AreEqual(
                "\"plain\" \"two words\" \"a\\\"b\" \"C:\\end\\\\\" \"a\\\\\\\\\\\"b\" \"\"", ArgumentLine.Join(arguments, true));
        }

        [Test]
        public void ArgumentsArriveAsTheyAre()
        {
            var odd = new[] { "two words", "a\"b", "$HOME", "`id`", "back\\slash\\", "", "; rm -rf x", "'single'", "试穿" };
            CommandResult result = Run(TestPython.Script(PrintArguments, odd));
            Assert.AreEqual(0, result.ExitCode);
            IReadOnlyList<WireValue> got = JsonText.Parse(result.Output.Trim()).AsArray;
            Assert.AreEqual(odd.Length, got.Count);
            for (int i = 0; i < odd.Length; i++) { Assert.AreEqual(odd[i], got[i].AsString); }
        }

        [Test]
        public void BothStreamsComeLineByLine()
        {
            var lines = new List<string>();
            Command command = TestPython.Script("import sys; print('out'); sys.stdout.flush(); print('wrong', file=sys.stderr); sys.exit(3)");
            CommandResult result = new ProcessRunner()
                .RunAsync(command, line => lines.Add((line.IsError ? "e:" : "o:") + line.Text), CancellationToken.None).Result;
            Assert.AreEqual(3, result.ExitCode);
            Assert.IsFalse(result.Succeeded, "an exit code of 3 is no success");
            Assert.AreEqual("out\n", result.Output);
            lines.Sort();
            Assert.AreEqual("e:wrong o:out", string.Join(" ", lines));
        }

        [Test]
        public void WhoAsksAQuestionGetsNoAnswerAndEnds()
        {
            CommandResult result = Run(TestPython.Script("input('Go on? ')"));
            Assert.IsTrue(result.ExitCode != 0 && !result.TimedOut, "the program waited for an answer");
        }

        [Test]
        public void ANeighboursPythonFoldersAreNotSeen()
        {
            Environment.SetEnvironmentVariable("PYTHONPATH", "/somewhere/else");
            try
            {
                CommandResult result = Run(TestPython.Script("import os; print(os.environ.get('PYTHONPATH'))"));
                Assert.AreEqual("None", result.Output.Trim());
            }
            finally
            {
                Environment.SetEnvironmentVariable("PYTHONPATH", null);
            }
        }

        [Test]
        public void WhatDoesNotExistSaysWhatToDo()
        {
            var error = Assert.Throws<AggregateException>(() => Run(new Command("/no/such/program")));
            var failed = (WorkFailedException)error.InnerException;
            Assert.IsTrue(failed.Message.Contains("installed"), failed.Message);
            Assert.IsFalse(failed.Message.Contains("/no/such"), "the message names a folder");
        }

        [Test]
        public void ATimeoutEndsTheProgramAndItsChildren()
        {
            Command command = TestPython.Script(Parent);
            command.TimeoutMs = 1000;
            CommandResult result = Run(command);
            Assert.IsTrue(result.TimedOut, "it was not told that the time ran out");
            AssertGone(int.Parse(result.Output.Trim()));
        }

        [Test]
        public void CancellingEndsTheProgramAndItsChildren()
        {
            using (var cancel = new CancellationTokenSource())
            {
                int child = 0;
                Task<CommandResult> running = new ProcessRunner().RunAsync(
                    TestPython.Script(Parent), line => int.TryParse(line.Text, out child), cancel.Token);
                Wait.Until(() => Volatile.Read(ref child) > 0, "the child's number");
                cancel.Cancel();
                var error = Assert.Throws<AggregateException>(() => running.Wait(10000));
                Assert.IsTrue(error.InnerException is TaskCanceledException, "ended with " + error.InnerException);
                AssertGone(child);
            }
        }

        [Test]
        public void APolitelyAskedProgramCleansUp()
        {
            using (var folder = new TestFolder())
            using (var cancel = new CancellationTokenSource())
            {
                string mark = Path.Combine(folder.Path, "cleaned");
                const string code = "import sys, time\ntry:\n    print('go')\n    time.sleep(60)\nfinally:\n    open(sys.argv[1], 'w').close()\n";
                bool began = false;
                Task<CommandResult> running = new ProcessRunner().RunAsync(
                    TestPython.Script("import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + code, mark),
                    line => began = true, cancel.Token);
                Wait.Until(() => Volatile.Read(ref began), "the program's first line");
                cancel.Cancel();
                Assert.Throws<AggregateException>(() => running.Wait(10000));
                Assert.IsTrue(File.Exists(mark), "it was killed without being asked");
            }
        }

        [Test]
        public void WorkRunsOneAtATimeAndTellsItsEnd()
        {
            var work = new Work();
            var go = new TaskCompletionSource<string>();
            Assert.IsTrue(work.TryStart("first", cancel => go.Task), "the first was refused");
            Assert.IsFalse(work.TryStart("second", cancel => go.Task), "a second began beside the first");
            work.Report(0.5, "half");
            work.Report(0.2, "backwards");
            Assert.AreEqual(0.5, work.Fraction);
            Assert.AreEqual("backwards", work.Text);
            int before = work.Revision;
            go.SetResult("all done");
            Wait.For(work);
            Assert.AreEqual(WorkState.Done, work.State);
            Assert.AreEqual("all done", work.Text);
            Assert.AreEqual(1.0, work.Fraction);
            Assert.IsTrue(work.Revision > before, "the end did not change the revision");
        }

        [Test]
        public void WorkThatFailsUnforeseenSaysSo()
        {
            var work = new Work();
            work.TryStart("odd", cancel => { throw new InvalidOperationException("odd thing."); });
            Wait.For(work);
            Assert.AreEqual(WorkState.Failed, work.State);
            Assert.IsTrue(work.Problem.Contains("odd thing."), work.Problem);
            Assert.IsTrue(work.TryStart("again", cancel => Task.FromResult("")), "after a failure nothing can begin");
            Wait.For(work);
            Assert.AreEqual("", work.Problem);
        }

        private static CommandResult Run(Command command)
        {
            return new ProcessRunner().RunAsync(command, null, CancellationToken.None).Result;
        }

        private static IReadOnlyList<string> Split(string text)
        {
            var splitter = new LineSplitter();
            var lines = new List<string>();
            string line;
            foreach (char next in text)
            {
                if (splitter.Add(next, out line)) { lines.Add(line); }
            }
            if (splitter.TryEnd(out line)) { lines.Add(line); }
            return lines;
        }

        private static void AssertGone(int pid)
        {
            Wait.Until(() => !IsAlive(pid), "the end of process " + pid);
        }

        private static bool IsAlive(int pid)
        {
            try
            {
                string stat = File.ReadAllText("/proc/" + pid + "/stat");
                return stat[stat.LastIndexOf(')') + 2] != 'Z';
            }
            catch (IOException)
            {
                return false;
            }
        }
    }
}
