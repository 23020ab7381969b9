using System;
using System.IO;

namespace Vitrine
{
    /// <summary>
    /// Who owns a file, and when a process of ours began: asked from the system before a token is sent.
    /// </summary>
    internal static class PeerIdentity
    {
        /// <summary>Seconds by which two readings of one start may differ: systems round it, and clocks are set.</summary>
        internal const double StartToleranceS = 2;

        internal static bool IsWindows
        {
            get { return Environment.OSVersion.Platform == PlatformID.Win32NT; }
        }

        /// <summary>This process; asked from the system, which works in every kind of player.</summary>
        internal static int OwnPid
        {
            get { return IsWindows ? WindowsIdentity.OwnPid() : LinuxIdentity.OwnPid(); }
        }

        /// <summary>
        /// Throws <see cref="UnauthorizedAccessException"/> unless the file is this user's and nobody else may use it.
        /// </summary>
        internal static void CheckFile(string path)
        {
            if (IsWindows) { WindowsIdentity.CheckFile(path); }
            else { LinuxIdentity.CheckFile(path); }
        }

        /// <summary>The start of a live process of this user, seconds since 1970; false for any other.</summary>
        internal static bool TryGetStart(int pid, out double startedS)
        {
            startedS = 0;
            if (pid <= 0)
            {
                return false;
            }
            return IsWindows ? WindowsIdentity.TryGetStart(pid, out startedS) : LinuxIdentity.TryGetStart(pid, out startedS);
        }

        /// <summary>Whether that process of this user runs and is the one that began then, not one with its number.</summary>
        internal static bool IsAlive(int pid, double startedS)
        {
            double foundS;
            return TryGetStart(pid, out foundS) && Math.Abs(foundS - startedS) <= StartToleranceS;
        }
    }
}
