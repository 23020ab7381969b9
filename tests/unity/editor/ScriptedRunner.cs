using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor.Tests
{
    /// <summary>What a program would do, in place of the program.</summary>
    internal sealed class Scripted
    {
        internal readonly List<string> Lines = new List<string>();
        internal int ExitCode;
        internal bool TimedOut;
        internal bool Hangs;
        internal Action Effect;
    }

    /// <summary>Plays scripts: the first whose words all occur in a command. A command without a script fails the test.</summary>
    internal sealed class ScriptedRunner : ICommandRunner
    {
        private readonly object _lock = new object();
        private readonly List<KeyValuePair<string[], Scripted>> _scripts = new List<KeyValuePair<string[], Scripted>>();
        private readonly List<string> _ran = new List<string>();

        /// <summary>The commands so far.</summary>
        internal string[] Ran
        {
            get { lock (_lock) { return _ran.ToArray(); } }
        }

        /// <summary>A newer script for the same words takes the place of the old one.</summary>
        internal Scripted When(params string[] words)
        {
            var script = new Scripted();
            lock (_lock) { _scripts.Insert(0, new KeyValuePair<string[], Scripted>(words, script)); }
            return script;
        }

        /// <summary>How many commands held the word.</summary>
        internal int Count(string word)
        {
            int count = 0;
            foreach (string command in Ran) { count += command.Contains(word) ? 1 : 0; }
            return count;
        }

        public async Task<CommandResult> RunAsync(Command command, Action<OutputLine> line, CancellationToken cancel)
        {
            string text = command.ToString();
            lock (_lock) { _ran.Add(text); }
            Scripted script = Find(text);
            if (script == null) { throw new WorkFailedException("no script for: " + text); }
            var log = new OutputLog();
            foreach (string said in script.Lines)
            {
                var next = new OutputLine(said, false);
                log.Add(next);
                if (line != null) { line(next); }
            }
            if (script.Hangs) { await Task.Delay(Timeout.Infinite, cancel).ConfigureAwait(false); }
            cancel.ThrowIfCancellationRequested();
            if (script.Effect != null) { script.Effect(); }
            return log.ToResult(script.ExitCode, script.TimedOut);
        }

        private Scripted Find(string text)
        {
            lock (_lock)
            {
                foreach (KeyValuePair<string[], Scripted> pair in _scripts)
                {
                    if (Array.TrueForAll(pair.Key, text.Contains)) { return pair.Value; }
                }
                return null;
            }
        }
    }
}
