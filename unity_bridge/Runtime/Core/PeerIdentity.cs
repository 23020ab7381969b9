using System;
using System.IO;

namespace Vitrine
{
    /// <summary>
    /// Who owns a file, and when a process of ours began: asked from the system before a token is sent.
    /// </summary>
    internal static class PeerIdentity
    {
        internal static bool IsWindows
        {
            get { return Environment.OSVersion.Platform == PlatformID.Win32NT; }
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
    }
}
