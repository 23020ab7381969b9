using System.Collections.Generic;
using System.Globalization;
using UnityEditor;
using UnityEditor.UIElements;
using UnityEngine;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>The pacer in the Inspector: there should be one, and it shows what it tells.</summary>
    [CustomEditor(typeof(FramePacer))]
    internal sealed class FramePacerEditor : UnityEditor.Editor
    {
        private static readonly string[] None = new string[0];

        /// <inheritdoc/>
        public override VisualElement CreateInspectorGUI()
        {
            var root = new VisualElement();
            root.Add(new AdvicePanel("pacer-faults", HelpBoxMessageType.Warning, Faults).Root);
            root.Add(new HelpBox(
                "Tells the sidecar twice a second how long the game's frames take, so that it yields. It has nothing to set.",
                HelpBoxMessageType.Info));
            InspectorElement.FillDefaultInspector(root, serializedObject, this);
            root.Add(new AdvicePanel("pacer-live", HelpBoxMessageType.None, Live).Root);
            return root;
        }

        private static IReadOnlyList<string> Faults()
        {
            int count = FindObjectsByType<FramePacer>(FindObjectsSortMode.None).Length;
            if (count < 2) { return None; }
            return new[] { "There are " + count + " Frame Pacers in the scene. Keep one: each tells the same." };
        }

        private IReadOnlyList<string> Live()
        {
            var pacer = target as FramePacer;
            if (pacer == null || !Application.isPlaying) { return None; }
            return new[]
            {
                string.Format(
                    CultureInfo.InvariantCulture, "Told {0} times. Last: {1:0} Hz, {2:0.0} ms a frame, {3} missed", pacer.Sent,
                    pacer.Last.RefreshHz, pacer.Last.FrameMs, pacer.Last.Dropped)
            };
        }
    }
}
