using System;
using System.Collections.Generic;
using System.IO;

namespace Vitrine
{
    /// <summary>How the sidecar is found or started; the defaults suit an application that owns its sidecar.</summary>
    public sealed class ProcessOptions
    {
        /// <summary>
        /// The program that starts the sidecar: a Python that has it, or a <c>vitrine</c>; null: see
        /// <see cref="SidecarCommand.Find(string, out string)"/>.
        /// </summary>
        public string Executable { get; set; }

        /// <summary>The command itself, in place of <see cref="Executable"/>.</summary>
        public SidecarCommand Command { get; set; }

        /// <summary>More words for <c>vitrine serve</c>.</summary>
        public IReadOnlyList<string> Arguments { get; set; } = new string[0];

        /// <summary>The folder of run.json; null: the user's runtime folder.</summary>
        public string RunFolder { get; set; }

        /// <summary>The sidecar stops when this process is gone; 0: the current one.</summary>
        public int ParentPid { get; set; }

        /// <summary>
        /// Whether the sidecar first fetches missing models. That can take much longer than
        /// <see cref="StartTimeoutMs"/>, so it is off: models are installed beforehand.
        /// </summary>
        public bool InstallModels { get; set; }

        /// <summary>Milliseconds until the sidecar must listen.</summary>
        public int StartTimeoutMs { get; set; } = 120000;

        /// <summary>Milliseconds that the sidecar has to end by itself before it is killed.</summary>
        public int StopGraceMs { get; set; } = 3000;

        /// <summary>
        /// Takes what the sidecar prints, and is emptied at each start; null: <c>sidecar.log</c> beside run.json.
        /// </summary>
        public string LogFile { get; set; }

        /// <summary>Variables that the sidecar gets besides those of this process.</summary>
        public IDictionary<string, string> Environment { get; set; }

        /// <summary>The clock.</summary>
        public IVitrineClock Clock { get; set; } = new SystemClock();

        /// <summary>Takes one line of diagnostics; called from any thread.</summary>
        public Action<string> Log { get; set; }

        internal string LogFileIn(string folder)
        {
            return Path.GetFullPath(string.IsNullOrEmpty(LogFile) ? Path.Combine(folder, "sidecar.log") : LogFile);
        }
    }

    /// <summary>Where a <see cref="VitrineProcess"/> stands.</summary>
    public enum ProcessState
    {
        /// <summary>not started, or stopped</summary>
        Stopped,
        /// <summary>started by us, does not listen yet</summary>
        Starting,
        /// <summary>ours, and it listens</summary>
        Running,
        /// <summary>somebody else's server of this user, which is used and left alone</summary>
        Foreign,
        /// <summary>it could not be started, or it ended by itself; <see cref="VitrineProcess.Problem"/> says why</summary>
        Failed
    }

    /// <summary>
    /// Keeps one line of text over a reload of the scripts, so that the sidecar is found again. Called from any thread:
    /// over Unity's <c>SessionState</c>, hold the text (<see cref="HeldMemory"/>) and write it on the main thread before
    /// the assemblies are reloaded.
    /// </summary>
    public interface IProcessMemory
    {
        /// <summary>Keeps the text; empty: nothing to keep.</summary>
        void Save(string text);

        /// <summary>What was kept last; null or empty when nothing was.</summary>
        string Load();
    }

    /// <summary>A memory that only holds its text.</summary>
    public sealed class HeldMemory : IProcessMemory
    {
        private volatile string _text;

        /// <summary>Begins with <paramref name="text"/>.</summary>
        public HeldMemory(string text = "")
        {
            _text = text;
        }

        /// <inheritdoc/>
        public void Save(string text)
        {
            _text = text;
        }

        /// <inheritdoc/>
        public string Load()
        {
            return _text;
        }
    }
}
