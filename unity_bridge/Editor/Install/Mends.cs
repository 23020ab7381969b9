using System;
using System.Collections.Generic;

namespace Vitrine.Editor
{
    /// <summary>What to do about a step that failed, by what the program said.</summary>
    public static class Mends
    {
        private static readonly string[,] Known =
        {
            { "ensurepip is not available", "Python cannot make environments here. Run: sudo apt-get install python3-venv." },
            { "No matching distribution found for vitrine-vr", "The package index has no vitrine-vr for this Python. Choose the folder of a checkout of the project." },
            { "No matching distribution found", "A package is not there for this Python or system. Choose another ONNX Runtime (CPU runs everywhere)." },
            { "No space left on device", "The disk is full. Free about 2 GB." },
            { "There is not enough space on the disk", "The disk is full. Free about 2 GB." },
            { "Temporary failure in name resolution", "The package index cannot be reached. Check the network and the proxy." },
            { "getaddrinfo failed", "The package index cannot be reached. Check the network and the proxy." },
            { "NewConnectionError", "The package index cannot be reached. Check the network and the proxy." },
            { "Connection refused", "The package index cannot be reached. Check the network and the proxy." },
            { "timed out", "The package index answers too slowly. Check the network." },
            { "CERTIFICATE_VERIFY_FAILED", "The network's certificate is not trusted by Python. Ask whoever runs the network for pip's settings." },
            { "Permission denied", "A file is protected or in use. Stop the sidecar, and close programs that use the environment." },
            { "Access is denied", "A file is protected or in use. Stop the sidecar, and close programs that use the environment." },
            { "WinError 32", "A file is in use. Stop the sidecar, and close programs that use the environment." }
        };

        /// <summary>A plain sentence for a known failure; null for an unknown one.</summary>
        public static string Find(IReadOnlyList<string> lastLines)
        {
            string said = string.Join("\n", lastLines);
            for (int i = 0; i < Known.GetLength(0); i++)
            {
                if (said.IndexOf(Known[i, 0], StringComparison.OrdinalIgnoreCase) >= 0) { return Known[i, 1]; }
            }
            return null;
        }

        /// <summary>The sentence for a step that failed.</summary>
        public static string Of(string title, CommandResult result, string said)
        {
            if (result.TimedOut)
            {
                return title + " took too long and was stopped. Check the network, then press Go on.";
            }
            string known = string.IsNullOrEmpty(said) ? Find(result.LastLines) : said;
            return known != null
                ? title + " failed. " + known + " Then press Go on."
                : title + " failed (exit code " + result.ExitCode + "). Mend what the last lines name, then press Go on.";
        }
    }
}
