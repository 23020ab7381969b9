using System;
using System.Runtime.InteropServices;

namespace Vitrine
{
    /// <summary>
    /// What of kernel32 the Windows launcher calls. Structures hold numbers and pointers only, for IL2CPP.
    /// </summary>
    internal static class WindowsNative
    {
        internal const uint GenericRead = 0x80000000;
        internal const uint GenericWrite = 0x40000000;
        internal const uint ShareAll = 7; // FILE_SHARE_READ | WRITE | DELETE
        internal const uint CreateAlways = 2;
        internal const uint OpenExisting = 3;
        internal const uint NormalFile = 0x80;
        internal const uint UseHandles = 0x100; // STARTF_USESTDHANDLES
        internal const uint QueryLimited = 0x1000; // PROCESS_QUERY_LIMITED_INFORMATION
        internal const uint KillOnJobClose = 0x2000; // JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
        internal const int ExtendedLimits = 9; // JobObjectExtendedLimitInformation

        // CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT | CREATE_NO_WINDOW
        internal const uint CreationFlags = 0x4 | 0x400 | 0x80000 | 0x8000000;

        // PROC_THREAD_ATTRIBUTE_HANDLE_LIST
        internal static readonly IntPtr HandleListAttribute = new IntPtr(0x20002);

        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool CreateProcessW(
            string program, IntPtr commandLine, IntPtr processSecurity, IntPtr threadSecurity, int inherit, uint flags,
            IntPtr environment, string folder, ref StartupInfo startup, out ProcessInformation made);

        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, ExactSpelling = true, SetLastError = true)]
        internal static extern IntPtr CreateFileW(
            string path, uint access, uint share, ref SecurityAttributes security, uint disposition, uint flags,
            IntPtr template);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool InitializeProcThreadAttributeList(IntPtr list, int count, int flags, ref IntPtr bytes);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool UpdateProcThreadAttribute(
            IntPtr list, uint flags, IntPtr attribute, IntPtr value, IntPtr bytes, IntPtr previous, IntPtr returned);

        [DllImport("kernel32.dll", ExactSpelling = true)]
        internal static extern void DeleteProcThreadAttributeList(IntPtr list);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        internal static extern IntPtr CreateJobObjectW(IntPtr security, IntPtr name);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetInformationJobObject(IntPtr job, int kind, ref JobLimits limits, int bytes);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool AssignProcessToJobObject(IntPtr job, IntPtr process);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool IsProcessInJob(
            IntPtr process, IntPtr job, [MarshalAs(UnmanagedType.Bool)] out bool held);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool TerminateJobObject(IntPtr job, uint code);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool TerminateProcess(IntPtr process, uint code);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        internal static extern uint ResumeThread(IntPtr thread);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        internal static extern IntPtr OpenProcess(uint access, int inherit, uint pid);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        internal static extern uint GetProcessId(IntPtr process);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        internal static extern uint WaitForSingleObject(IntPtr handle, uint milliseconds);

        [DllImport("kernel32.dll", ExactSpelling = true, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool GetExitCodeProcess(IntPtr process, out uint code);

        [DllImport("kernel32.dll", ExactSpelling = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool CloseHandle(IntPtr handle);

        /// <summary>SECURITY_ATTRIBUTES.</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct SecurityAttributes
        {
            internal uint Size;
            internal IntPtr Descriptor;
            internal int Inherit;
        }

        /// <summary>STARTUPINFOEXW.</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct StartupInfo
        {
            internal uint Size;
            internal IntPtr Reserved;
            internal IntPtr Desktop;
            internal IntPtr Title;
            internal uint X;
            internal uint Y;
            internal uint Width;
            internal uint Height;
            internal uint Columns;
            internal uint Rows;
            internal uint Fill;
            internal uint Flags;
            internal ushort Show;
            internal ushort ReservedBytes;
            internal IntPtr ReservedData;
            internal IntPtr Input;
            internal IntPtr Output;
            internal IntPtr Error;
            internal IntPtr Attributes;
        }

        /// <summary>PROCESS_INFORMATION.</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct ProcessInformation
        {
            internal IntPtr Process;
            internal IntPtr Thread;
            internal uint ProcessId;
            internal uint ThreadId;
        }

        /// <summary>JOBOBJECT_EXTENDED_LIMIT_INFORMATION.</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct JobLimits
        {
            internal long ProcessUserTime;
            internal long JobUserTime;
            internal uint LimitFlags;
            internal UIntPtr SmallestWorkingSet;
            internal UIntPtr LargestWorkingSet;
            internal uint ActiveProcesses;
            internal UIntPtr Affinity;
            internal uint Priority;
            internal uint Scheduling;
            internal ulong ReadOperations;
            internal ulong WriteOperations;
            internal ulong OtherOperations;
            internal ulong ReadBytes;
            internal ulong WriteBytes;
            internal ulong OtherBytes;
            internal UIntPtr ProcessMemory;
            internal UIntPtr JobMemory;
            internal UIntPtr PeakProcessMemory;
            internal UIntPtr PeakJobMemory;
        }
    }
}
