using System.Collections.Generic;

namespace Vitrine.Editor
{
    /// <summary>A program to run: a file and its arguments, never a line for a shell.</summary>
    public sealed class Command
    {
        /// <summary>Names the program and its arguments.</summary>
        public Command(string file, params string[] arguments)
        {
            File = file;
            Arguments = arguments;
        }

        /// <summary>The program: a full path, or a name that is looked up in PATH.</summary>
        public string File { get; }

        /// <summary>The arguments, unquoted.</summary>
        public IReadOnlyList<string> Arguments { get; }

        /// <summary>Milliseconds after which the program and all that it started are ended.</summary>
        public int TimeoutMs { get; set; } = 60 * 1000;

        /// <summary>The command as a person would type it, for messages.</summary>
        public override string ToString()
        {
            return File + " " + string.Join(" ", Arguments);
        }
    }

    /// <summary>One line that a program wrote.</summary>
    public readonly struct OutputLine
    {
        /// <summary>Makes a line.</summary>
        public OutputLine(string text, bool isError)
        {
            Text = text;
            IsError = isError;
        }

        /// <summary>The line without its end.</summary>
        public string Text { get; }

        /// <summary>Whether it came from the error stream.</summary>
        public bool IsError { get; }
    }

    /// <summary>How a program ended.</summary>
    public sealed class CommandResult
    {
        /// <summary>Makes a result.</summary>
        public CommandResult(int exitCode, bool timedOut, string output, IReadOnlyList<string> lastLines)
        {
            ExitCode = exitCode;
            TimedOut = timedOut;
            Output = output;
            LastLines = lastLines;
        }

        /// <summary>The exit code; 0 is success.</summary>
        public int ExitCode { get; }

        /// <summary>Whether it was ended because it ran too long.</summary>
        public bool TimedOut { get; }

        /// <summary>What it wrote to its output stream, up to <see cref="OutputLog.MaxOutput"/> characters.</summary>
        public string Output { get; }

        /// <summary>The last lines of both streams, in the order in which they came.</summary>
        public IReadOnlyList<string> LastLines { get; }

        /// <summary>Whether it ended by itself with exit code 0.</summary>
        public bool Succeeded
        {
            get { return ExitCode == 0 && !TimedOut; }
        }
    }
}
