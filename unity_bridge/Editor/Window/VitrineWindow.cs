using System.Collections.Generic;
using UnityEditor;
using UnityEngine;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Window &gt; Vitrine: install, start, examine and watch the sidecar.</summary>
    public sealed class VitrineWindow : EditorWindow
    {
        private const long RefreshMs = 250;
        private readonly List<SectionView> _sections = new List<SectionView>();
        private EditorModel _model;

        /// <summary>Opens the window, or brings it to the front.</summary>
        [MenuItem("Window/Vitrine", false, 2400)]
        public static void Open()
        {
            GetWindow<VitrineWindow>("Vitrine").minSize = new Vector2(420, 320);
        }

        private void CreateGUI()
        {
            rootVisualElement.Clear();
            Build();
            rootVisualElement.schedule.Execute(Refresh).Every(RefreshMs);
        }

        private void OnDisable()
        {
            if (_model != null) { _model.Look(false); }
        }

        private void Build()
        {
            _model = VitrineEditor.Model;
            _sections.Clear();
            _sections.Add(new SidecarView(_model));
            _sections.Add(new InstallView(_model, InstallChoice.CheckoutBeside(VitrineEditor.PackageFolder)));
            _sections.Add(new DoctorView(_model, SystemInfo.graphicsDeviceName));
            _sections.Add(new PacksView(_model));
            _sections.Add(new LatencyView(_model));
            var scroll = new ScrollView();
            scroll.style.paddingLeft = 6;
            scroll.style.paddingRight = 6;
            foreach (SectionView section in _sections) { scroll.Add(section.Root); }
            scroll.Add(Bottom());
            rootVisualElement.Add(scroll);
            _model.Look(true);
            Refresh();
        }

        private VisualElement Bottom()
        {
            VisualElement row = Ui.Row();
            row.Add(Ui.Push("copy-diagnostics", "Copy diagnostics", Copy));
            row.Add(Ui.Push("open-settings", "Settings", SettingsAsset.Select));
            return row;
        }

        private void Refresh()
        {
            VitrineEditor.ReadSettings();
            _model.Control.Look();
            _model.Live.Poll();
            foreach (SectionView section in _sections) { section.Refresh(); }
        }

        private void Copy()
        {
            EditorGUIUtility.systemCopyBuffer = _model.Diagnose(VitrineEditor.Host(), Redactor.OfThisMachine());
            Debug.Log("Vitrine: the diagnostics are in the clipboard. They hold no token, no names and no folders of yours.");
        }
    }
}
