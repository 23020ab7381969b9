using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using NUnit.Framework;
using UnityEditor;
using UnityEditor.Fakes;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine.Samples;
using Vitrine.Samples.Editing;

namespace Vitrine.Editor.Tests
{
    [TestFixture]
    public sealed class ScenarioTests
    {
        private const double Frame = 1 / 90.0;

        [Test]
        public void PhasesFollowEachOther()
        {
            var runner = new ScenarioRunner(new ScenarioPlan { WarmUpS = 1, SteadyS = 2, ChangingS = 3 });
            var seen = new List<ScenarioPhase>();
            for (int i = 0; i < 90 * 7; i++)
            {
                runner.AddFrame(100 + i * Frame, Frame * 1000);
                if (seen.Count == 0 || seen[seen.Count - 1] != runner.Phase) { seen.Add(runner.Phase); }
            }
            Assert.AreEqual("WarmUp Steady Changing Done", string.Join(" ", seen));
            Assert.AreEqual(1.0, runner.Fraction);
        }

        [Test]
        public void OnlyWhatCameAfterTheWarmUpCounts()
        {
            var runner = new ScenarioRunner(new ScenarioPlan { WarmUpS = 1, SteadyS = 1, ChangingS = 1, CallEveryS = 0 });
            for (int i = 0; i < 90 * 4; i++)
            {
                runner.AddFrame(i * Frame, Frame * 1000);
                runner.AddAge(runner.Phase == ScenarioPhase.WarmUp ? 1000 : runner.Phase == ScenarioPhase.Steady ? 30 : 40);
            }
            Assert.AreEqual(30.0, Row(runner, "age when shown").Percentile(100));
            Assert.AreEqual(40.0, Row(runner, "age when shown, product changes").Percentile(0));
            Assert.AreEqual(90, Row(runner, "age when shown").Count);
            Assert.AreEqual(180, Row(runner, "frame interval").Count);
        }

        [Test]
        public void ProductsChangeAndCallsComeAtTheirTimes()
        {
            var runner = new ScenarioRunner(new ScenarioPlan { WarmUpS = 1, SteadyS = 2, ChangingS = 3, ChangeEveryS = 1, CallEveryS = 0.5 });
            int changes = 0, calls = 0;
            for (int i = 0; i < 90 * 7; i++)
            {
                runner.AddFrame(5 + i * Frame, Frame * 1000);
                changes += runner.TakeChange() ? 1 : 0;
                calls += runner.TakeCall() ? 1 : 0;
                Assert.IsTrue(changes == 0 || runner.Phase != ScenarioPhase.Steady, "a change before its time");
            }
            Assert.AreEqual(3, changes);
            Assert.AreEqual(10, calls);
        }

        [Test]
        public void MissedFramesAreCountedBySecond()
        {
            var runner = new ScenarioRunner(new ScenarioPlan { WarmUpS = 0, SteadyS = 4, ChangingS = 0 });
            double now = 0;
            runner.AddFrame(now, Frame * 1000);
            for (int i = 0; i < 400; i++)
            {
                bool hitch = i == 20 || i == 21;
                double took = hitch ? 3 * Frame : Frame;
                now += took;
                runner.AddFrame(now, took * 1000);
            }
            Series missed = Row(runner, "missed frames");
            Assert.AreEqual(4.0, missed[0]);
            Assert.AreEqual(0.0, missed[1]);
            Assert.IsTrue(missed.Count >= 3, "seconds: " + missed.Count);
        }

        [Test]
        public void AnEmptySeriesIsLeftOutAndAFullOneCounts()
        {
            var runner = new ScenarioRunner(new ScenarioPlan { WarmUpS = 0, SteadyS = 1, ChangingS = 0 });
            runner.AddFrame(0, 11);
            foreach (Series row in runner.Measured) { Assert.IsTrue(row.Count > 0, row.Name); }
            var series = new Series("x", "ms", 2);
            series.Add(1);
            series.Add(double.NaN);
            series.Add(3);
            series.Add(4);
            Assert.AreEqual(2, series.Count);
            Assert.AreEqual(1, series.LeftOut);
            Assert.AreEqual(3.0, series.Percentile(99));
        }

        [Test]
        public void APlanWithoutTimeIsRefused()
        {
            Assert.Throws<ArgumentException>(() => new ScenarioRunner(new ScenarioPlan { SteadyS = 0, ChangingS = 0 }));
            Assert.Throws<ArgumentException>(() => new ScenarioRunner(new ScenarioPlan { RefreshHz = 0 }));
        }

        [Test]
        public void TheFileIsJsonWhateverTheCulture()
        {
            System.Globalization.CultureInfo before = System.Threading.Thread.CurrentThread.CurrentCulture;
            System.Threading.Thread.CurrentThread.CurrentCulture = new System.Globalization.CultureInfo("de-DE");
            try
            {
                var series = new Series("age when shown", "ms", 4);
                series.Add(12.34567);
                series.Add(8);
                var environment = new[] { new KeyValuePair<string, string>("graphics_card", "a \"quoted\" card\\") };
                WireMap file = JsonText.Parse(LatencyFile.Json(environment, 72, new[] { series })).AsMap;
                Assert.AreEqual("unity-latency", file["scenario"].AsString);
                Assert.AreEqual(72.0, file["environment"].AsMap["refresh_hz"].AsDouble);
                Assert.AreEqual("a \"quoted\" card\\", file["environment"].AsMap["graphics_card"].AsString);
                WireMap row = file["rows"].AsArray[0].AsMap;
                Assert.AreEqual("ms", row["unit"].AsString);
                Assert.AreEqual(12.3457, row["samples"].AsArray[0].AsDouble);
                Assert.AreEqual("name,unit,value\n\"age when shown\",\"ms\",12.3457\n\"age when shown\",\"ms\",8\n", LatencyFile.Csv(new[] { series }));
            }
            finally
            {
                System.Threading.Thread.CurrentThread.CurrentCulture = before;
            }
        }

        private static Series Row(ScenarioRunner runner, string name)
        {
            foreach (Series row in runner.Measured)
            {
                if (row.Name == name) { return row; }
            }
            throw new AssertionException("no row " + name);
        }
    }

    [TestFixture]
    public sealed class SampleSceneTests : IDisposable
    {
        private readonly FakeEditor _editor = new FakeEditor();

        public void Dispose()
        {
            _editor.Dispose();
        }

        [Test]
        public void BothSamplesBuildTheirSceneInOneStep()
        {
            int before = FakeScene.Count;
            _editor.Choose("GameObject/Vitrine/Samples/Quick Start");
            var script = Selection.activeGameObject.GetComponent<QuickStart>();
            Assert.IsTrue(script.Mirror != null && script.Mirror.Target != null, "the mirror is not wired");
            Undo.PerformUndo();
            Assert.AreEqual(before, FakeScene.Count);
            _editor.Choose("GameObject/Vitrine/Samples/Latency");
            var scenario = Selection.activeGameObject.GetComponent<LatencyScenario>();
            Assert.IsTrue(scenario.Mirror != null && scenario.Pacer != null, "the scenario is not wired");
            Undo.PerformUndo();
            Assert.AreEqual(before, FakeScene.Count);
        }

        [Test]
        public void TheLatencySceneMeasuresAndItsFileIsReadByTheBenchmarks()
        {
            using (var folder = new TestFolder())
            using (var server = new FakeServer())
            using (var player = new FakeUnity())
            {
                VitrineSettings.Current.StartSidecar = false;
                VitrineSettings.Current.RunFolder = server.RunFolder;
                FakeWebCam.SetFrames(64, 48, new byte[64 * 48 * 4]);
                LatencyScene.Build();
                var scenario = Selection.activeGameObject.GetComponent<LatencyScenario>();
                scenario.Folder = folder.Path;
                scenario.Mirror.Width = 64;
                scenario.Mirror.Height = 48;
                scenario.SetTimes(0.2f, 2, 2);
                bool done = player.StepUntil(() => scenario.Written != null, 30);
                Assert.IsTrue(done, scenario.Mirror.Status + " " + FakeLog.Faults);
                VitrineClient.ShutdownShared();
                Assert.AreEqual("", FakeLog.Faults);
                Assert.IsTrue(File.Exists(Path.ChangeExtension(scenario.Written, ".csv")), "no CSV");
                CheckRows(JsonText.Parse(File.ReadAllText(scenario.Written)).AsMap);
                CommandResult shown = new ProcessRunner().RunAsync(
                    new Command(TestPython.File, "-m", "benchmarks", "report", scenario.Written), null, default(CancellationToken)).Result;
                Assert.AreEqual(0, shown.ExitCode, string.Join("\n", shown.LastLines));
                Assert.IsTrue(shown.Output.Contains("age when shown"), shown.Output);
            }
        }

        private static void CheckRows(WireMap file)
        {
            var names = new List<string>();
            foreach (WireValue row in file["rows"].AsArray)
            {
                names.Add(row.AsMap["name"].AsString);
                Assert.IsTrue(row.AsMap["samples"].AsArray.Count > 0, "an empty row");
            }
            foreach (string wanted in new[] { "age when shown", "age when shown, product changes", "frame interval", "missed frames", "small call" })
            {
                Assert.IsTrue(names.Contains(wanted), wanted + " is not among " + string.Join("; ", names));
            }
        }

        [Test]
        public void TheNextProductComesInTurn()
        {
            _editor.Choose("GameObject/Vitrine/Samples/Quick Start");
            var script = Selection.activeGameObject.GetComponent<QuickStart>();
            script.Next();
            Assert.AreEqual("sample-glasses-2", script.Mirror.Product);
            for (int i = 0; i < 3; i++) { script.Next(); }
            Assert.AreEqual("sample-glasses-1", script.Mirror.Product);
        }
    }
}
