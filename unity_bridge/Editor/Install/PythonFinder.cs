using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>A Python that can make the private environment.</summary>
    public sealed class PythonChoice
    {
        /// <summary>Makes a choice.</summary>
        public PythonChoice(string file, string version)
        {
            File = file;
            Version = version;
        }

        /// <summary>The interpreter's own full path.</summary>
        public string File { get; }

        /// <summary>Such as <c>3.12</c>.</summary>
        public string Version { get; }
    }

    /// <summary>
    /// Finds Python 3.10 to 3.13 by asking candidates themselves: the launcher <c>py</c> on Windows, names in PATH
    /// elsewhere. A candidate counts only if it can make environments.
    /// </summary>
    public sealed class PythonFinder
    {
        private const int ProbeMs = 15 * 1000;
        private const int OldestMinor = 10;
        private const int NewestMinor = 13;
        private const string Probe =
            "import sys; import venv, ensurepip; print('%d.%d|%s' % (sys.version_info[0], sys.version_info[1], sys.executable))";

        // The versions for which all packages have long had wheels come first.
        private static readonly string[] Versions = { "3.12", "3.11", "3.13", "3.10" };

        private readonly ICommandRunner _runner;
        private readonly bool _windows;
        private readonly Func<string, bool> _exists;

        /// <summary>
        /// Asks through <paramref name="runner"/>; <paramref name="exists"/> tells whether a program is in PATH.
        /// </summary>
        public PythonFinder(ICommandRunner runner, bool windows, Func<string, bool> exists)
        {
            _runner = runner;
            _windows = windows;
            _exists = exists;
        }

        /// <summary>For this machine.</summary>
        public static PythonFinder OfThisMachine(ICommandRunner runner)
        {
            bool windows = Path.DirectorySeparatorChar == '\\';
            return new PythonFinder(runner, windows, name => IsInPath(name, windows));
        }

        /// <summary>The first that fits. Throws <see cref="WorkFailedException"/> that says what to install.</summary>
        public async Task<PythonChoice> FindAsync(string configured, CancellationToken cancel)
        {
            bool hasOne = false;
            foreach (Command candidate in Candidates(configured))
            {
                if (!_exists(candidate.File)) { continue; }
                CommandResult result = await RunAsync(candidate, cancel).ConfigureAwait(false);
                PythonChoice choice;
                if (result != null && result.Succeeded && TryRead(result.Output, out choice)) { return choice; }
                hasOne |= result != null && string.Join(" ", result.LastLines).Contains("ensurepip");
            }
            throw new WorkFailedException(Sentence(configured, hasOne));
        }

        /// <summary>The commands that are tried, in order.</summary>
        public IReadOnlyList<Command> Candidates(string configured)
        {
            var found = new List<Command>();
            if (!string.IsNullOrEmpty(configured))
            {
                found.Add(Ask(configured));
                return found;
            }
            foreach (string version in Versions)
            {
                if (_windows) { found.Add(Ask("py.exe", "-" + version)); }
                else { found.Add(Ask("python" + version)); }
            }
            foreach (string name in _windows ? new[] { "python.exe", "python3.exe" } : new[] { "python3", "python" })
            {
                found.Add(Ask(name));
            }
            return found;
        }

        private async Task<CommandResult> RunAsync(Command candidate, CancellationToken cancel)
        {
            try
            {
                return await _runner.RunAsync(candidate, null, cancel).ConfigureAwait(false);
            }
            catch (WorkFailedException)
            {
                return null; // in PATH, but no program: the next one may be
            }
        }

        private static Command Ask(string file, params string[] before)
        {
            var arguments = new List<string>(before) { "-I", "-c", Probe };
            return new Command(file, arguments.ToArray()) { TimeoutMs = ProbeMs };
        }

        private static bool TryRead(string output, out PythonChoice choice)
        {
            choice = null;
            foreach (string line in output.Split('\n'))
            {
                int bar = line.IndexOf('|');
                if (bar < 0) { continue; }
                string version = line.Substring(0, bar);
                string file = line.Substring(bar + 1).Trim();
                if (file.Length > 0 && IsSupported(version)) { choice = new PythonChoice(file, version); }
            }
            return choice != null;
        }

        private static bool IsSupported(string version)
        {
            int minor;
            return version.StartsWith("3.", StringComparison.Ordinal)
                && int.TryParse(version.Substring(2), NumberStyles.None, CultureInfo.InvariantCulture, out minor)
                && minor >= OldestMinor && minor <= NewestMinor;
        }

        private string Sentence(string configured, bool hasOne)
        {
            if (!string.IsNullOrEmpty(configured))
            {
                return "The chosen Python is not one of version 3.10 to 3.13 that can make environments. "
                    + "Choose another under Install, or clear the field to search for one.";
            }
            if (hasOne && !_windows)
            {
                return "Python is here, but cannot make environments. Run: sudo apt-get install python3-venv. "
                    + "Then press Install again.";
            }
            return _windows
                ? "Vitrine needs Python 3.10 to 3.13. Install it from https://www.python.org/downloads/windows/ with "
                    + "\"Add python.exe to PATH\" ticked, then press Install again."
                : "Vitrine needs Python 3.10 to 3.13. Run: sudo apt-get install python3 python3-venv. "
                    + "Then press Install again.";
        }

        private static bool IsInPath(string name, bool windows)
        {
            if (Path.IsPathRooted(name)) { return File.Exists(name); }
            string path = Environment.GetEnvironmentVariable("PATH") ?? "";
            foreach (string folder in path.Split(windows ? ';' : ':'))
            {
                if (folder.Length == 0 || folder.IndexOfAny(Path.GetInvalidPathChars()) >= 0) { continue; }
                // The store's stand-in for Python opens a shop window instead of running.
                if (windows && folder.TrimEnd('\\').EndsWith("WindowsApps", StringComparison.OrdinalIgnoreCase)) { continue; }
                if (File.Exists(Path.Combine(folder, name))) { return true; }
            }
            return false;
        }
    }
}
