using System;
using System.Collections.Generic;

namespace Vitrine.Editor
{
    /// <summary>Long work failed: a sentence that says what to do, and the last lines of the program that failed.</summary>
    public sealed class WorkFailedException : Exception
    {
        private static readonly string[] None = new string[0];

        /// <summary>Makes an error.</summary>
        public WorkFailedException(string message, IReadOnlyList<string> lastLines = null, Exception inner = null)
            : base(message, inner)
        {
            LastLines = lastLines ?? None;
        }

        /// <summary>The last lines of the program; empty where none ran.</summary>
        public IReadOnlyList<string> LastLines { get; }
    }
}
