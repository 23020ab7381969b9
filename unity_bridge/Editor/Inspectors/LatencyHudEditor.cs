using System.Collections.Generic;
using UnityEditor;
using UnityEditor.UIElements;
using UnityEngine;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>The HUD in the Inspector: how large it appears, and what it shows while the game runs.</summary>
    [CustomEditor(typeof(LatencyHud))]
    internal sealed class LatencyHudEditor : UnityEditor.Editor
    {
        private static readonly string[] None = new string[0];

        /// <inheritdoc/>
        public override VisualElement CreateInspectorGUI()
        {
            var root = new VisualElement();
            root.Add(new AdvicePanel("hud-faults", HelpBoxMessageType.Warning, Faults).Root);
            InspectorElement.FillDefaultInspector(root, serializedObject, this);
            root.Add(new AdvicePanel("hud-live", HelpBoxMessageType.None, Live).Root);
            return root;
        }

        private IReadOnlyList<string> Faults()
        {
            var hud = target as LatencyHud;
            if (hud == null) { return None; }
#if VITRINE_UGUI
            Vector3 scale = hud.transform.localScale;
            bool odd = scale.x < 0.1f || scale.y < 0.1f || scale.x > 10 || scale.y > 10;
            return odd
                ? new[] { "The object is scaled, and the HUD with it. Its size is in metres: set the scale to 1." }
                : None;
#else
            return new[] { "The HUD needs Unity UI. Install com.unity.ugui in the Package Manager." };
#endif
        }

        private IReadOnlyList<string> Live()
        {
            var hud = target as LatencyHud;
            return hud == null || !Application.isPlaying || hud.Text.Length == 0 ? None : new[] { hud.Text };
        }
    }
}
