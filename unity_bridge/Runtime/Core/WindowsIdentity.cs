using System;
using System.IO;
using System.Runtime.InteropServices;

namespace Vitrine
{
    /// <summary>
    /// Windows: owners are compared as security identifiers, start times asked from the process itself.
    /// </summary>
    internal static class WindowsIdentity
    {
        private const int FileObject = 1; // SE_FILE_OBJECT
        private const int OwnerInformation = 1; // OWNER_SECURITY_INFORMATION
        private const uint TokenQuery = 8;
        private const int TokenUser = 1;
        private const int TokenOwner = 4;
        private const uint QueryLimited = 0x1000; // PROCESS_QUERY_LIMITED_INFORMATION
        private const uint StillActive = 259;
        private const int TokenBytes = 1024;

        internal static void CheckFile(string path)
        {
            IntPtr owner, descriptor;
            int error = GetNamedSecurityInfoW(
                path, FileObject, OwnerInformation, out owner, IntPtr.Zero, IntPtr.Zero, IntPtr.Zero, out descriptor);
            if (error != 0)
            {
                throw new IOException("the file's owner cannot be read, error " + error);
            }
            try
            {
                // What an elevated process creates may belong to the administrators: that is its token's owner.
                if (!Owns(GetCurrentProcess(), owner))
                {
                    throw new UnauthorizedAccessException("the file belongs to another user");
                }
            }
            finally
            {
                LocalFree(descriptor);
            }
        }

        internal static bool TryGetStart(int pid, out double startedS)
        {
            startedS = 0;
            IntPtr process = OpenProcess(QueryLimited, false, (uint)pid);
            if (process == IntPtr.Zero)
            {
                return false;
            }
            try
            {
                uint exit;
                long created, exited, kernel, user;
                if (!GetExitCodeProcess(process, out exit) || exit != StillActive
                    || !GetProcessTimes(process, out created, out exited, out kernel, out user) || !SameUser(process))
                {
                    return false;
                }
                startedS = (DateTime.FromFileTimeUtc(created) - new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)).TotalSeconds;
                return true;
            }
            finally
            {
                CloseHandle(process);
            }
        }

        internal static int OwnPid()
        {
            return (int)GetCurrentProcessId();
        }

        private static bool SameUser(IntPtr process)
        {
            return Same(ReadSid(process, TokenUser), ReadSid(GetCurrentProcess(), TokenUser));
        }

        private static bool Owns(IntPtr process, IntPtr owner)
        {
            byte[] sid = ToBytes(owner);
            return Same(ReadSid(process, TokenUser), sid) || Same(ReadSid(process, TokenOwner), sid);
        }

        private static bool Same(byte[] one, byte[] other)
        {
            if (one == null || other == null || one.Length != other.Length)
            {
                return false;
            }
            for (int i = 0; i < one.Length; i++)
            {
                if (one[i] != other[i]) { return false; }
            }
            return true;
        }

        // A security identifier is 8 bytes and 4 for each sub-authority, whose number stands at 1.
        private static byte[] ToBytes(IntPtr sid)
        {
            var bytes = new byte[8 + 4 * Marshal.ReadByte(sid, 1)];
            Marshal.Copy(sid, bytes, 0, bytes.Length);
            return bytes;
        }

        // TOKEN_USER and TOKEN_OWNER both begin with a pointer to the identifier.
        private static byte[] ReadSid(IntPtr process, int information)
        {
            IntPtr token;
            if (!OpenProcessToken(process, TokenQuery, out token))
            {
                return null;
            }
            IntPtr memory = Marshal.AllocHGlobal(TokenBytes);
            try
            {
                int used;
                return GetTokenInformation(token, information, memory, TokenBytes, out used)
                    ? ToBytes(Marshal.ReadIntPtr(memory)) : null;
            }
            finally
            {
                Marshal.FreeHGlobal(memory);
                CloseHandle(token);
            }
        }

        [DllImport("advapi32.dll", CharSet = CharSet.Unicode, ExactSpelling = true)]
        private static extern int GetNamedSecurityInfoW(
            string name, int kind, int information, out IntPtr owner, IntPtr group, IntPtr dacl, IntPtr sacl,
            out IntPtr descriptor);

        [DllImport("advapi32.dll", SetLastError = true)]
        private static extern bool OpenProcessToken(IntPtr process, uint access, out IntPtr token);

        [DllImport("advapi32.dll", SetLastError = true)]
        private static extern bool GetTokenInformation(IntPtr token, int kind, IntPtr memory, int size, out int used);

        [DllImport("kernel32.dll")]
        private static extern IntPtr GetCurrentProcess();

        [DllImport("kernel32.dll")]
        private static extern uint GetCurrentProcessId();

        [DllImport("kernel32.dll", SetLastError = true)]
        private static extern IntPtr OpenProcess(uint access, bool inherit, uint pid);

        [DllImport("kernel32.dll", SetLastError = true)]
        private static extern bool GetExitCodeProcess(IntPtr process, out uint code);

        [DllImport("kernel32.dll", SetLastError = true)]
        private static extern bool GetProcessTimes(
            IntPtr process, out long created, out long exited, out long kernel, out long user);

        [DllImport("kernel32.dll")]
        private static extern bool CloseHandle(IntPtr handle);

        [DllImport("kernel32.dll")]
        private static extern IntPtr LocalFree(IntPtr memory);
    }
}
