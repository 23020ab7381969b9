using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>One part of the window: it draws a part of the model, and hands commands to it.</summary>
    internal abstract class SectionView
    {
        private int _seen = -1;

        protected SectionView(EditorModel model, string name, string title)
        {
            Model = model;
            Root = Ui.Section(name, title);
        }

        /// <summary>What stands in the window.</summary>
        internal VisualElement Root { get; }

        protected EditorModel Model { get; }

        /// <summary>Changes whenever the view must be drawn anew.</summary>
        protected abstract int Revision { get; }

        /// <summary>Called some times a second, on the main thread.</summary>
        internal void Refresh()
        {
            int revision = Revision;
            if (revision == _seen) { return; }
            _seen = revision;
            Draw();
        }

        protected abstract void Draw();
    }
}
