using System.Collections.Generic;
using System.Globalization;
using UnityEditor;
using UnityEditor.UIElements;
using UnityEngine;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>The mirror in the Inspector: what it lacks, its fields, and its figures while the game runs.</summary>
    [CustomEditor(typeof(TryOnMirror))]
    internal sealed class TryOnMirrorEditor : UnityEditor.Editor
    {
        private static readonly string[] None = new string[0];

        /// <inheritdoc/>
        public override VisualElement CreateInspectorGUI()
        {
            var root = new VisualElement();
            root.Add(new AdvicePanel("mirror-faults", HelpBoxMessageType.Warning, Faults).Root);
            InspectorElement.FillDefaultInspector(root, serializedObject, this);
            root.Add(new AdvicePanel("mirror-hints", HelpBoxMessageType.Info, Hints).Root);
            root.Add(new AdvicePanel("mirror-live", HelpBoxMessageType.None, Live).Root);
            return root;
        }

        private IReadOnlyList<string> Faults()
        {
            return target == null ? None : MirrorAdvice.Faults((TryOnMirror)target);
        }

        private IReadOnlyList<string> Hints()
        {
            if (target == null) { return None; }
            return MirrorAdvice.Hints((TryOnMirror)target, FindAnyObjectByType<FramePacer>() != null);
        }

        private IReadOnlyList<string> Live()
        {
            var mirror = target as TryOnMirror;
            if (mirror == null || !Application.isPlaying) { return None; }
            string said = mirror.StatusText.Length > 0 ? mirror.StatusText : mirror.Status.ToString();
            return new[]
            {
                said + "\nAge " + mirror.AgeMs.ToString("0", CultureInfo.InvariantCulture) + " ms, confidence "
                    + mirror.Confidence.ToString("0.00", CultureInfo.InvariantCulture)
            };
        }
    }
}
