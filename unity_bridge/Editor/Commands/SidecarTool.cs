using System.Collections.Generic;

namespace Vitrine.Editor
{
    /// <summary>How the sidecar's command line is reached: a Python with <c>-m sidecar</c>, or <c>vitrine</c> itself.</summary>
    public sealed class SidecarTool
    {
        private const int ShortMs = 60 * 1000;
        private const int LongMs = 60 * 60 * 1000;
        private readonly string[] _before;

        /// <summary>Takes the program and the arguments that come before the sidecar's own.</summary>
        public SidecarTool(string file, params string[] before)
        {
            File = file;
            _before = before;
        }

        /// <summary>The program.</summary>
        public string File { get; }

        /// <summary>
        /// The sidecar that would be started: the configured one, or what is installed. Throws
        /// <see cref="WorkFailedException"/> that says what to do when there is none.
        /// </summary>
        public static SidecarTool Find(string configured)
        {
            string problem;
            SidecarCommand found = SidecarCommand.Find(configured, out problem);
            if (found == null) { throw new WorkFailedException(problem); }
            return new SidecarTool(found.Executable, found.Words());
        }

        /// <summary>The sidecar as a module of this Python.</summary>
        public static SidecarTool OfPython(string python)
        {
            return new SidecarTool(python, "-m", "sidecar");
        }

        /// <summary>A command that answers within a minute.</summary>
        public Command Ask(params string[] arguments)
        {
            return Make(ShortMs, arguments);
        }

        /// <summary>A command that may take up to an hour: it downloads and converts.</summary>
        public Command Work(params string[] arguments)
        {
            return Make(LongMs, arguments);
        }

        private Command Make(int timeoutMs, string[] arguments)
        {
            var all = new List<string>(_before);
            all.AddRange(arguments);
            return new Command(File, all.ToArray()) { TimeoutMs = timeoutMs };
        }
    }
}
