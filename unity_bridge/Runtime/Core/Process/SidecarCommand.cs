using System;
using System.Collections.Generic;
using System.IO;

namespace Vitrine
{
    /// <summary>The program that is the sidecar's command line, and the words before its subcommand.</summary>
    public sealed class SidecarCommand
    {
        /// <summary>The variable that names a Python which has the sidecar.</summary>
        public const string PythonVariable = "VITRINE_PYTHON";

        private const string Install =
            "Install it in Window > Vitrine, or name the Python that has it in Project Settings > Vitrine or in "
            + PythonVariable + ".";

        private readonly string[] _arguments;

        /// <summary>Makes a command; nothing is checked.</summary>
        public SidecarCommand(string executable, params string[] arguments)
        {
            if (string.IsNullOrEmpty(executable)) { throw new ArgumentException("no program", nameof(executable)); }
            Executable = executable;
            _arguments = (string[])arguments.Clone();
        }

        /// <summary>The folder of the private Python environment that the Editor installs; it need not exist.</summary>
        public static string EnvironmentFolder
        {
            get { return EnvironmentFolderOf(new SystemFiles()); }
        }

        /// <summary>The Python of that environment; it need not exist.</summary>
        public static string EnvironmentPython
        {
            get { return EnvironmentPythonOf(new SystemFiles()); }
        }

        /// <summary>The program.</summary>
        public string Executable { get; }

        /// <summary>Words that come before the subcommand.</summary>
        public IReadOnlyList<string> Arguments
        {
            get { return _arguments; }
        }

        /// <summary>All words after the program for a subcommand, as <c>Words("doctor", "--json")</c>.</summary>
        public string[] Words(params string[] subcommand)
        {
            var words = new string[_arguments.Length + subcommand.Length];
            _arguments.CopyTo(words, 0);
            subcommand.CopyTo(words, _arguments.Length);
            return words;
        }

        /// <summary>
        /// The first of: <paramref name="configured"/>; <c>VITRINE_PYTHON</c>; the environment that the Editor installs;
        /// <c>vitrine</c> on the PATH. What was named but is not there is not passed over. Null when there is none:
        /// <paramref name="problem"/> then says what to do.
        /// </summary>
        public static SidecarCommand Find(string configured, out string problem)
        {
            return Find(configured, new SystemFiles(), out problem);
        }

        internal static SidecarCommand Find(string configured, IFileProbe files, out string problem)
        {
            problem = null;
            if (!string.IsNullOrEmpty(configured))
            {
                string program = Resolve(configured, files);
                if (program == null)
                {
                    problem = "The program that the settings name for the sidecar is not there. Correct it in Project "
                        + "Settings > Vitrine, or leave it empty.";
                    return null;
                }
                return IsPython(program) ? Python(program) : new SidecarCommand(program);
            }
            string named = files.Variable(PythonVariable);
            if (!string.IsNullOrEmpty(named))
            {
                string python = Resolve(named, files);
                if (python == null)
                {
                    problem = "The Python that " + PythonVariable
                        + " names is not there. Correct the variable, or remove it.";
                    return null;
                }
                return Python(python);
            }
            string installed = EnvironmentPythonOf(files);
            if (files.IsFile(installed))
            {
                return Python(installed);
            }
            string onPath = OnPath("vitrine", files);
            if (onPath == null)
            {
                problem = "The sidecar is not installed. " + Install;
                return null;
            }
            return new SidecarCommand(onPath);
        }

        private static SidecarCommand Python(string program)
        {
            return new SidecarCommand(program, "-m", "sidecar");
        }

        private static bool IsPython(string program)
        {
            string name = program.Substring(program.LastIndexOfAny(new[] { '/', '\\' }) + 1);
            return name.StartsWith("python", StringComparison.OrdinalIgnoreCase);
        }

        private static string EnvironmentFolderOf(IFileProbe files)
        {
            return files.IsWindows
                ? files.LocalData + @"\vitrine\python"
                : files.Home + "/.local/share/vitrine/python";
        }

        private static string EnvironmentPythonOf(IFileProbe files)
        {
            return EnvironmentFolderOf(files) + (files.IsWindows ? @"\Scripts\python.exe" : "/bin/python");
        }

        /// <summary>A path as it is, a bare name as the PATH has it; null when there is no such file.</summary>
        private static string Resolve(string program, IFileProbe files)
        {
            program = program.Trim().Trim('"');
            if (program.IndexOf('/') < 0 && (!files.IsWindows || program.IndexOf('\\') < 0))
            {
                return OnPath(program, files);
            }
            if (program.StartsWith("~/", StringComparison.Ordinal))
            {
                program = files.Home + program.Substring(1);
            }
            return files.IsFile(program) ? program
                : files.IsWindows && files.IsFile(program + ".exe") ? program + ".exe" : null;
        }

        // Folders that are not rooted depend on where the application stands: whoever can write there would be started.
        private static string OnPath(string name, IFileProbe files)
        {
            string ending = files.IsWindows && !name.EndsWith(".exe", StringComparison.OrdinalIgnoreCase) ? ".exe" : "";
            foreach (string entry in (files.Variable("PATH") ?? "").Split(files.IsWindows ? ';' : ':'))
            {
                string folder = entry.Trim().Trim('"');
                bool rooted = files.IsWindows
                    ? folder.StartsWith(@"\\", StringComparison.Ordinal) || (folder.Length > 2 && folder[1] == ':')
                    : folder.StartsWith("/", StringComparison.Ordinal);
                string path = folder.TrimEnd('/', '\\') + (files.IsWindows ? "\\" : "/") + name + ending;
                if (rooted && files.IsFile(path))
                {
                    return path;
                }
            }
            return null;
        }
    }

    /// <summary>What the search for the command asks of the machine.</summary>
    internal interface IFileProbe
    {
        bool IsWindows { get; }

        string Home { get; }

        string LocalData { get; }

        bool IsFile(string path);

        string Variable(string name);
    }

    /// <summary>This machine.</summary>
    internal sealed class SystemFiles : IFileProbe
    {
        public bool IsWindows
        {
            get { return PeerIdentity.IsWindows; }
        }

        public string Home
        {
            get { return Environment.GetFolderPath(Environment.SpecialFolder.UserProfile); }
        }

        public string LocalData
        {
            get { return Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData); }
        }

        public bool IsFile(string path)
        {
            return File.Exists(path);
        }

        public string Variable(string name)
        {
            return Environment.GetEnvironmentVariable(name);
        }
    }
}
