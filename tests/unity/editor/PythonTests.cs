using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using NUnit.Framework;

namespace Vitrine.Editor.Tests
{
    [TestFixture]
    public sealed class PythonTests
    {
        [Test]
        public void PythonsAreTriedInOrderAndWrongOnesPassedOver()
        {
            var runner = new ScriptedRunner();
            runner.When("python3.11 ").ExitCode = 1;
            runner.When("python3 ").Lines.Add("3.9|/usr/bin/python3");
            runner.When("python ").Lines.Add("3.13|/opt/python");
            var finder = new PythonFinder(runner, false, name => name == "python3.11" || name == "python3" || name == "python");
            PythonChoice choice = finder.FindAsync(null, CancellationToken.None).Result;
            Assert.AreEqual("/opt/python", choice.File);
            Assert.AreEqual("3.13", choice.Version);
            Assert.AreEqual(3, runner.Ran.Length);
        }

        [Test]
        public void OnWindowsTheLauncherComesFirst()
        {
            var finder = new PythonFinder(new ScriptedRunner(), true, name => true);
            IReadOnlyList<Command> candidates = finder.Candidates(null);
            Assert.AreEqual("py.exe", candidates[0].File);
            Assert.AreEqual("-3.12", candidates[0].Arguments[0]);
            Assert.AreEqual("python.exe", candidates[4].File);
        }

        [Test]
        public void WithoutAPythonAPersonReadsWhatToInstall()
        {
            string windows = Refusal(new PythonFinder(new ScriptedRunner(), true, name => false), null);
            Assert.IsTrue(windows.Contains("python.org") && windows.Contains("3.10 to 3.13"), windows);
            string linux = Refusal(new PythonFinder(new ScriptedRunner(), false, name => false), null);
            Assert.IsTrue(linux.Contains("apt-get install python3"), linux);
            var runner = new ScriptedRunner();
            Scripted bare = runner.When("python3.12 ");
            bare.ExitCode = 1;
            bare.Lines.Add("ModuleNotFoundError: No module named 'ensurepip'");
            string noVenv = Refusal(new PythonFinder(runner, false, name => name == "python3.12"), null);
            Assert.IsTrue(noVenv.Contains("python3-venv"), noVenv);
            string chosen = Refusal(new PythonFinder(new ScriptedRunner(), false, name => false), "/no/python");
            Assert.IsTrue(chosen.Contains("chosen Python"), chosen);
        }

        [Test]
        public void ThisMachinesPythonIsFound()
        {
            var runner = new ProcessRunner();
            PythonChoice choice = PythonFinder.OfThisMachine(runner).FindAsync(TestPython.File, CancellationToken.None).Result;
            Assert.IsTrue(File.Exists(choice.File), choice.File);
            Assert.IsTrue(choice.Version.StartsWith("3.1", StringComparison.Ordinal), choice.Version);
        }

        private static string Refusal(PythonFinder finder, string configured)
        {
            var error = Assert.Throws<AggregateException>(() => finder.FindAsync(configured, CancellationToken.None).Wait());
            return ((WorkFailedException)error.InnerException).Message;
        }
    }
}
