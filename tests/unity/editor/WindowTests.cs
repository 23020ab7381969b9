using System;
using System.IO;
using NUnit.Framework;
using UnityEditor;
using UnityEditor.Fakes;
using UnityEngine.Fakes;
using UnityEngine.UIElements;

namespace Vitrine.Editor.Tests
{
    [TestFixture]
    public sealed class WindowTests : IDisposable
    {
        private const string Sick =
            "{\"version\": \"0.1.0\", \"python\": \"3.12.1 on Windows\", \"onnxruntime\": {\"onnxruntime-gpu\": \"1.20.0\"}, "
            + "\"providers\": [\"cuda\"], \"models\": [], \"run\": \"not running\", \"disk_free_bytes\": 1000000000, "
            + "\"problems\": [{\"what\": \"model iris is missing\", \"mend\": \"vitrine models install iris\"}]}";
        private const string Listing =
            "[{\"name\": \"iris\", \"state\": \"missing\", \"bytes\": 2646536, \"licence\": \"Apache-2.0\"}, "
            + "{\"name\": \"hand\", \"state\": \"installed\", \"bytes\": 5447891, \"licence\": \"Apache-2.0\"}]";

        private readonly TestFolder _test = new TestFolder();
        private readonly ScriptedRunner _runner = new ScriptedRunner();
        private readonly FakeEditor _editor = new FakeEditor();
        private readonly EditorModel _model;
        private readonly HeldMemory _memory = new HeldMemory();

        public WindowTests()
        {
            var places = new EditorPlaces
            {
                EnvironmentFolder = Path.Combine(_test.Path, "python"), IsWindows = false,
                ProcessOptions = () => new ProcessOptions
                {
                    Executable = TestPython.File, RunFolder = _test.Path, Arguments = new[] { "--no-warm", "--port", "0" }
                }
            };
            _model = new EditorModel(
                _runner, new PythonFinder(_runner, false, name => true), places, _memory, () => new Figure[0], new SystemClock());
            VitrineEditor.Use(_model, _memory);
        }

        public void Dispose()
        {
            _editor.Dispose();
            VitrineEditor.Use(null, null);
            _model.Dispose();
            _test.Dispose();
        }

        [Test]
        public void TheMenuOpensOneWindowWithEverySection()
        {
            VisualElement root = Open();
            Open();
            Assert.IsTrue(EditorWindow.HasOpenInstances<VitrineWindow>(), "no window");
            string text = FakeUI.Read(root);
            foreach (string wanted in new[] { "Sidecar", "Not running", "Install", "Doctor", "Models", "Latency", "Copy diagnostics" })
            {
                Assert.IsTrue(text.Contains(wanted), wanted + " is missing in:\n" + text);
            }
        }

        [Test]
        public void InstallShowsProgressCancelsAndGoesOn()
        {
            _runner.When("ensurepip").Lines.Add("3.12|/usr/bin/python3.12");
            Scripted venv = _runner.When("-m venv");
            venv.Lines.Add("making it");
            venv.Hangs = true;
            VisualElement root = Open();
            Assert.AreEqual("Install", root.Q<Button>("install-start").text);
            FakeUI.Press(root, "install-start");
            Assert.IsTrue(_editor.TickUntil(() => root.Q<ProgressBar>("install-progress").title.Contains("making it")), FakeUI.Read(root));
            Assert.IsTrue(FakeUI.IsShown(root.Q("install-cancel")), "it cannot be cancelled");
            Assert.IsFalse(root.Q<Button>("install-start").enabledSelf, "it can be begun twice");
            FakeUI.Press(root, "install-cancel");
            Assert.IsTrue(_editor.TickUntil(() => FakeUI.Read(root).Contains("Stopped.")), FakeUI.Read(root));
            Assert.IsTrue(root.Q<Button>("install-start").enabledSelf, "it cannot be begun again");
            Assert.IsFalse(FakeUI.IsShown(root.Q("install-progress")), "the bar stays");
        }

        [Test]
        public void AFailureIsAHelpBoxWithTheLastLines()
        {
            _runner.When("ensurepip").Lines.Add("3.12|/usr/bin/python3.12");
            Scripted venv = _runner.When("-m venv");
            venv.ExitCode = 1;
            venv.Lines.Add("The virtual environment was not created: ensurepip is not available.");
            VisualElement root = Open();
            FakeUI.Press(root, "install-start");
            Assert.IsTrue(_editor.TickUntil(() => FakeUI.IsShown(root.Q("install-problem"))), FakeUI.Read(root));
            var box = root.Q<HelpBox>("install-problem");
            Assert.AreEqual(HelpBoxMessageType.Error, box.messageType);
            Assert.IsTrue(box.text.Contains("python3-venv"), box.text);
            Assert.IsTrue(FakeUI.Read(root).Contains("was not created"), "the last lines are not shown");
        }

        [Test]
        public void TheChoicesOfInstallAreKept()
        {
            FakeEditor.PackageFolder = null;
            VisualElement root = Open();
            root.Q<DropdownField>("install-flavour").index = 1;
            root.Q<TextField>("install-python").value = "\"/opt/my python\" ";
            root.Q<TextField>("install-checkout").value = _test.Path;
            FakeUI.Press(root, "install-start");
            Wait.For(_model.Installer.Work);
            Assert.IsTrue(_model.Installer.Work.Problem.Contains("no checkout"), _model.Installer.Work.Problem);
            EditorWindow.GetWindow<VitrineWindow>().Close();
            root = Open();
            Assert.AreEqual(1, root.Q<DropdownField>("install-flavour").index);
            Assert.AreEqual(_test.Path, root.Q<TextField>("install-checkout").value);
        }

        [Test]
        public void TheCheckoutAroundThePackageIsSuggested()
        {
            _test.Write("pyproject.toml", "[project]\nname = \"vitrine-vr\"\n");
            FakeEditor.PackageFolder = Path.Combine(_test.Path, "unity_bridge");
            Assert.AreEqual(_test.Path, Open().Q<TextField>("install-checkout").value);
        }

        [Test]
        public void TheDoctorsMendIsAButtonThatInstalls()
        {
            Scripted doctor = _runner.When("doctor --json");
            doctor.ExitCode = 1;
            doctor.Lines.Add(Sick);
            _runner.When("models install iris");
            _runner.When("models list").Lines.Add(Listing);
            VisualElement root = Open();
            FakeUI.Press(root, "doctor-start");
            Assert.IsTrue(_editor.TickUntil(() => IsReady(root, "mend-iris")), FakeUI.Read(root));
            string text = FakeUI.Read(root);
            foreach (string wanted in new[] { "cuda", "onnxruntime-gpu 1.20.0", "1.0 GB", "Fake GPU", "model iris is missing" })
            {
                Assert.IsTrue(text.Contains(wanted), wanted + " is missing in:\n" + text);
            }
            FakeUI.Press(root, "mend-iris");
            Assert.IsTrue(_editor.TickUntil(() => FakeUI.Read(root).Contains("iris is installed and was checked.")), FakeUI.Read(root));
        }

        [Test]
        public void PacksAreShownAndRemovedOnlyAfterAQuestion()
        {
            _runner.When("models list").Lines.Add(Listing);
            _runner.When("models remove hand");
            VisualElement root = Open();
            FakeUI.Press(root, "packs-list");
            Assert.IsTrue(_editor.TickUntil(() => IsReady(root, "remove-hand")), FakeUI.Read(root));
            Assert.IsTrue(FakeUI.Read(root).Contains("missing, 2.6 MB, Apache-2.0"), FakeUI.Read(root));
            Assert.IsTrue(root.Q("install-iris") != null && root.Q("remove-iris") == null, "the wrong button");
            FakeDialogs.Agree = false;
            FakeUI.Press(root, "remove-hand");
            Assert.AreEqual(0, _runner.Count("models remove"));
            FakeDialogs.Agree = true;
            FakeUI.Press(root, "remove-hand");
            Assert.IsTrue(_editor.TickUntil(() => FakeUI.Read(root).Contains("hand was removed.")), FakeUI.Read(root));
            Assert.AreEqual(2, FakeDialogs.Asked.Count);
        }

        [Test]
        public void DiagnosticsGoToTheClipboardWithoutNames()
        {
            VisualElement root = Open();
            FakeUI.Press(root, "copy-diagnostics");
            string text = EditorGUIUtility.systemCopyBuffer;
            Assert.IsTrue(text.StartsWith("Vitrine diagnostics", StringComparison.Ordinal), text);
            Assert.IsTrue(text.Contains("2022.3.0f1") && text.Contains("Fake GPU"), text);
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            Assert.IsFalse(text.Contains(home), "the home folder is in it");
        }

        [Test]
        public void StartAndStopWithTheRealSidecar()
        {
            VisualElement root = Open();
            Assert.IsFalse(root.Q<Button>("sidecar-stop").enabledSelf, "there is nothing to stop");
            Assert.IsFalse(root.Q<Button>("sidecar-dashboard").enabledSelf, "there is no dashboard");
            FakeUI.Press(root, "sidecar-start");
            bool runs = _editor.TickUntil(() => FakeUI.Read(root).Contains("it stops with the Editor"), 90);
            Assert.IsTrue(runs, FakeUI.Read(root));
            Assert.IsTrue(FakeUI.Read(root).Contains("Stop it under Sidecar first."), "installing beneath a running sidecar is allowed");
            Assert.IsFalse(root.Q<Button>("install-start").enabledSelf, "installing beneath a running sidecar is allowed");
            Assert.IsTrue(_editor.TickUntil(() => FakeUI.Read(root).Contains("Small call, there and back")), FakeUI.Read(root));
            FakeUI.Press(root, "sidecar-dashboard");
            Assert.IsTrue(_editor.TickUntil(() => FakeApplication.OpenedUrls.Count == 1), "no page was opened");
            FakeUI.Press(root, "sidecar-stop");
            Assert.IsTrue(_editor.TickUntil(() => FakeUI.Read(root).Contains("Not running"), 30), FakeUI.Read(root));
        }

        [Test]
        public void AReloadEndsWorkKeepsTheMemoryAndTheWindow()
        {
            VitrineEditor.Use(null, null);
            _editor.Load();
            SessionCheck("");
            VisualElement root = Open();
            Assert.IsTrue(root.childCount > 0, "the window is empty");
            EditorModel before = VitrineEditor.Model;
            _editor.ReloadDomain();
            Assert.IsTrue(VitrineEditor.Model != before, "the model outlived the reload");
            Assert.IsTrue(FakeUI.Read(root).Contains("Not running"), "the window is empty after a reload");
            Assert.AreEqual(1, root.childCount);
            _editor.Tick();
            SessionCheck("");
        }

        [Test]
        public void TheSidecarOutlivesAReloadOfTheScripts()
        {
            VitrineEditor.Use(null, null);
            SettingsAsset.LookAgain();
            VitrineSettings settings = SettingsAsset.FindOrCreate();
            settings.Executable = TestPython.File;
            settings.RunFolder = _test.Path;
            settings.Arguments = new[] { "--no-warm", "--port", "0" };
            _editor.Load();
            VisualElement root = Open();
            FakeUI.Press(root, "sidecar-start");
            Assert.IsTrue(_editor.TickUntil(() => FakeUI.Read(root).Contains("it stops with the Editor"), 90), FakeUI.Read(root));
            int pid = VitrineEditor.Model.Control.Endpoint.Pid;
            _editor.ReloadDomain();
            Assert.IsTrue(_editor.TickUntil(() => FakeUI.Read(root).Contains("it stops with the Editor"), 30), FakeUI.Read(root));
            Assert.AreEqual(pid, VitrineEditor.Model.Control.Endpoint.Pid);
            _editor.Quit();
            Assert.AreEqual(ProcessState.Stopped, VitrineEditor.Model.Control.State);
            Assert.IsFalse(File.Exists(Path.Combine(_test.Path, "run.json")), "the sidecar outlived the Editor");
            SettingsAsset.LookAgain();
        }

        [Test]
        public void ASidecarThatPlayStartedIsTheEditorsAfterwards()
        {
            VitrineEditor.Use(null, null);
            SettingsAsset.LookAgain();
            VitrineSettings settings = SettingsAsset.FindOrCreate();
            settings.Executable = TestPython.File;
            settings.RunFolder = _test.Path;
            settings.Arguments = new[] { "--no-warm", "--port", "0" };
            settings.StartSidecar = true;
            _editor.Load();
            VitrineClient played = VitrineClient.Shared;
            Wait.Until(() => { played.Pump(); return played.IsReady; }, "the sidecar of Play mode: " + played.Problem);
            int pid = played.Process.Pid;
            VitrineClient.ShutdownShared();
            Assert.IsTrue(File.Exists(Path.Combine(_test.Path, "run.json")), "the sidecar ended with Play mode");
            _editor.ChangePlayMode(PlayModeStateChange.EnteredEditMode);
            Wait.Until(() => VitrineEditor.Model.Control.State == ProcessState.Running, "the Editor takes it up");
            Assert.AreEqual(pid, VitrineEditor.Model.Control.Endpoint.Pid);
            _editor.Quit();
            Assert.IsFalse(File.Exists(Path.Combine(_test.Path, "run.json")), "the sidecar outlived the Editor");
            VitrineClient.ProcessMemory = null;
            SettingsAsset.LookAgain();
        }

        [Test]
        public void LongWorkEndsBeforeAReload()
        {
            _runner.When("models list").Hangs = true;
            _model.Packs.TryList();
            Wait.Until(() => _runner.Count("models list") == 1, "the command");
            Assert.IsTrue(_model.IsWorking, "nothing runs");
            _model.BeforeReload();
            Assert.AreEqual(WorkState.Cancelled, _model.Packs.Work.State);
            Assert.IsFalse(_model.IsWorking, "something still runs");
        }

        private static bool IsReady(VisualElement root, string button)
        {
            return root.Q(button) != null && root.Q(button).enabledInHierarchy;
        }

        private static void SessionCheck(string wanted)
        {
            Assert.AreEqual(wanted, UnityEditor.SessionState.GetString("Vitrine.Sidecar", ""));
        }

        private VisualElement Open()
        {
            _editor.Choose("Window/Vitrine");
            return EditorWindow.GetWindow<VitrineWindow>().rootVisualElement;
        }
    }
}
