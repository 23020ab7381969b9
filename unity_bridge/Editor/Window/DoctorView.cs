using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Doctor: what the sidecar really runs on, and what to mend.</summary>
    internal sealed class DoctorView : SectionView
    {
        private readonly Button _start;
        private readonly WorkView _work;
        private readonly VisualElement _verdict = new VisualElement { name = "doctor-verdict" };
        private readonly string _graphicsCard;

        internal DoctorView(EditorModel model, string graphicsCard) : base(model, "doctor", "Doctor")
        {
            _graphicsCard = graphicsCard;
            _start = Ui.Push("doctor-start", "Examine this machine", Start);
            _work = new WorkView(model.Doctor.Work, "doctor");
            Root.Add(_start);
            Root.Add(_work.Root);
            Root.Add(_verdict);
        }

        protected override int Revision
        {
            get { return Model.Doctor.Work.Revision * 31 + Model.Packs.Work.Revision; }
        }

        protected override void Draw()
        {
            _start.SetEnabled(!Model.Doctor.Work.IsRunning);
            _work.Draw();
            _verdict.Clear();
            DoctorReport report = Model.Doctor.Report;
            if (report == null) { return; }
            _verdict.Add(Ui.Pair("Sidecar", report.Version));
            _verdict.Add(Ui.Pair("Really runs on", report.ProviderText));
            _verdict.Add(Ui.Pair("ONNX Runtime", report.Runtimes.Count == 0 ? "none" : string.Join(", ", report.Runtimes)));
            _verdict.Add(Ui.Pair("Graphics card of the Editor", _graphicsCard));
            _verdict.Add(Ui.Pair("Python", report.Python));
            _verdict.Add(Ui.Pair("Models", report.Installed + " of " + report.Packs.Count + " installed"));
            _verdict.Add(Ui.Pair("Free disk", Sizes.Of(report.FreeBytes)));
            _verdict.Add(Ui.Pair("Server", report.Run));
            foreach (DoctorProblem problem in report.Problems) { _verdict.Add(Problem(problem)); }
        }

        private VisualElement Problem(DoctorProblem problem)
        {
            var part = new VisualElement();
            part.Add(new HelpBox(problem.What + "\nMend: " + problem.Mend, HelpBoxMessageType.Warning));
            if (problem.Pack.Length == 0) { return part; }
            string pack = problem.Pack;
            Button mend = Ui.Push("mend-" + pack, "Install " + pack, () => Model.Packs.TryInstall(pack));
            mend.SetEnabled(!Model.Packs.Work.IsRunning);
            part.Add(mend);
            return part;
        }

        private void Start()
        {
            Model.Doctor.TryStart();
            Refresh();
        }
    }
}
