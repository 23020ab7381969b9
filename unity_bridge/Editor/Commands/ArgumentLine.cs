using System.Collections.Generic;
using System.Text;

namespace Vitrine.Editor
{
    /// <summary>
    /// Joins arguments into the one string that .NET Framework's <c>Process</c> takes, so that the program gets them
    /// back as they were. No shell reads it: nothing but quotes and backslashes has a meaning.
    /// </summary>
    public static class ArgumentLine
    {
        /// <summary>The string for this system.</summary>
        public static string Join(IReadOnlyList<string> arguments, bool windows)
        {
            var line = new StringBuilder();
            for (int i = 0; i < arguments.Count; i++)
            {
                if (i > 0) { line.Append(' '); }
                if (windows) { AppendWindows(line, arguments[i]); }
                else { AppendPosix(line, arguments[i]); }
            }
            return line.ToString();
        }

        // Mono splits the string as a POSIX shell would: inside double quotes a backslash escapes itself and the quote.
        private static void AppendPosix(StringBuilder line, string argument)
        {
            line.Append('"');
            foreach (char next in argument)
            {
                if (next == '"' || next == '\\' || next == '$' || next == '`') { line.Append('\\'); }
                line.Append(next);
            }
            line.Append('"');
        }

        // CommandLineToArgvW: backslashes count only before a quote, where each of them must be doubled.
        private static void AppendWindows(StringBuilder line, string argument)
        {
            line.Append('"');
            int backslashes = 0;
            foreach (char next in argument)
            {
                if (next == '\\')
                {
                    backslashes++;
                    continue;
                }
                line.Append('\\', next == '"' ? backslashes * 2 + 1 : backslashes).Append(next);
                backslashes = 0;
            }
            line.Append('\\', backslashes * 2).Append('"');
        }
    }
}
