using System;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>Runs programs on this machine: no shell, no window, no input, UTF-8 both ways.</summary>
    public sealed class ProcessRunner : ICommandRunner
    {
        private const int PollMs = 50;
        private const int DrainMs = 2000;

        /// <inheritdoc/>
        public Task<CommandResult> RunAsync(Command command, Action<OutputLine> line, CancellationToken cancel)
        {
            return Task.Factory.StartNew(
                () => Run(command, line, cancel), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        private static CommandResult Run(Command command, Action<OutputLine> line, CancellationToken cancel)
        {
            var log = new OutputLog();
            using (Process process = Start(command))
            {
                process.StandardInput.Close(); // whoever asks a question gets an end of file
                object gate = new object();
                Thread output = Read(process.StandardOutput, false, log, line, gate);
                Thread error = Read(process.StandardError, true, log, line, gate);
                bool timedOut = !Wait(process, command.TimeoutMs, cancel);
                if (timedOut || cancel.IsCancellationRequested) { ProcessTree.End(process); }
                // A grandchild may hold the pipes open for longer than anybody should wait.
                output.Join(DrainMs);
                error.Join(DrainMs);
                cancel.ThrowIfCancellationRequested();
                return log.ToResult(process.HasExited ? process.ExitCode : -1, timedOut);
            }
        }

        private static Process Start(Command command)
        {
            var start = new ProcessStartInfo(command.File)
            {
                Arguments = ArgumentLine.Join(command.Arguments, Path.DirectorySeparatorChar == '\\'),
                // Python looks for modules where it stands: a project may hold anything, these folders are the system's.
                WorkingDirectory = Path.DirectorySeparatorChar == '\\' ? Environment.SystemDirectory : "/",
                UseShellExecute = false,
                CreateNoWindow = true,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardOutputEncoding = Encoding.UTF8,
                StandardErrorEncoding = Encoding.UTF8
            };
            // The private environment must not see another Python's folders, and lines must come as they are written.
            start.EnvironmentVariables.Remove("PYTHONHOME");
            start.EnvironmentVariables.Remove("PYTHONPATH");
            start.EnvironmentVariables["PYTHONNOUSERSITE"] = "1";
            start.EnvironmentVariables["PYTHONUTF8"] = "1";
            start.EnvironmentVariables["PYTHONUNBUFFERED"] = "1";
            start.EnvironmentVariables["PIP_NO_INPUT"] = "1";
            try
            {
                return Process.Start(start);
            }
            catch (Win32Exception error)
            {
                throw new WorkFailedException(
                    Path.GetFileName(command.File) + " cannot be started. Check that it is installed, then try again.", null, error);
            }
        }

        /// <summary>False when the time ran out; a cancelled wait counts as true.</summary>
        private static bool Wait(Process process, int timeoutMs, CancellationToken cancel)
        {
            Stopwatch watch = Stopwatch.StartNew();
            while (!process.WaitForExit(PollMs))
            {
                if (cancel.IsCancellationRequested) { return true; }
                if (watch.ElapsedMilliseconds > timeoutMs) { return false; }
            }
            return true;
        }

        private static Thread Read(
            StreamReader reader, bool isError, OutputLog log, Action<OutputLine> line, object gate)
        {
            var thread = new Thread(() => ReadAll(reader, isError, log, line, gate)) { IsBackground = true };
            thread.Start();
            return thread;
        }

        private static void ReadAll(
            StreamReader reader, bool isError, OutputLog log, Action<OutputLine> line, object gate)
        {
            var splitter = new LineSplitter();
            var block = new char[4096];
            string text;
            try
            {
                int count;
                while ((count = reader.Read(block, 0, block.Length)) > 0)
                {
                    for (int i = 0; i < count; i++)
                    {
                        if (splitter.Add(block[i], out text)) { Tell(new OutputLine(text, isError), log, line, gate); }
                    }
                }
            }
            catch (IOException)
            {
                // The pipe is gone with the program.
            }
            catch (ObjectDisposedException)
            {
                // The program was given up while a grandchild still held the pipe.
            }
            if (splitter.TryEnd(out text)) { Tell(new OutputLine(text, isError), log, line, gate); }
        }

        private static void Tell(OutputLine line, OutputLog log, Action<OutputLine> told, object gate)
        {
            lock (gate)
            {
                log.Add(line);
                if (told != null) { told(line); }
            }
        }
    }
}
