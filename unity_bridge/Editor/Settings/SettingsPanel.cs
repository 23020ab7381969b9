using System.Collections.Generic;
using System.IO;
using UnityEditor;
using UnityEditor.UIElements;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>The settings' fields, with advice above that follows what is typed.</summary>
    internal static class SettingsPanel
    {
        private const long LookMs = 500;

        internal static VisualElement Make(SerializedObject settings)
        {
            var panel = new VisualElement();
            var advice = new VisualElement { name = "settings-advice" };
            panel.Add(advice);
            AddFields(panel, settings);
            var target = (VitrineSettings)settings.targetObject;
            string shown = null;
            panel.schedule.Execute(() => shown = Show(advice, target, shown)).Every(LookMs);
            Show(advice, target, null);
            return panel;
        }

        private static void AddFields(VisualElement panel, SerializedObject settings)
        {
            SerializedProperty property = settings.GetIterator();
            for (bool any = property.NextVisible(true); any; any = property.NextVisible(false))
            {
                if (property.name != "m_Script") { panel.Add(new PropertyField(property.Copy())); }
            }
        }

        private static string Show(VisualElement part, VitrineSettings settings, string shown)
        {
            if (settings == null) { return shown; }
            IReadOnlyList<string> advice = SettingsAdvice.Of(settings, File.Exists);
            string all = string.Join("\n", advice);
            if (all == shown) { return shown; }
            part.Clear();
            foreach (string sentence in advice) { part.Add(new HelpBox(sentence, HelpBoxMessageType.Info)); }
            return all;
        }
    }
}
