using System.Collections.Generic;
using System.Text;

namespace Vitrine.Editor
{
    /// <summary>What a program wrote, bounded: all of its output up to a limit, and the last lines of both streams.</summary>
    public sealed class OutputLog
    {
        /// <summary>Characters of output that are kept.</summary>
        public const int MaxOutput = 1024 * 1024;

        private const int LastCount = 20;
        private readonly object _lock = new object();
        private readonly StringBuilder _output = new StringBuilder();
        private readonly Queue<string> _last = new Queue<string>();

        /// <summary>Keeps a line.</summary>
        public void Add(OutputLine line)
        {
            lock (_lock)
            {
                if (!line.IsError && _output.Length + line.Text.Length < MaxOutput)
                {
                    _output.Append(line.Text).Append('\n');
                }
                if (line.Text.Trim().Length == 0) { return; }
                if (_last.Count == LastCount) { _last.Dequeue(); }
                _last.Enqueue(line.Text);
            }
        }

        /// <summary>The result of a program that ended.</summary>
        public CommandResult ToResult(int exitCode, bool timedOut)
        {
            lock (_lock)
            {
                return new CommandResult(exitCode, timedOut, _output.ToString(), _last.ToArray());
            }
        }
    }
}
