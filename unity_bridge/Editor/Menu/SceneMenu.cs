using UnityEditor;
using UnityEngine;

namespace Vitrine.Editor
{
    /// <summary>GameObject &gt; Vitrine: objects that work as they are, each one step to undo.</summary>
    internal static class SceneMenu
    {
        private const string Root = "GameObject/Vitrine/";
        private const int Priority = 30;

        [MenuItem(Root + "Try-On Mirror", false, Priority)]
        private static void AddMirror()
        {
            Put("Add Try-On Mirror", MirrorBuilder.Build());
        }

        [MenuItem(Root + "Latency HUD", false, Priority + 1)]
        private static void AddHud()
        {
            var made = new GameObject("Latency HUD", typeof(LatencyHud));
            ScenePlace.InFront(made.transform, 0.9f, new Vector3(0.35f, 0.15f, 0));
            Put("Add Latency HUD", made);
        }

        [MenuItem(Root + "Frame Pacer", false, Priority + 2)]
        private static void AddPacer()
        {
            var known = Object.FindAnyObjectByType<FramePacer>();
            if (known != null)
            {
                Selection.activeGameObject = known.gameObject;
                Debug.Log("Vitrine: the scene has a Frame Pacer, which is selected now. One is enough.");
                return;
            }
            Put("Add Frame Pacer", new GameObject("Frame Pacer", typeof(FramePacer)));
        }

        private static void Put(string step, GameObject made)
        {
            Undo.IncrementCurrentGroup();
            Undo.RegisterCreatedObjectUndo(made, step);
            Undo.SetCurrentGroupName(step);
            Selection.activeGameObject = made;
        }
    }
}
