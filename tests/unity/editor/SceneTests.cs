using System;
using System.Collections.Generic;
using NUnit.Framework;
using UnityEditor;
using UnityEditor.Fakes;
using UnityEngine;
using UnityEngine.Fakes;
using UnityEngine.UI;
using UnityEngine.UIElements;

namespace Vitrine.Editor.Tests
{
    [TestFixture]
    public sealed class SceneTests : IDisposable
    {
        private readonly FakeEditor _editor = new FakeEditor();

        public void Dispose()
        {
            _editor.Dispose();
        }

        [Test]
        public void TheMenuDropsAWiredMirrorBeforeTheCamera()
        {
            var camera = new GameObject("Main Camera", typeof(Camera)) { tag = "MainCamera" };
            camera.transform.position = new Vector3(2, 1.6f, 3);
            camera.transform.rotation = Quaternion.Euler(20, 90, 0);
            _editor.Choose("GameObject/Vitrine/Try-On Mirror");
            GameObject made = Selection.activeGameObject;
            var mirror = made.GetComponent<TryOnMirror>();
            Assert.IsTrue(mirror.Target != null && mirror.StatusLabel != null, "it is not wired");
            Assert.AreEqual(made.transform, mirror.Target.transform.parent);
            Assert.AreEqual(RenderMode.WorldSpace, made.GetComponent<Canvas>().renderMode);
            Assert.AreEqual(0, MirrorAdvice.Faults(mirror).Count);
            Assert.IsTrue(made.activeSelf, "it is switched off");
            Assert.IsTrue(made.GetComponent<FramePacer>() != null, "the scene has no Frame Pacer");
            Vector3 offset = made.transform.position - camera.transform.position;
            Assert.IsTrue(offset.x > 1.5f && Mathf.Abs(offset.y) < 0.01f && Mathf.Abs(offset.z) < 0.01f, "at " + offset);
            Assert.IsTrue(Vector3.Dot(made.transform.forward, new Vector3(1, 0, 0)) > 0.99f, "it faces away");
        }

        [Test]
        public void OneUndoTakesTheMirrorAway()
        {
            int before = FakeScene.Count;
            _editor.Choose("GameObject/Vitrine/Try-On Mirror");
            Assert.AreEqual("Add Try-On Mirror", Undo.GetCurrentGroupName());
            Assert.IsTrue(FakeScene.Count > before, "nothing was made");
            Undo.PerformUndo();
            Assert.AreEqual(before, FakeScene.Count);
        }

        [Test]
        public void ASecondFramePacerIsNotMade()
        {
            _editor.Choose("GameObject/Vitrine/Frame Pacer");
            GameObject first = Selection.activeGameObject;
            _editor.Choose("GameObject/Vitrine/Try-On Mirror");
            Assert.IsTrue(Selection.activeGameObject.GetComponent<FramePacer>() == null, "a second one came with the mirror");
            _editor.Choose("GameObject/Vitrine/Frame Pacer");
            Assert.AreEqual(first, Selection.activeGameObject);
        }

        [Test]
        public void TheMirrorFromTheMenuRunsInPlay()
        {
            using (var player = new FakeUnity())
            {
                VitrineSettings.Current.StartSidecar = false;
                VitrineSettings.Current.RunFolder = "/nowhere/at/all";
                var made = MirrorBuilder.Build().GetComponent<TryOnMirror>();
                player.StepUntil(() => made.Status == MirrorStatus.ServerAbsent);
                Assert.AreEqual(MirrorStatus.ServerAbsent, made.Status);
                Assert.IsTrue(made.StatusLabel.text.Length > 0, "the label says nothing");
                Assert.AreEqual("", FakeLog.Faults);
                VitrineClient.ShutdownShared();
            }
        }

        [Test]
        public void TheInspectorSaysWhatAMirrorLacks()
        {
            var mirror = new GameObject("mirror").AddComponent<TryOnMirror>();
            VisualElement root = Inspect(mirror);
            Assert.IsTrue(FakeUI.Read(root.Q("mirror-faults")).Contains("Nothing shows the mirror."), FakeUI.Read(root));
            Assert.IsTrue(FakeUI.Read(root.Q("mirror-hints")).Contains("No Frame Pacer"), FakeUI.Read(root));
            Assert.IsTrue(root.Q("PropertyField:_product") != null, "the fields are missing");
            mirror.TargetRenderer = GameObject.CreatePrimitive(PrimitiveType.Quad).GetComponent<Renderer>();
            mirror.Source = MirrorSource.Picture;
            FakeUI.Advance(root, 400);
            string faults = FakeUI.Read(root.Q("mirror-faults"));
            Assert.IsFalse(faults.Contains("Nothing shows"), faults);
            Assert.IsTrue(faults.Contains("Capture()"), faults);
            mirror.Source = MirrorSource.Camera;
            FakeUI.Advance(root, 400);
            Assert.IsTrue(FakeUI.Read(root.Q("mirror-faults")).Contains("Assign one as Camera"), FakeUI.Read(root));
        }

        [Test]
        public void ADestroyedMirrorDoesNotBreakItsInspector()
        {
            var item = new GameObject("mirror");
            VisualElement root = Inspect(item.AddComponent<TryOnMirror>());
            UnityEngine.Object.DestroyImmediate(item);
            FakeUI.Advance(root, 400);
            Assert.AreEqual("", FakeUI.Read(root.Q("mirror-faults")));
        }

        [Test]
        public void HintsFollowWhatCouldBeBetter()
        {
            var mirror = new GameObject("mirror").AddComponent<TryOnMirror>();
            mirror.Product = " ";
            mirror.Width = 1920;
            mirror.Height = 1080;
            mirror.FramesPerSecond = 0;
            mirror.Source = MirrorSource.Picture;
            string hints = string.Join("\n", MirrorAdvice.Hints(mirror, true));
            Assert.IsTrue(hints.Contains("Nothing is worn") && hints.Contains("640 x 480") && hints.Contains("limit of 30"), hints);
            Assert.IsFalse(hints.Contains("Frame Pacer"), hints);
        }

        [Test]
        public void TwoPacersAreTooMany()
        {
            var pacer = new GameObject("one").AddComponent<FramePacer>();
            VisualElement root = Inspect(pacer);
            Assert.AreEqual("", FakeUI.Read(root.Q("pacer-faults")));
            new GameObject("two").AddComponent<FramePacer>();
            FakeUI.Advance(root, 400);
            Assert.IsTrue(FakeUI.Read(root.Q("pacer-faults")).Contains("There are 2 Frame Pacers"), FakeUI.Read(root));
        }

        [Test]
        public void AScaledHudIsPointedOut()
        {
            var hud = new GameObject("hud").AddComponent<LatencyHud>();
            VisualElement root = Inspect(hud);
            Assert.AreEqual("", FakeUI.Read(root.Q("hud-faults")));
            hud.transform.localScale = Vector3.one * 0.001f;
            FakeUI.Advance(root, 400);
            Assert.IsTrue(FakeUI.Read(root.Q("hud-faults")).Contains("set the scale to 1"), FakeUI.Read(root));
        }

        private static VisualElement Inspect(UnityEngine.Object target)
        {
            return UnityEditor.Editor.CreateEditor(target).CreateInspectorGUI();
        }
    }

    [TestFixture]
    public sealed class SettingsTests : IDisposable
    {
        private readonly FakeEditor _editor = new FakeEditor();

        public SettingsTests()
        {
            SettingsAsset.LookAgain();
        }

        public void Dispose()
        {
            SettingsAsset.LookAgain();
            _editor.Dispose();
        }

        [Test]
        public void ThePageMakesTheAssetAndEditsIt()
        {
            SettingsProvider page = _editor.SettingsPage("Project/Vitrine");
            Assert.AreEqual(SettingsScope.Project, page.scope);
            Assert.IsTrue(VitrineSettings.Current.StartSidecar, "the defaults are others");
            var root = new VisualElement();
            page.OnActivate("", root);
            Assert.IsTrue(FakeUI.Read(root).Contains("the defaults hold"), FakeUI.Read(root));
            FakeUI.Press(root, "create-settings");
            var made = AssetDatabase.LoadAssetAtPath<VitrineSettings>("Assets/Vitrine/Resources/VitrineSettings.asset");
            Assert.IsTrue(made != null, "there is no asset");
            Assert.IsTrue(ReferenceEquals(made, VitrineSettings.Current), "the runtime does not find it");
            Assert.IsTrue(root.Q("PropertyField:_startSidecar") != null && root.Q("create-settings") == null, FakeUI.Read(root));
            var edited = new SerializedObject(made);
            edited.FindProperty("_useSharedMemory").boolValue = false;
            edited.ApplyModifiedProperties();
            FakeUI.Advance(root, 600);
            Assert.IsTrue(FakeUI.Read(root.Q("settings-advice")).Contains("Without shared memory"), FakeUI.Read(root));
            page.OnDeactivate();
        }

        [Test]
        public void TheAssetIsMadeOnce()
        {
            VitrineSettings first = SettingsAsset.FindOrCreate();
            SettingsAsset.Select();
            Assert.IsTrue(ReferenceEquals(first, Selection.activeObject), "a second asset was made");
        }

        [Test]
        public void ContradictionsAreNamed()
        {
            var settings = ScriptableObject.CreateInstance<VitrineSettings>();
            Assert.AreEqual(0, Advice(settings, false).Count);
            settings.ProfileId = "anna";
            Assert.IsTrue(Advice(settings, false)[0].Contains("stays anonymous"), "a profile without consent passes");
            settings.ProfileId = "";
            settings.ProfileConsent = true;
            Assert.IsTrue(Advice(settings, false)[0].Contains("Name the profile"), "consent without a profile passes");
            settings.ProfileConsent = false;
            settings.Executable = "/opt/python";
            Assert.IsTrue(Advice(settings, false)[0].Contains("does not exist"), "a missing program passes");
            Assert.IsTrue(Advice(settings, true)[0].Contains("this machine alone"), "a local path passes");
            settings.Executable = "";
            settings.MainThreadBudgetMs = 4;
            Assert.IsTrue(Advice(settings, true)[0].Contains("0.5 ms"), "a large budget passes");
        }

        private static IReadOnlyList<string> Advice(VitrineSettings settings, bool fileExists)
        {
            return SettingsAdvice.Of(settings, path => fileExists);
        }
    }
}
