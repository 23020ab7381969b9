using UnityEngine;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Sidecar: start, stop, dashboard.</summary>
    internal sealed class SidecarView : SectionView
    {
        private readonly Label _state = Ui.Text("sidecar-state");
        private readonly HelpBox _problem = Ui.Help("sidecar-problem", HelpBoxMessageType.Error);
        private readonly Button _start;
        private readonly Button _stop;
        private readonly Button _dashboard;
        private readonly WorkView _work;

        internal SidecarView(EditorModel model) : base(model, "sidecar", "Sidecar")
        {
            VisualElement buttons = Ui.Row();
            _start = Ui.Push("sidecar-start", "Start", () => Model.Control.Start());
            _stop = Ui.Push("sidecar-stop", "Stop", () => Model.Control.Stop());
            _dashboard = Ui.Push("sidecar-dashboard", "Open dashboard", () => Model.Dashboard.TryOpen());
            buttons.Add(_start);
            buttons.Add(_stop);
            buttons.Add(_dashboard);
            Root.Add(_state);
            Root.Add(_problem);
            Root.Add(buttons);
            _work = new WorkView(model.Dashboard.Work, "dashboard");
            Root.Add(_work.Root);
        }

        protected override int Revision
        {
            get { return Model.Control.Revision * 31 + Model.Installer.Work.Revision * 7 + Model.Dashboard.Work.Revision; }
        }

        protected override void Draw()
        {
            SidecarControl control = Model.Control;
            _state.text = control.Text;
            Ui.Say(_problem, control.Problem);
            _start.SetEnabled(control.CanStart && !Model.Installer.Work.IsRunning);
            _stop.SetEnabled(control.CanStop);
            _dashboard.SetEnabled(control.Endpoint != null && !Model.Dashboard.Work.IsRunning);
            _work.Draw();
            OpenLink();
        }

        private void OpenLink()
        {
            string link;
            if (Model.Dashboard.TryTakeLink(out link)) { Application.OpenURL(link); }
        }
    }
}
