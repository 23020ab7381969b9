using System;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;

namespace Vitrine
{
    /// <summary>
    /// Linux: statx for owners and modes (its layout is the same on every processor), /proc for processes.
    /// </summary>
    internal static class LinuxIdentity
    {
        private const int CurrentFolder = -100; // AT_FDCWD
        private const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
        private const uint ModeAndUid = 0x0b; // STATX_TYPE | STATX_MODE | STATX_UID
        private const int ClockTicks = 2; // _SC_CLK_TCK
        private const int UidAt = 20;
        private const int ModeAt = 28;

        internal static void CheckFile(string path)
        {
            ushort mode;
            uint owner = Stat(path, out mode);
            if (owner != geteuid())
            {
                throw new UnauthorizedAccessException("the file belongs to another user");
            }
            if ((mode & 0xf000) != 0x8000 || (mode & 0x3f) != 0)
            {
                throw new UnauthorizedAccessException("the file is not a plain one that only its owner may use (0600)");
            }
        }

        internal static bool TryGetStart(int pid, out double startedS)
        {
            startedS = 0;
            try
            {
                string folder = "/proc/" + pid.ToString(CultureInfo.InvariantCulture);
                string stat = File.ReadAllText(folder + "/stat");
                ushort mode;
                // The name, in brackets, may hold spaces and brackets itself: count from the last one.
                string[] fields = stat.Substring(stat.LastIndexOf(')') + 2).Split(' ');
                if (fields[0] == "Z" || fields[0] == "X" || Stat(folder, out mode) != geteuid())
                {
                    return false;
                }
                double ticks = double.Parse(fields[19], CultureInfo.InvariantCulture);
                startedS = BootTimeS() + ticks / (long)sysconf(ClockTicks);
                return true;
            }
            catch (IOException)
            {
                return false;
            }
            catch (UnauthorizedAccessException)
            {
                return false;
            }
        }

        internal static int OwnPid()
        {
            return getpid();
        }

        private static double BootTimeS()
        {
            foreach (string line in File.ReadAllLines("/proc/stat"))
            {
                if (line.StartsWith("btime ", StringComparison.Ordinal))
                {
                    return double.Parse(line.Substring(6), CultureInfo.InvariantCulture);
                }
            }
            throw new IOException("/proc/stat names no boot time");
        }

        private static uint Stat(string path, out ushort mode)
        {
            var found = new byte[256];
            if (statx(CurrentFolder, path, NoFollow, ModeAndUid, found) != 0)
            {
                throw new IOException("statx failed with error " + Marshal.GetLastWin32Error());
            }
            mode = BitConverter.ToUInt16(found, ModeAt);
            return BitConverter.ToUInt32(found, UidAt);
        }

        [DllImport("libc", SetLastError = true)]
        private static extern int statx(
            int folder, [MarshalAs(UnmanagedType.LPStr)] string path, int flags, uint mask, byte[] found);

        [DllImport("libc")]
        private static extern uint geteuid();

        [DllImport("libc")]
        private static extern int getpid();

        [DllImport("libc")]
        private static extern IntPtr sysconf(int name);
    }
}
