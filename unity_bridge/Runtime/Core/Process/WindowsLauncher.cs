using System;
using System.Runtime.InteropServices;

namespace Vitrine
{
    /// <summary>
    /// Windows, in the Editor and in players alike: CreateProcessW, since <c>Process.Start</c> throws under IL2CPP. The
    /// child is put into a job before its first instruction, and the job dies with the last handle to it. That handle is
    /// ours and is never closed on purpose: it is closed by the system when this process ends in whatever way, and then
    /// the child and all that it started are killed. A reload of the scripts closes no raw handle.
    /// </summary>
    internal sealed class WindowsLauncher : IProcessLauncher
    {
        /// <inheritdoc/>
        public IChildProcess Launch(LaunchRequest request)
        {
            WindowsNative.ProcessInformation made = Create(request);
            IntPtr job;
            try
            {
                job = MakeJob();
            }
            catch (VitrineException)
            {
                Discard(made);
                throw;
            }
            bool held = WindowsNative.AssignProcessToJobObject(job, made.Process);
            int error = Marshal.GetLastWin32Error();
            // Without the job a crash would leave an orphan: rather no sidecar.
            if (!held || WindowsNative.ResumeThread(made.Thread) == uint.MaxValue)
            {
                error = held ? Marshal.GetLastWin32Error() : error;
                Discard(made);
                WindowsNative.CloseHandle(job);
                throw Failed(error);
            }
            WindowsNative.CloseHandle(made.Thread);
            return new WindowsChild((int)made.ProcessId, StartOf((int)made.ProcessId), made.Process, job);
        }

        /// <inheritdoc/>
        public IChildProcess Reattach(ProcessRecord record)
        {
            var process = new IntPtr(record.ProcessHandle);
            var job = new IntPtr(record.JobHandle);
            bool inJob;
            // A number that is no handle of that process any more must not be used as one.
            if (WindowsNative.GetProcessId(process) != (uint)record.Pid
                || !PeerIdentity.IsAlive(record.Pid, record.StartedS)
                || !WindowsNative.IsProcessInJob(process, job, out inJob) || !inJob)
            {
                return null;
            }
            return new WindowsChild(record.Pid, record.StartedS, process, job);
        }

        // Suspended from its birth: nothing of it has run.
        private static void Discard(WindowsNative.ProcessInformation made)
        {
            WindowsNative.TerminateProcess(made.Process, 1);
            WindowsNative.CloseHandle(made.Thread);
            WindowsNative.CloseHandle(made.Process);
        }

        private static double StartOf(int pid)
        {
            double startedS;
            PeerIdentity.TryGetStart(pid, out startedS);
            return startedS;
        }

        private static IntPtr MakeJob()
        {
            IntPtr job = WindowsNative.CreateJobObjectW(IntPtr.Zero, IntPtr.Zero);
            if (job == IntPtr.Zero) { throw Failed(Marshal.GetLastWin32Error()); }
            var limits = new WindowsNative.JobLimits { LimitFlags = WindowsNative.KillOnJobClose };
            if (!WindowsNative.SetInformationJobObject(
                job, WindowsNative.ExtendedLimits, ref limits, Marshal.SizeOf(typeof(WindowsNative.JobLimits))))
            {
                int error = Marshal.GetLastWin32Error();
                WindowsNative.CloseHandle(job);
                throw Failed(error);
            }
            return job;
        }

        private static WindowsNative.ProcessInformation Create(LaunchRequest request)
        {
            IntPtr none = Open("NUL", WindowsNative.GenericRead, WindowsNative.OpenExisting);
            IntPtr log = IntPtr.Zero;
            try
            {
                log = Open(request.LogFile, WindowsNative.GenericWrite, WindowsNative.CreateAlways);
                return Create(request, none, log);
            }
            finally
            {
                WindowsNative.CloseHandle(none);
                if (log != IntPtr.Zero) { WindowsNative.CloseHandle(log); }
            }
        }

        // The list of handles keeps the host's other inheritable handles out of the child.
        private static WindowsNative.ProcessInformation Create(LaunchRequest request, IntPtr none, IntPtr log)
        {
            IntPtr line = IntPtr.Zero, block = IntPtr.Zero, inherited = IntPtr.Zero, attributes = IntPtr.Zero;
            try
            {
                line = Marshal.StringToHGlobalUni(CommandLine.Join(request.Executable, request.Arguments));
                block = Marshal.StringToHGlobalUni(CommandLine.EnvironmentBlock(request.Environment));
                inherited = Marshal.AllocHGlobal(2 * IntPtr.Size);
                Marshal.WriteIntPtr(inherited, 0, none);
                Marshal.WriteIntPtr(inherited, IntPtr.Size, log);
                attributes = HandleList(inherited);
                var startup = new WindowsNative.StartupInfo
                {
                    Size = (uint)Marshal.SizeOf(typeof(WindowsNative.StartupInfo)),
                    Flags = WindowsNative.UseHandles,
                    Input = none,
                    Output = log,
                    Error = log,
                    Attributes = attributes,
                };
                WindowsNative.ProcessInformation made;
                if (!WindowsNative.CreateProcessW(
                    request.Executable, line, IntPtr.Zero, IntPtr.Zero, 1, WindowsNative.CreationFlags, block,
                    request.WorkFolder, ref startup, out made))
                {
                    throw Failed(Marshal.GetLastWin32Error());
                }
                return made;
            }
            finally
            {
                if (attributes != IntPtr.Zero)
                {
                    WindowsNative.DeleteProcThreadAttributeList(attributes);
                    Marshal.FreeHGlobal(attributes);
                }
                Marshal.FreeHGlobal(inherited);
                Marshal.FreeHGlobal(block);
                Marshal.FreeHGlobal(line);
            }
        }

        private static IntPtr HandleList(IntPtr handles)
        {
            IntPtr bytes = IntPtr.Zero;
            WindowsNative.InitializeProcThreadAttributeList(IntPtr.Zero, 1, 0, ref bytes);
            IntPtr list = Marshal.AllocHGlobal(bytes);
            if (!WindowsNative.InitializeProcThreadAttributeList(list, 1, 0, ref bytes))
            {
                int error = Marshal.GetLastWin32Error();
                Marshal.FreeHGlobal(list);
                throw Failed(error);
            }
            if (!WindowsNative.UpdateProcThreadAttribute(
                list, 0, WindowsNative.HandleListAttribute, handles, new IntPtr(2 * IntPtr.Size), IntPtr.Zero, IntPtr.Zero))
            {
                int error = Marshal.GetLastWin32Error();
                WindowsNative.DeleteProcThreadAttributeList(list);
                Marshal.FreeHGlobal(list);
                throw Failed(error);
            }
            return list;
        }

        private static IntPtr Open(string path, uint access, uint disposition)
        {
            var inheritable = new WindowsNative.SecurityAttributes
            {
                Size = (uint)Marshal.SizeOf(typeof(WindowsNative.SecurityAttributes)), Inherit = 1,
            };
            IntPtr handle = WindowsNative.CreateFileW(
                path, access, WindowsNative.ShareAll, ref inheritable, disposition, WindowsNative.NormalFile, IntPtr.Zero);
            if (handle == new IntPtr(-1)) { throw Failed(Marshal.GetLastWin32Error()); }
            return handle;
        }

        private static VitrineException Failed(int error)
        {
            return VitrineException.Unavailable(
                "The system refuses to start the sidecar (error " + error
                + "). Check that its program may be executed and that the folder of its log may be written.");
        }
    }

    /// <summary>A process in a job of its own, held by handles: its number cannot be given to another one.</summary>
    internal sealed class WindowsChild : IChildProcess
    {
        private readonly IntPtr _process;
        private readonly IntPtr _job;
        private volatile VitrineEndpoint _server;

        internal WindowsChild(int pid, double startedS, IntPtr process, IntPtr job)
        {
            Pid = pid;
            StartedS = startedS;
            _process = process;
            _job = job;
        }

        /// <inheritdoc/>
        public int Pid { get; }

        /// <inheritdoc/>
        public double StartedS { get; }

        /// <inheritdoc/>
        public long ProcessHandle
        {
            get { return _process.ToInt64(); }
        }

        /// <inheritdoc/>
        public long JobHandle
        {
            get { return _job.ToInt64(); }
        }

        /// <inheritdoc/>
        public bool TryAdopt(VitrineEndpoint server)
        {
            IntPtr process = WindowsNative.OpenProcess(WindowsNative.QueryLimited, 0, (uint)server.Pid);
            if (process == IntPtr.Zero) { return false; }
            try
            {
                // Nothing leaves a job that allows no breaking away: being in it is proof of descent.
                bool inJob;
                if (!WindowsNative.IsProcessInJob(process, _job, out inJob) || !inJob || !RunFile.IsAlive(server))
                {
                    return false;
                }
                _server = server;
                return true;
            }
            finally
            {
                WindowsNative.CloseHandle(process);
            }
        }

        /// <inheritdoc/>
        public bool TryGetExit(out int code)
        {
            uint exit = 0;
            bool ended = WindowsNative.WaitForSingleObject(_process, 0) == 0;
            if (ended) { WindowsNative.GetExitCodeProcess(_process, out exit); }
            code = unchecked((int)exit);
            // A launcher may go before the server that it started.
            return ended && (_server == null || !RunFile.IsAlive(_server));
        }

        /// <inheritdoc/>
        public bool TryTerminate()
        {
            // A process without a window or a console that we share cannot be asked.
            return false;
        }

        /// <inheritdoc/>
        public void Kill()
        {
            WindowsNative.TerminateJobObject(_job, 1);
        }
    }
}
