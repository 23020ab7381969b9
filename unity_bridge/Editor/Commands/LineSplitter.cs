using System.Text;

namespace Vitrine.Editor
{
    /// <summary>
    /// Cuts text that comes in pieces into lines. A lone carriage return ends a line too, as progress bars use it; a
    /// line longer than <see cref="MaxLine"/> is cut.
    /// </summary>
    public sealed class LineSplitter
    {
        /// <summary>The longest line in characters.</summary>
        public const int MaxLine = 256 * 1024;

        private readonly StringBuilder _line = new StringBuilder();
        private bool _returned;
        private string _ready;

        /// <summary>Takes one character; true when it completed a line.</summary>
        public bool Add(char next, out string line)
        {
            bool after = _returned;
            _returned = next == '\r';
            if (next == '\n' && after)
            {
                line = null;
                return false;
            }
            if (next == '\n' || next == '\r' || _line.Length >= MaxLine)
            {
                Cut(next);
                line = _ready;
                return true;
            }
            _line.Append(next);
            line = null;
            return false;
        }

        /// <summary>What came after the last line's end; false when there is nothing.</summary>
        public bool TryEnd(out string line)
        {
            line = _line.Length > 0 ? _line.ToString() : null;
            _line.Length = 0;
            return line != null;
        }

        private void Cut(char next)
        {
            _ready = _line.ToString();
            _line.Length = 0;
            if (next != '\n' && next != '\r') { _line.Append(next); }
        }
    }
}
