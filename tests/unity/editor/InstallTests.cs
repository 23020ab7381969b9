using System;
using System.Collections.Generic;
using System.IO;
using NUnit.Framework;

namespace Vitrine.Editor.Tests
{
    [TestFixture]
    public sealed class InstallTests : IDisposable
    {
        private const string Begin = "{\"event\": \"begin\", \"task\": \"download\", \"done\": 0, \"total\": 100, \"unit\": \"bytes\", \"text\": \"\"}";
        private const string Half = "{\"event\": \"advance\", \"task\": \"download\", \"done\": 50, \"total\": 100, \"unit\": \"bytes\", \"text\": \"\"}";
        private readonly TestFolder _test = new TestFolder();
        private readonly ScriptedRunner _runner = new ScriptedRunner();
        private readonly EnvironmentInstaller _installer;
        private readonly string _folder;

        public InstallTests()
        {
            _folder = Path.Combine(_test.Path, "python");
            _installer = new EnvironmentInstaller(_runner, new PythonFinder(_runner, false, name => true), _folder, false);
            Answer("python3.12 ", "3.12|/usr/bin/python3.12");
            _runner.When("-m venv").Effect = MakeEnvironment;
            _runner.When("uninstall");
            _runner.When("pip", " install ").Lines.Add("Collecting numpy");
            _runner.When("--version").Lines.Add("vitrine 0.1.0");
            _runner.When("models install vision").Lines.AddRange(new[] { Begin, Half });
        }

        public void Dispose()
        {
            _test.Dispose();
        }

        [Test]
        public void EveryStepRunsOnceInOrder()
        {
            Start(new InstallChoice());
            Assert.AreEqual(WorkState.Done, _installer.Work.State, _installer.Work.Problem);
            Assert.AreEqual(6, _runner.Ran.Length);
            string[] words = { "ensurepip", "-m venv " + _folder, "uninstall -y onnxruntime-gpu onnxruntime-directml", "vitrine-vr[cpu]", "-m sidecar --version", "-m sidecar models install vision --yes --json" };
            for (int i = 0; i < words.Length; i++) { Assert.IsTrue(_runner.Ran[i].Contains(words[i]), _runner.Ran[i]); }
            Assert.IsTrue(_installer.IsInstalled, "it is not known to be installed");
            Assert.IsTrue(_installer.Work.Text.Contains("3.12") && _installer.Work.Text.Contains("cpu"), _installer.Work.Text);
        }

        [Test]
        public void NothingGoesThroughAShell()
        {
            string checkout = Path.Combine(_test.Path, "a b; touch x");
            _test.Write("a b; touch x/pyproject.toml", "name = \"vitrine-vr\"");
            IReadOnlyList<InstallStep> steps = InstallPlan.Make(
                _folder, new PythonChoice("/usr/bin/python3", "3.11"), new InstallChoice { Checkout = checkout, Flavour = InstallFlavour.Cuda }, false, false);
            Command package = steps[2].Command;
            Assert.AreEqual(checkout + "[cuda]", package.Arguments[package.Arguments.Count - 1]);
            foreach (InstallStep step in steps)
            {
                Assert.IsTrue(step.Command.File.Contains("python"), step.Command.File);
                Assert.IsTrue(step.Weight > 0 && step.Title.Length > 0, step.Id);
            }
        }

        [Test]
        public void ProgressNeverFallsAndSaysWhatGoesOn()
        {
            var seen = new List<double>();
            var texts = new List<string>();
            Scripted models = _runner.When("models install vision");
            models.Lines.AddRange(new[] { Begin, Half });
            models.Effect = () => { seen.Add(_installer.Work.Fraction); texts.Add(_installer.Work.Text); };
            Start(new InstallChoice());
            Assert.AreEqual(1, seen.Count);
            Assert.IsTrue(seen[0] > 0.6 && seen[0] < 1, "at " + seen[0]);
            Assert.IsTrue(texts[0].StartsWith("Installing the vision models: download: 0 kB of 0 kB", StringComparison.Ordinal), texts[0]);
            Assert.AreEqual(1.0, _installer.Work.Fraction);
        }

        [Test]
        public void AFailedStepSaysWhatToDoAndTheNextRunGoesOnThere()
        {
            Scripted pip = _runner.When("pip", " install ");
            pip.ExitCode = 1;
            pip.Lines.Add("ERROR: No matching distribution found for vitrine-vr");
            Start(new InstallChoice());
            Assert.AreEqual(WorkState.Failed, _installer.Work.State);
            Assert.IsTrue(_installer.Work.Problem.Contains("folder of a checkout"), _installer.Work.Problem);
            Assert.IsTrue(_installer.Work.Problem.EndsWith("press Go on.", StringComparison.Ordinal), _installer.Work.Problem);
            Assert.AreEqual("ERROR: No matching distribution found for vitrine-vr", _installer.Work.LastLines[0]);
            Assert.IsTrue(_installer.IsPartial && !_installer.IsInstalled, "a half installation passes for a whole one");
            _runner.When("pip", " install ");
            Start(new InstallChoice());
            Assert.AreEqual(WorkState.Done, _installer.Work.State);
            Assert.AreEqual(1, _runner.Count("-m venv"));
            Assert.AreEqual(2, _runner.Count("pip --disable-pip-version-check --no-input install"));
        }

        [Test]
        public void AnUnknownFailureShowsTheExitCode()
        {
            Scripted pip = _runner.When("pip", " install ");
            pip.ExitCode = 7;
            pip.Lines.Add("something odd");
            Start(new InstallChoice());
            Assert.IsTrue(_installer.Work.Problem.Contains("exit code 7"), _installer.Work.Problem);
        }

        [Test]
        public void TheSidecarsOwnSentenceIsShown()
        {
            Scripted models = _runner.When("models install vision");
            models.ExitCode = 1;
            models.Lines.Add("{\"event\": \"error\", \"task\": \"\", \"text\": \"The registry cannot be reached.\"}");
            Start(new InstallChoice());
            Assert.IsTrue(_installer.Work.Problem.Contains("The registry cannot be reached."), _installer.Work.Problem);
        }

        [Test]
        public void AStepThatHangsIsToldAsSuch()
        {
            _runner.When("-m venv").TimedOut = true;
            Start(new InstallChoice());
            Assert.IsTrue(_installer.Work.Problem.Contains("took too long"), _installer.Work.Problem);
        }

        [Test]
        public void CancellingStopsAndGoesOnLater()
        {
            _runner.When("pip", " install ").Hangs = true;
            Assert.IsTrue(_installer.TryStart(new InstallChoice()), "it does not begin");
            Wait.Until(() => _runner.Count("vitrine-vr[cpu]") == 1, "pip");
            Assert.IsFalse(_installer.TryStart(new InstallChoice()), "a second installation began");
            _installer.Work.Cancel();
            Wait.For(_installer.Work);
            Assert.AreEqual(WorkState.Cancelled, _installer.Work.State);
            Assert.IsTrue(_installer.IsPartial, "what was done is forgotten");
            _runner.When("pip", " install ");
            Start(new InstallChoice());
            Assert.AreEqual(WorkState.Done, _installer.Work.State);
            Assert.AreEqual(1, _runner.Count("-m venv"));
        }

        [Test]
        public void AnInstalledOneIsBroughtUpToDate()
        {
            Start(new InstallChoice());
            Start(new InstallChoice());
            Assert.AreEqual(WorkState.Done, _installer.Work.State);
            Assert.AreEqual(1, _runner.Count("-m venv"));
            Assert.AreEqual(2, _runner.Count("vitrine-vr[cpu]"));
            Assert.AreEqual(2, _runner.Count("models install vision"));
        }

        [Test]
        public void AnotherRuntimeReplacesTheFirst()
        {
            Start(new InstallChoice());
            Start(new InstallChoice { Flavour = InstallFlavour.DirectMl });
            Assert.AreEqual(1, _runner.Count("-m venv"));
            Assert.AreEqual(1, _runner.Count("uninstall -y onnxruntime onnxruntime-gpu"));
            Assert.AreEqual(1, _runner.Count("vitrine-vr[directml]"));
        }

        [Test]
        public void AnotherPythonMakesTheEnvironmentAnew()
        {
            Start(new InstallChoice());
            Answer("/opt/python3.11 ", "3.11|/opt/python3.11");
            Start(new InstallChoice { Python = "/opt/python3.11" });
            Assert.AreEqual(WorkState.Done, _installer.Work.State);
            Assert.AreEqual(1, _runner.Count("/opt/python3.11 -m venv --clear"));
            Assert.AreEqual(2, _runner.Count("vitrine-vr[cpu]"));
        }

        [Test]
        public void AnEnvironmentMadeAnewForgetsWhatWasInTheOld()
        {
            _runner.When("--version").ExitCode = 1;
            Start(new InstallChoice());
            Assert.AreEqual(1, _runner.Count("vitrine-vr[cpu]"));
            _runner.When("--version");
            Answer("/opt/python3.11 ", "3.11|/opt/python3.11");
            _runner.When("uninstall").ExitCode = 1;
            Start(new InstallChoice { Python = "/opt/python3.11" });
            Assert.AreEqual(WorkState.Failed, _installer.Work.State);
            _runner.When("uninstall");
            Start(new InstallChoice { Python = "/opt/python3.11" });
            Assert.AreEqual(WorkState.Done, _installer.Work.State);
            Assert.AreEqual(2, _runner.Count("vitrine-vr[cpu]"));
        }

        [Test]
        public void WhatIsNoEnvironmentIsNotDeleted()
        {
            Directory.CreateDirectory(_folder);
            string treasure = _test.Write("python/thesis.txt", "years of work");
            Start(new InstallChoice());
            Assert.AreEqual(WorkState.Failed, _installer.Work.State);
            Assert.IsTrue(_installer.Work.Problem.Contains("does not delete"), _installer.Work.Problem);
            Assert.IsTrue(File.Exists(treasure), "a stranger's file is gone");
            Assert.AreEqual(0, _runner.Count("venv " + _folder));
        }

        [Test]
        public void AFolderThatIsNoCheckoutIsRefused()
        {
            Start(new InstallChoice { Checkout = _test.Path });
            Assert.IsTrue(_installer.Work.Problem.Contains("no checkout"), _installer.Work.Problem);
            Assert.AreEqual(0, _runner.Ran.Length);
        }

        [Test]
        public void TheCheckoutAroundThePackageIsFound()
        {
            string package = Path.Combine(_test.Path, "unity_bridge");
            Directory.CreateDirectory(package);
            Assert.IsTrue(InstallChoice.CheckoutBeside(package) == null, "a folder without pyproject.toml passes");
            _test.Write("pyproject.toml", "[project]\nname = \"other\"\n");
            Assert.IsTrue(InstallChoice.CheckoutBeside(package) == null, "another project passes");
            _test.Write("pyproject.toml", "[project]\nname = \"vitrine-vr\"\n");
            Assert.AreEqual(_test.Path, InstallChoice.CheckoutBeside(package));
            Assert.IsTrue(InstallChoice.CheckoutBeside(null) == null, "no folder has a checkout");
        }

        [Test]
        public void TheCardDecidesWhatIsSuggested()
        {
            Assert.AreEqual(InstallFlavour.Cuda, InstallChoice.Suggest("NVIDIA GeForce RTX 4070", true));
            Assert.AreEqual(InstallFlavour.DirectMl, InstallChoice.Suggest("AMD Radeon RX 7800", true));
            Assert.AreEqual(InstallFlavour.Cpu, InstallChoice.Suggest("AMD Radeon RX 7800", false));
            Assert.AreEqual(InstallFlavour.Cpu, InstallChoice.Suggest(null, false));
        }

        private void Start(InstallChoice choice)
        {
            Assert.IsTrue(_installer.TryStart(choice), "it does not begin");
            Wait.For(_installer.Work);
        }

        private void Answer(string python, string line)
        {
            _runner.When(python, "ensurepip").Lines.Add(line);
        }

        private void MakeEnvironment()
        {
            if (Directory.Exists(_folder)) { Directory.Delete(_folder, true); }
            _test.Write("python/pyvenv.cfg", "home = /usr/bin\n");
            _test.Write("python/bin/python", "");
        }
    }
}
