using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;

namespace Vitrine.Editor
{
    /// <summary>
    /// Ends a program that this process started, and all that it started in turn: pip and venv work through children.
    /// </summary>
    internal static class ProcessTree
    {
        private const int Interrupt = 2; // SIGINT
        private const int KillNow = 9; // SIGKILL
        private const int GraceMs = 2000;
        private const int TaskKillMs = 5000;

        /// <summary>
        /// Asks first where the system can (pip then undoes a half-made installation), and ends what is left.
        /// </summary>
        internal static void End(Process root)
        {
            if (IsWindows())
            {
                EndOnWindows(root);
                return;
            }
            var known = new Dictionary<int, string>();
            Collect(root.Id, known);
            Signal(known, Interrupt);
            bool ended = root.WaitForExit(GraceMs);
            // A child that outlived its parent has another one now; the ones seen before are still known.
            if (!ended) { Collect(root.Id, known); }
            Signal(known, KillNow);
            root.WaitForExit(GraceMs);
        }

        /// <summary>A process and its descendants, each with the time at which it started.</summary>
        internal static void Collect(int root, Dictionary<int, string> found)
        {
            string started = StartOf(root);
            if (started == null) { return; }
            found[root] = started;
            var parents = new Dictionary<int, int>();
            foreach (string folder in Directory.GetDirectories("/proc"))
            {
                int pid;
                int parent;
                if (int.TryParse(Path.GetFileName(folder), out pid) && TryGetParent(pid, out parent)) { parents[pid] = parent; }
            }
            bool grown = true;
            while (grown)
            {
                grown = false;
                foreach (KeyValuePair<int, int> pair in parents)
                {
                    if (found.ContainsKey(pair.Key) || !found.ContainsKey(pair.Value)) { continue; }
                    found[pair.Key] = StartOf(pair.Key) ?? "";
                    grown = true;
                }
            }
        }

        private static void Signal(Dictionary<int, string> processes, int signal)
        {
            foreach (KeyValuePair<int, string> pair in processes)
            {
                // A number that is used again belongs to a stranger.
                if (pair.Value.Length > 0 && StartOf(pair.Key) == pair.Value) { kill(pair.Key, signal); }
            }
        }

        private static bool TryGetParent(int pid, out int parent)
        {
            parent = 0;
            string[] fields = Stat(pid);
            return fields != null && int.TryParse(fields[1], out parent);
        }

        private static string StartOf(int pid)
        {
            string[] fields = Stat(pid);
            return fields == null ? null : fields[19];
        }

        private static string[] Stat(int pid)
        {
            try
            {
                string text = File.ReadAllText("/proc/" + pid.ToString(CultureInfo.InvariantCulture) + "/stat");
                // The name, in brackets, may hold spaces and brackets itself: count from the last one.
                string[] fields = text.Substring(text.LastIndexOf(')') + 2).Split(' ');
                return fields[0] == "Z" || fields.Length < 20 ? null : fields;
            }
            catch (IOException)
            {
                return null;
            }
            catch (UnauthorizedAccessException)
            {
                return null;
            }
        }

        private static void EndOnWindows(Process root)
        {
            // The handle of the root is still held, so its number cannot have been given to another process.
            string program = Path.Combine(Environment.SystemDirectory, "taskkill.exe");
            string arguments = "/PID " + root.Id.ToString(CultureInfo.InvariantCulture) + " /T /F";
            var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, CreateNoWindow = true };
            using (Process killer = Process.Start(start))
            {
                killer.WaitForExit(TaskKillMs);
            }
            root.WaitForExit(GraceMs);
        }

        private static bool IsWindows()
        {
            return Path.DirectorySeparatorChar == '\\';
        }

        [DllImport("libc", SetLastError = true)]
        private static extern int kill(int pid, int signal);
    }
}
