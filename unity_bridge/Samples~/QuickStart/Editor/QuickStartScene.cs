using UnityEditor;
using UnityEngine;
using Vitrine.Editor;

namespace Vitrine.Samples.Editing
{
    /// <summary>Builds the sample's objects into the open scene: one step to undo.</summary>
    public static class QuickStartScene
    {
        private const float FloorScale = 0.4f;

        /// <summary>A floor, a mirror before the camera, figures beside it, and the script that changes products.</summary>
        [MenuItem("GameObject/Vitrine/Samples/Quick Start", false, 60)]
        public static void Build()
        {
            var root = new GameObject("Vitrine Quick Start");
            GameObject floor = GameObject.CreatePrimitive(PrimitiveType.Plane);
            floor.name = "Floor";
            floor.transform.localScale = Vector3.one * FloorScale;
            floor.transform.SetParent(root.transform, true);
            GameObject mirror = MirrorBuilder.Build();
            mirror.transform.SetParent(root.transform, true);
            var hud = new GameObject("Latency HUD", typeof(LatencyHud));
            hud.transform.SetParent(root.transform, true);
            hud.transform.position = mirror.transform.position + mirror.transform.rotation * new Vector3(0.75f, 0, 0);
            hud.transform.rotation = mirror.transform.rotation;
            var script = root.AddComponent<QuickStart>();
            script.Mirror = mirror.GetComponent<TryOnMirror>();
            Undo.IncrementCurrentGroup();
            Undo.RegisterCreatedObjectUndo(root, "Build Vitrine Quick Start");
            Undo.SetCurrentGroupName("Build Vitrine Quick Start");
            Selection.activeGameObject = root;
        }
    }
}
