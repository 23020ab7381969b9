using UnityEditor;
using UnityEditor.UIElements;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Project Settings &gt; Vitrine: edits the settings' asset, and makes it where there is none.</summary>
    internal sealed class VitrineSettingsProvider : SettingsProvider
    {
        /// <summary>The page's path.</summary>
        internal const string Page = "Project/Vitrine";

        private static readonly string[] Keywords = { "vitrine", "sidecar", "try-on", "latency", "python" };
        private VisualElement _root;
        private SerializedObject _settings;

        private VitrineSettingsProvider() : base(Page, SettingsScope.Project, Keywords)
        {
            label = "Vitrine";
        }

        [SettingsProvider]
        private static SettingsProvider Make()
        {
            return new VitrineSettingsProvider();
        }

        /// <inheritdoc/>
        public override void OnActivate(string searchContext, VisualElement rootElement)
        {
            _root = rootElement;
            Build();
        }

        /// <inheritdoc/>
        public override void OnDeactivate()
        {
            if (_settings != null) { _settings.Dispose(); }
            _settings = null;
            SettingsAsset.LookAgain();
        }

        private void Build()
        {
            _root.Clear();
            _root.style.paddingLeft = 10;
            _root.style.paddingRight = 10;
            VitrineSettings settings = SettingsAsset.Find();
            if (settings == null)
            {
                _root.Add(new HelpBox(
                    "The project has no settings of its own; the defaults hold: the sidecar is found or started by "
                    + "itself, and nobody is remembered.", HelpBoxMessageType.Info));
                _root.Add(Ui.Push("create-settings", "Create settings", Create));
                return;
            }
            _settings = new SerializedObject(settings);
            _root.Add(SettingsPanel.Make(_settings));
            _root.Add(Ui.Push("open-window", "Open Window > Vitrine", VitrineWindow.Open));
            _root.Bind(_settings);
        }

        private void Create()
        {
            SettingsAsset.FindOrCreate();
            Build();
        }
    }

    /// <summary>The asset itself in the Inspector looks like the settings page.</summary>
    [CustomEditor(typeof(VitrineSettings))]
    internal sealed class VitrineSettingsEditor : UnityEditor.Editor
    {
        /// <inheritdoc/>
        public override VisualElement CreateInspectorGUI()
        {
            return SettingsPanel.Make(serializedObject);
        }
    }
}
