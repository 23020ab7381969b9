using System;
using System.Collections.Generic;
using System.Text;

namespace Vitrine
{
    /// <summary>Windows hands a process one line of text and one block of variables; this writes both.</summary>
    internal static class CommandLine
    {
        /// <summary>
        /// The line that <c>CommandLineToArgvW</c> and the C runtime split into exactly these words. The program's name
        /// has rules of its own: quotes cannot be escaped in it, and no path has any.
        /// </summary>
        internal static string Join(string program, IReadOnlyList<string> arguments)
        {
            if (program.IndexOf('"') >= 0)
            {
                throw new ArgumentException("a quote in the program's path", nameof(program));
            }
            var line = new StringBuilder("\"").Append(program).Append('"');
            foreach (string argument in arguments)
            {
                line.Append(' ');
                Append(line, argument);
            }
            return line.ToString();
        }

        /// <summary>
        /// <c>NAME=value</c> entries, each ended by a zero and sorted without case as Windows wants them, then one zero
        /// more.
        /// </summary>
        internal static string EnvironmentBlock(IDictionary<string, string> variables)
        {
            var sorted = new SortedDictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (KeyValuePair<string, string> variable in variables)
            {
                sorted[variable.Key] = variable.Value;
            }
            var block = new StringBuilder();
            foreach (KeyValuePair<string, string> variable in sorted)
            {
                NoZero(variable.Key);
                NoZero(variable.Value);
                block.Append(variable.Key).Append('=').Append(variable.Value).Append('\0');
            }
            // An empty block needs both zeros.
            return block.Append(sorted.Count == 0 ? "\0\0" : "\0").ToString();
        }

        private static void Append(StringBuilder line, string argument)
        {
            NoZero(argument);
            if (argument.Length > 0 && argument.IndexOfAny(new[] { ' ', '\t', '\n', '\v', '"' }) < 0)
            {
                line.Append(argument);
                return;
            }
            line.Append('"');
            int backslashes = 0;
            foreach (char c in argument)
            {
                if (c == '\\')
                {
                    backslashes++;
                    continue;
                }
                // Backslashes count as such unless a quote follows: before one they are doubled, and it is escaped.
                line.Append('\\', c == '"' ? 2 * backslashes + 1 : backslashes).Append(c);
                backslashes = 0;
            }
            line.Append('\\', 2 * backslashes).Append('"');
        }

        private static void NoZero(string text)
        {
            if (text.IndexOf('\0') >= 0) { throw new ArgumentException("a zero character in an argument or a variable"); }
        }
    }
}
