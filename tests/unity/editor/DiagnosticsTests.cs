using System;
using System.Collections.Generic;
using NUnit.Framework;

namespace Vitrine.Editor.Tests
{
    [TestFixture]
    public sealed class DiagnosticsTests : IDisposable
    {
        private const string Token = "Zk3v9QpLr8xT2mWbYc71nHsDgEoUaJ4iKf6R_Vt-B0w";
        private readonly TestFolder _test = new TestFolder();

        public void Dispose()
        {
            _test.Dispose();
        }

        [Test]
        public void NothingOfAPersonStays()
        {
            var redactor = new Redactor("C:\\Users\\Maria Lopez", "mlopez", "MARIA-PC");
            string clean = redactor.Clean(
                "C:\\Users\\Maria Lopez\\shop, C:/Users/Maria Lopez/x, /home/otto/y, D:\\Users\\Eva\\z, MLOPEZ on maria-pc, " + Token);
            foreach (string left in new[] { "Maria", "mlopez", "MLOPEZ", "otto", "Eva", "maria-pc", Token, "9QpLr8" })
            {
                Assert.IsFalse(clean.Contains(left), left + " stays in: " + clean);
            }
            Assert.IsTrue(clean.Contains("~\\shop") && clean.Contains("/home/<user>/y"), clean);
        }

        [Test]
        public void WhatIsUsefulStays()
        {
            const string useful = "3.11.7 on Linux-6.18.44-fc-v782-x86_64-with-glibc2.36, onnxruntime-gpu 1.20.0, person-segmentation, "
                + "NVIDIA GeForce RTX 4070 Ti SUPER, the art of smart parts";
            Assert.AreEqual(useful, new Redactor("/home/ar", "ar", "x").Clean(useful));
        }

        [Test]
        public void ANameInsideAWordIsLeft()
        {
            Assert.AreEqual("<user> starts started", new Redactor("/nowhere", "art", "").Clean("art starts started"));
        }

        [Test]
        public void AHexadecimalTokenGoesToo()
        {
            string clean = new Redactor("", "", "").Clean("key=0123456789abcdef0123456789abcdef end");
            Assert.IsFalse(clean.Contains("0123456789abcdef"), clean);
            Assert.IsTrue(clean.EndsWith(" end", StringComparison.Ordinal), clean);
        }

        [Test]
        public void TheReportHoldsWhatHappened()
        {
            var runner = new ScriptedRunner();
            Scripted python = runner.When("ensurepip");
            python.Lines.Add("3.12|/home/somebody/python3.12");
            Scripted venv = runner.When("-m venv");
            venv.ExitCode = 1;
            venv.Lines.Add("Error in /home/somebody/env with " + Token);
            EditorModel model = Model(runner);
            model.Installer.TryStart(new InstallChoice());
            Wait.For(model.Installer.Work);
            runner.When("doctor").Lines.Add("{\"version\": \"0.1.0\", \"providers\": [\"cpu\"], \"problems\": [{\"what\": \"model iris is missing\", \"mend\": \"vitrine models install iris\"}]}");
            model.Doctor.TryStart();
            Wait.For(model.Doctor.Work);
            string text = model.Diagnose(new[] { new Figure("Unity", "2022.3.0f1") }, new Redactor("/home/somebody", "somebody", "box"));
            foreach (string wanted in new[] { "Unity: 2022.3.0f1", "state: Not running", "really runs on: cpu", "model iris is missing", "exit code 1", "Error in ~/env" })
            {
                Assert.IsTrue(text.Contains(wanted), wanted + " is missing in:\n" + text);
            }
            Assert.IsFalse(text.Contains("somebody") || text.Contains(Token), text);
        }

        [Test]
        public void LiveFiguresAreAskedOnceASecondAndOnlyWithAServer()
        {
            var clock = new HandClock();
            int asked = 0;
            IReadOnlyList<Figure> game = new[] { new Figure("Answers a second", "30.0") };
            var live = new LatencyPanelModel(() => { asked++; return null; }, () => game, clock);
            live.Poll();
            live.Poll();
            clock.Pass(500);
            live.Poll();
            Assert.AreEqual(1, asked);
            clock.Pass(600);
            live.Poll();
            Assert.AreEqual(2, asked);
            Assert.AreEqual("30.0", live.Game[0].Value);
            Assert.AreEqual(0, live.Server.Count);
            Assert.IsTrue(live.Text.StartsWith("No server answers.", StringComparison.Ordinal), live.Text);
        }

        private EditorModel Model(ScriptedRunner runner)
        {
            var places = new EditorPlaces
            {
                EnvironmentFolder = System.IO.Path.Combine(_test.Path, "python"), IsWindows = false,
                ProcessOptions = () => new ProcessOptions { Executable = TestPython.File, RunFolder = _test.Path }
            };
            return new EditorModel(
                runner, new PythonFinder(runner, false, name => true), places, new HeldMemory(), () => new Figure[0], new HandClock());
        }
    }
}
