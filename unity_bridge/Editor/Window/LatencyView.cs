using System.Collections.Generic;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Latency: live figures of the running game and of the server.</summary>
    internal sealed class LatencyView : SectionView
    {
        private readonly Label _text = Ui.Text("latency-text");
        private readonly VisualElement _game = new VisualElement { name = "latency-game" };
        private readonly VisualElement _server = new VisualElement { name = "latency-server" };

        internal LatencyView(EditorModel model) : base(model, "latency", "Latency")
        {
            Root.Add(_text);
            Root.Add(_game);
            Root.Add(_server);
        }

        protected override int Revision
        {
            get { return Model.Live.Revision; }
        }

        protected override void Draw()
        {
            Ui.Say(_text, Model.Live.Text);
            Fill(_game, Model.Live.Game);
            Fill(_server, Model.Live.Server);
        }

        private static void Fill(VisualElement part, IReadOnlyList<Figure> figures)
        {
            part.Clear();
            foreach (Figure figure in figures) { part.Add(Ui.Pair(figure.Name, figure.Value)); }
        }
    }
}
