using UnityEditor;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Models: every pack with its size, licence and state.</summary>
    internal sealed class PacksView : SectionView
    {
        private const string VisionGroup = "vision";
        private readonly Button _list;
        private readonly Button _all;
        private readonly Label _sum = Ui.Text("packs-sum");
        private readonly WorkView _work;
        private readonly VisualElement _rows = new VisualElement { name = "packs-rows" };

        internal PacksView(EditorModel model) : base(model, "packs", "Models")
        {
            VisualElement buttons = Ui.Row();
            _list = Ui.Push("packs-list", "List", List);
            _all = Ui.Push("packs-vision", "Install all vision models", () => Install(VisionGroup));
            buttons.Add(_list);
            buttons.Add(_all);
            _work = new WorkView(model.Packs.Work, "packs");
            Root.Add(buttons);
            Root.Add(_work.Root);
            Root.Add(_sum);
            Root.Add(_rows);
        }

        protected override int Revision
        {
            get { return Model.Packs.Work.Revision * 31 + Model.Installer.Work.Revision; }
        }

        protected override void Draw()
        {
            bool free = !Model.Packs.Work.IsRunning && !Model.Installer.Work.IsRunning;
            _list.SetEnabled(free);
            _all.SetEnabled(free);
            _work.Draw();
            Ui.Say(_sum, Model.Packs.Rows.Count == 0 ? "" : Sizes.Of(Model.Packs.InstalledBytes) + " on the disk");
            _rows.Clear();
            foreach (PackRow row in Model.Packs.Rows) { _rows.Add(Pack(row, free)); }
        }

        private VisualElement Pack(PackRow row, bool free)
        {
            string name = row.Name;
            VisualElement line = Ui.Pair(name, row.State + ", " + Sizes.Of(row.Bytes) + ", " + row.Licence);
            Button button = row.IsInstalled
                ? Ui.Push("remove-" + name, "Remove", () => Remove(name))
                : Ui.Push("install-" + name, "Install", () => Install(name));
            button.SetEnabled(free);
            line.Add(button);
            return line;
        }

        private void List()
        {
            Model.Packs.TryList();
            Refresh();
        }

        private void Install(string name)
        {
            Model.Packs.TryInstall(name);
            Refresh();
        }

        private void Remove(string name)
        {
            string question = "Remove the model " + name + " from this machine? It can be installed again.";
            if (EditorUtility.DisplayDialog("Vitrine", question, "Remove", "Keep")) { Model.Packs.TryRemove(name); }
            Refresh();
        }
    }
}
