using System;
using System.Collections.Generic;
using UnityEngine.UIElements;

namespace Vitrine.Editor
{
    /// <summary>Help boxes that follow what a component looks like now.</summary>
    internal sealed class AdvicePanel
    {
        private const long LookMs = 300;
        private readonly Func<IReadOnlyList<string>> _sentences;
        private readonly HelpBoxMessageType _type;
        private string _shown = "";

        internal AdvicePanel(string name, HelpBoxMessageType type, Func<IReadOnlyList<string>> sentences)
        {
            _sentences = sentences;
            _type = type;
            Root = new VisualElement { name = name };
            Root.schedule.Execute(Refresh).Every(LookMs);
            Refresh();
        }

        internal VisualElement Root { get; }

        private void Refresh()
        {
            IReadOnlyList<string> sentences = _sentences();
            string all = string.Join("\n", sentences);
            if (all == _shown) { return; }
            _shown = all;
            Root.Clear();
            foreach (string sentence in sentences) { Root.Add(new HelpBox(sentence, _type)); }
        }
    }
}
