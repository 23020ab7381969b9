using UnityEditor;
using UnityEngine;
using Vitrine.Editor;

namespace Vitrine.Samples.Editing
{
    /// <summary>Builds the latency scene's objects into the open scene: one step to undo.</summary>
    public static class LatencyScene
    {
        /// <summary>A mirror before the camera, a Frame Pacer, figures beside it, and the scenario.</summary>
        [MenuItem("GameObject/Vitrine/Samples/Latency", false, 61)]
        public static void Build()
        {
            var root = new GameObject("Vitrine Latency");
            GameObject mirror = MirrorBuilder.Build();
            mirror.transform.SetParent(root.transform, true);
            var hud = new GameObject("Latency HUD", typeof(LatencyHud));
            hud.transform.SetParent(root.transform, true);
            hud.transform.position = mirror.transform.position + mirror.transform.rotation * new Vector3(0.75f, 0, 0);
            hud.transform.rotation = mirror.transform.rotation;
            var scenario = root.AddComponent<LatencyScenario>();
            scenario.Mirror = mirror.GetComponent<TryOnMirror>();
            scenario.Pacer = Object.FindAnyObjectByType<FramePacer>();
            Undo.IncrementCurrentGroup();
            Undo.RegisterCreatedObjectUndo(root, "Build Vitrine Latency");
            Undo.SetCurrentGroupName("Build Vitrine Latency");
            Selection.activeGameObject = root;
        }
    }
}
