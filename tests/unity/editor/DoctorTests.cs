using System;
using System.Collections.Generic;
using NUnit.Framework;

namespace Vitrine.Editor.Tests
{
    [TestFixture]
    public sealed class DoctorTests
    {
        private const string Sick =
            "{\"version\": \"0.1.0\", \"python\": \"3.11.7 on Linux\", \"onnxruntime\": {\"onnxruntime\": \"1.20.0\"}, "
            + "\"providers\": [\"cuda\"], \"models\": [{\"name\": \"iris\", \"state\": \"missing\", \"bytes\": 2646536, "
            + "\"licence\": \"Apache-2.0\", \"device\": \"\", \"provider\": \"\"}, {\"name\": \"hand\", \"state\": "
            + "\"installed\", \"bytes\": 5447891, \"licence\": \"Apache-2.0\", \"device\": \"\", \"provider\": \"cuda\"}], "
            + "\"run\": \"not running\", \"disk_free_bytes\": 79770263552, \"problems\": [{\"what\": \"model iris is missing\", "
            + "\"mend\": \"vitrine models install iris\"}, {\"what\": \"odd\", \"mend\": \"vitrine models install --packs /etc\"}]}";

        private readonly ScriptedRunner _runner = new ScriptedRunner();

        [Test]
        public void AVerdictWithProblemsIsRead()
        {
            Scripted script = _runner.When("doctor --json");
            script.ExitCode = 1;
            script.Lines.Add("a warning of Python");
            script.Lines.Add(Sick);
            Doctor doctor = Examine(new Doctor(_runner, Tool));
            DoctorReport report = doctor.Report;
            Assert.IsFalse(report.IsHealthy, "problems pass for health");
            Assert.AreEqual("cuda", report.ProviderText);
            Assert.AreEqual("onnxruntime 1.20.0", report.Runtimes[0]);
            Assert.AreEqual(1, report.Installed);
            Assert.AreEqual("cuda", report.Packs[1].Provider);
            Assert.AreEqual("iris", report.Problems[0].Pack);
            Assert.AreEqual("79.8 GB", Sizes.Of(report.FreeBytes));
            Assert.AreEqual("There is something to mend.", doctor.Work.Text);
        }

        [Test]
        public void AMendThatIsNoPackGetsNoButton()
        {
            _runner.When("doctor --json").Lines.Add(Sick);
            Assert.AreEqual("", Examine(new Doctor(_runner, Tool)).Report.Problems[1].Pack);
        }

        [Test]
        public void WhatIsNoVerdictIsAProblem()
        {
            foreach (string said in new[] { "Traceback (most recent call last):", "[1, 2]", "{\"a\": 1}", "{broken" })
            {
                var runner = new ScriptedRunner();
                runner.When("doctor --json").Lines.Add(said);
                Doctor doctor = Examine(new Doctor(runner, Tool));
                Assert.AreEqual(WorkState.Failed, doctor.Work.State, said);
                Assert.IsTrue(doctor.Work.Problem.Contains("Install"), doctor.Work.Problem);
                Assert.IsTrue(doctor.Report == null, "a verdict out of nothing");
            }
        }

        [Test]
        public void FieldsOfAnotherKindAreLeftOut()
        {
            DoctorReport report;
            const string odd = "{\"version\": 7, \"providers\": \"cpu\", \"models\": [3, {\"name\": 5}], \"disk_free_bytes\": \"much\", \"problems\": {}}";
            Assert.IsTrue(DoctorReport.TryParse(odd, out report), "it is a verdict all the same");
            Assert.AreEqual("", report.Version);
            Assert.AreEqual("nothing yet", report.ProviderText);
            Assert.AreEqual(0, report.Packs.Count);
            Assert.AreEqual(0.0, report.FreeBytes);
        }

        [Test]
        public void AVerdictSurvivesAFailedExamination()
        {
            _runner.When("doctor --json").Lines.Add(Sick);
            Doctor doctor = Examine(new Doctor(_runner, Tool));
            _runner.When("doctor --json").TimedOut = true;
            Examine(doctor);
            Assert.IsTrue(doctor.Work.Problem.Contains("took too long"), doctor.Work.Problem);
            Assert.IsTrue(doctor.Report != null, "the last verdict is gone");
        }

        [Test]
        public void WithoutASidecarItSaysHowToGetOne()
        {
            var doctor = new Doctor(_runner, () => SidecarTool.Find("/no/such/python"));
            Examine(doctor);
            Assert.IsTrue(doctor.Work.Problem.Contains("Project Settings > Vitrine"), doctor.Work.Problem);
        }

        [Test]
        public void TheRealDoctorIsUnderstood()
        {
            var doctor = new Doctor(new ProcessRunner(), () => SidecarTool.OfPython(TestPython.File));
            Assert.IsTrue(doctor.TryStart(), "it does not begin");
            Assert.IsTrue(doctor.Work.Finished.Wait(90000), "it does not end");
            Assert.AreEqual("", doctor.Work.Problem);
            DoctorReport report = doctor.Report;
            Assert.IsTrue(report.Version.Length > 0 && report.Python.StartsWith("3.", StringComparison.Ordinal), report.Python);
            Assert.IsTrue(report.Packs.Count >= 10 && report.FreeBytes > 0, "no models or no disk");
            Assert.IsTrue(report.Runtimes.Count == 1, "runtimes: " + string.Join(", ", report.Runtimes));
            Assert.AreEqual(report.IsHealthy, report.Problems.Count == 0);
            foreach (PackRow row in report.Packs) { Assert.IsTrue(row.Bytes > 0 && row.Licence.Length > 0, row.Name); }
        }

        private static Doctor Examine(Doctor doctor)
        {
            Assert.IsTrue(doctor.TryStart(), "it does not begin");
            Wait.For(doctor.Work);
            return doctor;
        }

        private static SidecarTool Tool()
        {
            return SidecarTool.OfPython("/env/bin/python");
        }
    }

    [TestFixture]
    public sealed class PackTests
    {
        private const string Listing =
            "[{\"name\": \"iris\", \"state\": \"missing\", \"bytes\": 2646536, \"licence\": \"Apache-2.0\", \"device\": \"\"}, "
            + "{\"name\": \"hand\", \"state\": \"installed\", \"bytes\": 5447891, \"licence\": \"Apache-2.0\", \"device\": \"\"}]";

        private readonly ScriptedRunner _runner = new ScriptedRunner();
        private readonly PackList _packs;

        public PackTests()
        {
            _packs = new PackList(_runner, () => SidecarTool.OfPython("/env/bin/python"));
            _runner.When("models list --json").Lines.Add(Listing);
        }

        [Test]
        public void PacksAreListed()
        {
            Assert.IsTrue(_packs.TryList(), "it does not begin");
            Wait.For(_packs.Work);
            Assert.AreEqual(2, _packs.Rows.Count);
            Assert.AreEqual(5447891.0, _packs.InstalledBytes);
            Assert.AreEqual("2.6 MB", Sizes.Of(_packs.Rows[0].Bytes));
        }

        [Test]
        public void InstallingShowsProgressAndListsAnew()
        {
            double seen = 0;
            Scripted script = _runner.When("models install iris --yes --json");
            script.Lines.Add("{\"event\": \"plan\", \"task\": \"install\", \"total\": 36000000, \"unit\": \"bytes\", \"text\": \"iris\"}");
            script.Lines.Add("{\"event\": \"begin\", \"task\": \"mediapipe\", \"total\": 36000000, \"unit\": \"bytes\", \"text\": \"\"}");
            script.Lines.Add("{\"event\": \"advance\", \"task\": \"mediapipe\", \"done\": 18000000, \"total\": 36000000, \"unit\": \"bytes\", \"text\": \"\"}");
            string text = "";
            script.Effect = () => { seen = _packs.Work.Fraction; text = _packs.Work.Text; };
            Assert.IsTrue(_packs.TryInstall("iris"), "it does not begin");
            Wait.For(_packs.Work);
            Assert.AreEqual("mediapipe: 18 MB of 36 MB", text);
            Assert.IsTrue(seen > 0.1 && seen < 0.2, "at " + seen);
            Assert.AreEqual(2, _packs.Rows.Count);
            Assert.AreEqual("iris is installed and was checked.", _packs.Work.Text);
        }

        [Test]
        public void AFailedInstallationSaysWhy()
        {
            Scripted script = _runner.When("models install iris");
            script.ExitCode = 1;
            script.Lines.Add("{\"event\": \"error\", \"text\": \"The hash is wrong.\"}");
            _packs.TryInstall("iris");
            Wait.For(_packs.Work);
            Assert.IsTrue(_packs.Work.Problem.Contains("The hash is wrong."), _packs.Work.Problem);
        }

        [Test]
        public void RemovingListsAnewAndAFailureSaysWhatToDo()
        {
            _runner.When("models remove hand");
            _packs.TryRemove("hand");
            Wait.For(_packs.Work);
            Assert.AreEqual("hand was removed.", _packs.Work.Text);
            _runner.When("models remove hand").ExitCode = 1;
            _packs.TryRemove("hand");
            Wait.For(_packs.Work);
            Assert.IsTrue(_packs.Work.Problem.Contains("Stop the sidecar"), _packs.Work.Problem);
        }

        [Test]
        public void WhatIsNoNameReachesNoCommand()
        {
            foreach (string name in new[] { null, "", "--yes", "-x", "a b", "a;b", "../x", "A", new string('a', 65) })
            {
                Assert.IsFalse(PackList.IsName(name), "a name: " + name);
                Assert.IsFalse(_packs.TryInstall(name) || _packs.TryRemove(name), "it began: " + name);
            }
            Assert.AreEqual(0, _runner.Ran.Length);
            Assert.IsTrue(PackList.IsName("pose-lite"), "a real name is refused");
        }

        [Test]
        public void TheRealListIsUnderstood()
        {
            var packs = new PackList(new ProcessRunner(), () => SidecarTool.OfPython(TestPython.File));
            packs.TryList();
            Assert.IsTrue(packs.Work.Finished.Wait(60000), "it does not end");
            Assert.AreEqual("", packs.Work.Problem);
            Assert.IsTrue(packs.Rows.Count >= 10, "rows: " + packs.Rows.Count);
        }

        [Test]
        public void ProgressOfOddEventsDoesNotBreak()
        {
            var progress = new ModelProgress();
            foreach (string line in new[] { "plain text", "{}", "{\"event\": 5}", "{\"event\": \"advance\", \"task\": \"x\"}", "{\"event\": \"end\", \"task\": \"y\"}", "[{}]" })
            {
                progress.TryTake(line);
                Assert.IsTrue(progress.Fraction >= 0 && progress.Fraction <= 1, line);
            }
            Assert.IsTrue(progress.Fraction > 0, "an end counts for nothing");
        }
    }
}
