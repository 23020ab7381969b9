using UnityEngine;

namespace Vitrine
{
    /// <summary>What a mirror's label says; a new text is made only when it would read differently.</summary>
    internal sealed class MirrorTextLine
    {
        private const long FiguresUs = 500000;
        private const int LongestSentence = 300;

        private MirrorStatus _status = MirrorStatus.Off;
        private string _server;
        private string _figures = "";
        private int _ageMs = -1;
        private int _percent = -1;
        private long _nextUs;

        /// <summary>Chinese, else English.</summary>
        internal bool Chinese { get; set; }

        /// <summary>The sentence; empty while all is well.</summary>
        internal string Sentence { get; private set; } = "";

        /// <summary>True when the sentence is another one now.</summary>
        internal bool Set(MirrorStatus status, string server)
        {
            if (status == _status && server == _server)
            {
                return false;
            }
            _status = status;
            _server = server;
            // The server's own words are English; where there are some, they say more than the table.
            string sentence = server != null && !Chinese ? server : MirrorTexts.Of(status, Chinese);
            Sentence = sentence.Length > LongestSentence ? sentence.Substring(0, LongestSentence) : sentence;
            return true;
        }

        /// <summary>Whether a label is to be written: at once when it changed, else twice a second.</summary>
        internal bool IsDue(bool changed, long nowUs)
        {
            if (!changed && nowUs < _nextUs)
            {
                return false;
            }
            _nextUs = nowUs + FiguresUs;
            return true;
        }

        /// <summary>The sentence, or the figures while all is well.</summary>
        internal string Compose(bool figures, float ageMs, float confidence)
        {
            if (Sentence.Length > 0 || !figures)
            {
                return Sentence;
            }
            int age = Mathf.RoundToInt(ageMs), percent = Mathf.RoundToInt(confidence * 100);
            if (age != _ageMs || percent != _percent)
            {
                _ageMs = age;
                _percent = percent;
                _figures = age + " ms · " + percent + " %";
            }
            return _figures;
        }
    }
}
