using System.Collections.Generic;
using UnityEditor;
using UnityEngine;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Install: a private Python environment with the sidecar in it.</summary>
    internal sealed class InstallView : SectionView
    {
        private const string FlavourKey = "Vitrine.Flavour";
        private const string CheckoutKey = "Vitrine.Checkout";
        private const string PythonKey = "Vitrine.Python";

        private static readonly List<string> Flavours = new List<string>
        {
            "CPU (runs everywhere)", "CUDA (NVIDIA cards)", "DirectML (other cards on Windows)"
        };

        private readonly Label _state = Ui.Text("install-state");
        private readonly DropdownField _flavour;
        private readonly TextField _checkout = new TextField("Checkout (empty: package index)") { name = "install-checkout" };
        private readonly TextField _python = new TextField("Python (empty: search)") { name = "install-python" };
        private readonly HelpBox _block = Ui.Help("install-block", HelpBoxMessageType.Info);
        private readonly Button _start;
        private readonly WorkView _work;

        internal InstallView(EditorModel model, string checkoutBeside) : base(model, "install", "Install")
        {
            InstallFlavour suggested = InstallChoice.Suggest(SystemInfo.graphicsDeviceName, model.Places.IsWindows);
            int flavour = Mathf.Clamp(EditorPrefs.GetInt(FlavourKey, (int)suggested), 0, Flavours.Count - 1);
            _flavour = new DropdownField("ONNX Runtime", Flavours, flavour) { name = "install-flavour" };
            _checkout.value = EditorPrefs.GetString(CheckoutKey, checkoutBeside ?? "");
            _python.value = EditorPrefs.GetString(PythonKey, "");
            _start = Ui.Push("install-start", "Install", Start);
            _work = new WorkView(model.Installer.Work, "install");
            Root.Add(_state);
            foreach (VisualElement field in Fields()) { Root.Add(field); }
            Root.Add(_block);
            Root.Add(_start);
            Root.Add(_work.Root);
        }

        protected override int Revision
        {
            get { return Model.Installer.Work.Revision * 31 + Model.Control.Revision * 7 + Model.Packs.Work.Revision; }
        }

        protected override void Draw()
        {
            EnvironmentInstaller installer = Model.Installer;
            bool running = installer.Work.IsRunning;
            bool partial = !running && installer.IsPartial;
            bool installed = !running && installer.IsInstalled;
            _state.text = installed ? "The sidecar is installed in an environment of its own."
                : partial ? "An installation was begun and is not complete. Go on takes it up where it stopped."
                : "The sidecar gets a Python environment of its own, with its models: about 500 MB, a few minutes. "
                    + "No other Python on this machine is touched.";
            _start.text = installed ? "Update" : partial ? "Go on" : "Install";
            string block = running ? "" : Model.InstallBlock;
            Ui.Say(_block, block);
            _start.SetEnabled(!running && block.Length == 0);
            foreach (VisualElement field in Fields()) { field.SetEnabled(!running); }
            _work.Draw();
        }

        private IEnumerable<VisualElement> Fields()
        {
            yield return _flavour;
            yield return _checkout;
            yield return _python;
        }

        private void Start()
        {
            EditorPrefs.SetInt(FlavourKey, _flavour.index);
            EditorPrefs.SetString(CheckoutKey, _checkout.value);
            EditorPrefs.SetString(PythonKey, _python.value);
            Model.Installer.TryStart(new InstallChoice
            {
                Flavour = (InstallFlavour)_flavour.index,
                Checkout = Path(_checkout.value),
                Python = Path(_python.value)
            });
            Refresh();
        }

        // People paste paths with quotes around them.
        private static string Path(string typed)
        {
            string path = (typed ?? "").Trim().Trim('"');
            return path.Length == 0 ? null : path;
        }
    }
}
