using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>Starts processes; one implementation a system.</summary>
    internal interface IProcessLauncher
    {
        /// <summary>
        /// Starts the program with both outputs going to the log file. Throws <see cref="VitrineException"/>.
        /// </summary>
        IChildProcess Launch(LaunchRequest request);

        /// <summary>
        /// Takes up again what this process launched before its scripts were reloaded; null when it is gone.
        /// </summary>
        IChildProcess Reattach(ProcessRecord record);
    }

    /// <summary>A process that we launched, with all that it started itself.</summary>
    internal interface IChildProcess
    {
        int Pid { get; }

        /// <summary>Its start, seconds since 1970.</summary>
        double StartedS { get; }

        /// <summary>Raw handles, for the record; 0 where the system has none.</summary>
        long ProcessHandle { get; }

        long JobHandle { get; }

        /// <summary>
        /// Whether that server is this child or was started by it. A Python of a virtual environment on Windows, and
        /// tools such as uv, are launchers: the server is then another process than the one that we started. From a
        /// true answer on the server's end belongs to the child's.
        /// </summary>
        bool TryAdopt(VitrineEndpoint server);

        /// <summary>Whether the child has ended; its exit code, below zero for a signal. Allocates nothing.</summary>
        bool TryGetExit(out int code);

        /// <summary>Asks it to end; false where the system has no way to ask.</summary>
        bool TryTerminate();

        /// <summary>Kills it and what it started; does nothing to a process that only has its number.</summary>
        void Kill();
    }

    /// <summary>What to launch; paths are absolute.</summary>
    internal sealed class LaunchRequest
    {
        internal string Executable { get; set; }

        internal IReadOnlyList<string> Arguments { get; set; }

        internal IDictionary<string, string> Environment { get; set; }

        internal string WorkFolder { get; set; }

        internal string LogFile { get; set; }
    }
}
