using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Long work as a person sees it: a bar and a button to stop it, then how it ended.</summary>
    internal sealed class WorkView
    {
        private readonly Work _work;
        private readonly VisualElement _running = Ui.Row();
        private readonly ProgressBar _bar;
        private readonly Label _end;
        private readonly HelpBox _problem;
        private readonly Foldout _more;
        private readonly Label _lines;

        internal WorkView(Work work, string name)
        {
            _work = work;
            _bar = new ProgressBar { name = name + "-progress" };
            _bar.style.flexGrow = 1;
            _bar.style.minWidth = 200;
            _running.Add(_bar);
            _running.Add(Ui.Push(name + "-cancel", "Cancel", work.Cancel));
            _end = Ui.Text(name + "-end");
            _problem = Ui.Help(name + "-problem", HelpBoxMessageType.Error);
            _lines = Ui.Text(name + "-lines");
            _more = new Foldout { text = "Last lines", value = true };
            _more.Add(_lines);
            Root = new VisualElement();
            Root.Add(_running);
            Root.Add(_end);
            Root.Add(_problem);
            Root.Add(_more);
        }

        internal VisualElement Root { get; }

        internal void Draw()
        {
            bool running = _work.IsRunning;
            Ui.Show(_running, running);
            _bar.value = (float)(_work.Fraction * 100);
            _bar.title = _work.Text;
            Ui.Say(_end, running ? "" : _work.State == WorkState.Failed ? "" : _work.Text);
            Ui.Say(_problem, _work.Problem);
            _lines.text = string.Join("\n", _work.LastLines);
            Ui.Show(_more, _work.LastLines.Count > 0);
        }
    }
}
