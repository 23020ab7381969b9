using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;

namespace Vitrine
{
    /// <summary>
    /// Linux: posix_spawn. <c>System.Diagnostics.Process</c> can only redirect into pipes that this process drains; a
    /// reload of the scripts ends the thread that drains, and the sidecar's next word breaks on the closed pipe. Here
    /// the child opens the log file itself, no shell and no thread of ours takes part, and nothing is inherited.
    /// </summary>
    internal sealed class PosixLauncher : IProcessLauncher
    {
        private const int ReadOnly = 0;
        private const int NewLog = 0x1 | 0x40 | 0x80 | 0x400; // O_WRONLY | O_CREAT | O_EXCL | O_APPEND
        private const uint OwnerOnly = 0x180; // 0600
        private const short Flags = 0x04 | 0x08 | 0x80; // POSIX_SPAWN_SETSIGDEF | SETSIGMASK | SETSID

        // SIGHUP, INT, QUIT, PIPE, TERM, CHLD: a host may ignore them, and what is ignored stays so in a child.
        private const long DefaultSignals = 1L << 0 | 1L << 1 | 1L << 2 | 1L << 12 | 1L << 14 | 1L << 16;

        /// <inheritdoc/>
        public IChildProcess Launch(LaunchRequest request)
        {
            if (!File.Exists("/proc/self/stat"))
            {
                throw VitrineException.Unavailable(
                    "The sidecar can be started on Windows and Linux only. Start it by hand: vitrine serve");
            }
            // A new file each time, so that a link which lies there is never followed.
            File.Delete(request.LogFile);
            int pid = Spawn(request);
            double startedS;
            // Zero when it has ended already; as a child that nobody waited for it keeps its number all the same.
            PeerIdentity.TryGetStart(pid, out startedS);
            return new PosixChild(pid, startedS);
        }

        /// <inheritdoc/>
        public IChildProcess Reattach(ProcessRecord record)
        {
            return PeerIdentity.IsAlive(record.Pid, record.StartedS) ? new PosixChild(record.Pid, record.StartedS) : null;
        }

        private static int Spawn(LaunchRequest request)
        {
            using (var memory = new PosixMemory())
            {
                IntPtr program = memory.Text(request.Executable);
                IntPtr[] words = memory.List(Words(request));
                IntPtr[] variables = memory.List(Variables(request));
                IntPtr actions = Actions(memory, request);
                IntPtr attributes = Attributes(memory);
                try
                {
                    int pid;
                    int error = PosixNative.posix_spawn(out pid, program, actions, attributes, words, variables);
                    if (error != 0) { throw Failed(error); }
                    return pid;
                }
                finally
                {
                    PosixNative.posix_spawn_file_actions_destroy(actions);
                    PosixNative.posix_spawnattr_destroy(attributes);
                }
            }
        }

        private static IntPtr Actions(PosixMemory memory, LaunchRequest request)
        {
            IntPtr actions = memory.Zeroed(PosixNative.ActionsBytes);
            Check(PosixNative.posix_spawn_file_actions_init(actions));
            Check(PosixNative.posix_spawn_file_actions_addopen(actions, 0, memory.Text("/dev/null"), ReadOnly, 0));
            Check(PosixNative.posix_spawn_file_actions_addopen(
                actions, 1, memory.Text(request.LogFile), NewLog, OwnerOnly));
            Check(PosixNative.posix_spawn_file_actions_adddup2(actions, 1, 2));
            CloseOthers(actions);
            try
            {
                Check(PosixNative.posix_spawn_file_actions_addchdir_np(actions, memory.Text(request.WorkFolder)));
            }
            catch (EntryPointNotFoundException)
            {
                // glibc before 2.29: the child stands where the application does.
            }
            return actions;
        }

        // The host's files and sockets are its own; one that is closed again meanwhile does no harm.
        private static void CloseOthers(IntPtr actions)
        {
            foreach (string path in Directory.GetFileSystemEntries("/proc/self/fd"))
            {
                int number;
                string name = Path.GetFileName(path);
                if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number > 2)
                {
                    Check(PosixNative.posix_spawn_file_actions_addclose(actions, number));
                }
            }
        }

        private static IntPtr Attributes(PosixMemory memory)
        {
            IntPtr attributes = memory.Zeroed(PosixNative.AttributesBytes);
            Check(PosixNative.posix_spawnattr_init(attributes));
            Check(PosixNative.posix_spawnattr_setflags(attributes, Flags));
            Check(PosixNative.posix_spawnattr_setsigmask(attributes, memory.Zeroed(PosixNative.SignalSetBytes)));
            IntPtr signals = memory.Zeroed(PosixNative.SignalSetBytes);
            Marshal.WriteInt64(signals, DefaultSignals);
            Check(PosixNative.posix_spawnattr_setsigdefault(attributes, signals));
            return attributes;
        }

        private static List<string> Words(LaunchRequest request)
        {
            var words = new List<string> { request.Executable };
            words.AddRange(request.Arguments);
            return words;
        }

        private static List<string> Variables(LaunchRequest request)
        {
            var variables = new List<string>(request.Environment.Count);
            foreach (KeyValuePair<string, string> variable in request.Environment)
            {
                variables.Add(variable.Key + "=" + variable.Value);
            }
            return variables;
        }

        private static void Check(int error)
        {
            if (error != 0) { throw Failed(error); }
        }

        private static VitrineException Failed(int error)
        {
            return VitrineException.Unavailable(
                "The system refuses to start the sidecar (error " + error
                + "). Check that its program may be executed and that the folder of its log may be written.");
        }
    }

    /// <summary>
    /// A child of this process, which leads a session: whatever it starts stays in it, whoever its parent becomes. While
    /// we have not asked for its exit code its number cannot be given to another process.
    /// </summary>
    internal sealed class PosixChild : IChildProcess
    {
        private readonly object _gate = new object();
        private VitrineEndpoint _server;
        private bool _ended;
        private int _code;

        internal PosixChild(int pid, double startedS)
        {
            Pid = pid;
            StartedS = startedS;
        }

        /// <inheritdoc/>
        public int Pid { get; }

        /// <inheritdoc/>
        public double StartedS { get; }

        /// <inheritdoc/>
        public long ProcessHandle
        {
            get { return 0; }
        }

        /// <inheritdoc/>
        public long JobHandle
        {
            get { return 0; }
        }

        /// <inheritdoc/>
        public bool TryAdopt(VitrineEndpoint server)
        {
            lock (_gate)
            {
                // A session's number is taken as long as anyone is in it: being in it is proof of descent.
                if (PosixNative.getsid(server.Pid) != Pid || !PeerIdentity.IsAlive(server.Pid, server.StartedS)
                    || server.StartedS < StartedS - PeerIdentity.StartToleranceS)
                {
                    return false;
                }
                _server = server;
                return true;
            }
        }

        /// <inheritdoc/>
        public bool TryGetExit(out int code)
        {
            lock (_gate)
            {
                if (!_ended) { LookForEnd(); }
                code = _code;
                // A launcher may go before the server that it started.
                return _ended && (_server == null || !IsServing(_server));
            }
        }

        /// <inheritdoc/>
        public bool TryTerminate()
        {
            Signal(PosixNative.Terminate);
            return true;
        }

        /// <inheritdoc/>
        public void Kill()
        {
            Signal(PosixNative.Kill);
        }

        private void Signal(int number)
        {
            lock (_gate)
            {
                if (!_ended) { LookForEnd(); }
                bool leads = !_ended && PeerIdentity.IsAlive(Pid, StartedS);
                if (leads || (_server != null && IsServing(_server)))
                {
                    PosixNative.kill(-Pid, number);
                }
            }
        }

        private bool IsServing(VitrineEndpoint server)
        {
            return PosixNative.getsid(server.Pid) == Pid && PeerIdentity.IsAlive(server.Pid, server.StartedS);
        }

        private void LookForEnd()
        {
            int status;
            int answer = PosixNative.waitpid(Pid, out status, PosixNative.NoHang);
            if (answer == Pid)
            {
                _ended = true;
                _code = (status & 0x7f) == 0 ? (status >> 8) & 0xff : -(status & 0x7f);
            }
            else if (answer < 0 && !PeerIdentity.IsAlive(Pid, StartedS))
            {
                // The host ignores its children's ends, or waited for all of them: no code is left.
                _ended = true;
            }
        }
    }
}
