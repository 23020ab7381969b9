using System;
using System.IO;
using System.Threading;

namespace Vitrine
{
    /// <summary>
    /// Holds the one child there may be, and takes the steps of its life: launched or taken up again, until it listens,
    /// until it has ended. What waits may be called from one thread at a time; the rest from any.
    /// </summary>
    internal sealed class ChildKeeper
    {
        internal const int KillMs = 2000;

        private const int PollMs = 20;

        private readonly object _gate = new object();
        private readonly ProcessOptions _options;
        private readonly IProcessMemory _memory;
        private readonly IProcessLauncher _launcher;
        private readonly ManualResetEvent _never = new ManualResetEvent(false);
        private IChildProcess _child;
        private string _folder;

        internal ChildKeeper(ProcessOptions options, IProcessMemory memory, IProcessLauncher launcher)
        {
            _options = options;
            _memory = memory ?? new HeldMemory();
            _launcher = launcher;
            _folder = Path.GetFullPath(options.RunFolder ?? RunFile.Folder());
        }

        /// <summary>Null when there is none.</summary>
        internal IChildProcess Child
        {
            get { lock (_gate) { return _child; } }
        }

        private string Folder
        {
            get { lock (_gate) { return _folder; } }
        }

        /// <summary>The server that run.json names, once everything about it was checked; null otherwise.</summary>
        internal VitrineEndpoint FindLive()
        {
            string folder = Folder;
            if (!File.Exists(Path.Combine(folder, "run.json"))) { return null; }
            try
            {
                return RunFile.Find(folder);
            }
            catch (VitrineException)
            {
                // Left over, broken or not ours: the next server replaces it.
                return null;
            }
        }

        /// <summary>Throws <see cref="VitrineException"/> that says what to do.</summary>
        internal IChildProcess Launch()
        {
            string folder = Folder;
            try
            {
                LaunchRequest request = SidecarLaunch.Request(_options, folder);
                SidecarLaunch.MakeFolders(request);
                IChildProcess child = _launcher.Launch(request);
                lock (_gate)
                {
                    _child = child;
                    _memory.Save(ProcessRecord.Of(child, folder).ToText());
                }
                return child;
            }
            catch (IOException error) { throw NoFolder(error); }
            catch (UnauthorizedAccessException error) { throw NoFolder(error); }
            catch (ArgumentException error)
            {
                throw VitrineException.Unavailable(
                    "An argument or a variable for the sidecar cannot be used: " + error.Message, error);
            }
        }

        /// <summary>
        /// Takes up what the memory names, if this very process launched it and it still runs. The folder of its run.json
        /// stays the one that it was launched with.
        /// </summary>
        internal bool TryReattach()
        {
            lock (_gate)
            {
                if (_child != null) { return true; }
                ProcessRecord record = ProcessRecord.Parse(_memory.Load());
                _child = record != null && record.IsOfThisProcess ? _launcher.Reattach(record) : null;
                if (_child == null) { return false; }
                _folder = record.RunFolder;
                return true;
            }
        }

        /// <summary>
        /// The child's endpoint; null when the child has ended. Throws <see cref="VitrineException"/> when the time is
        /// up, <see cref="OperationCanceledException"/> when cancelled.
        /// </summary>
        internal VitrineEndpoint WaitUntilListening(IChildProcess child, CancellationToken cancel)
        {
            long deadlineUs = After(_options.StartTimeoutMs);
            while (true)
            {
                cancel.ThrowIfCancellationRequested();
                int code;
                bool ended = child.TryGetExit(out code);
                // Another server may stand in run.json while ours still loads: only its own word counts.
                VitrineEndpoint live = FindLive();
                if (live != null && child.TryAdopt(live)) { return live; }
                if (ended) { return null; }
                if (_options.Clock.NowUs >= deadlineUs)
                {
                    throw VitrineException.Unavailable(
                        "The sidecar does not listen after " + _options.StartTimeoutMs / 1000
                        + " s and was stopped. Start it by hand to see what it does: vitrine serve." + LastWords());
                }
                _options.Clock.Wait(cancel.WaitHandle, PollMs);
            }
        }

        /// <summary>Asks the child to end, kills it after the grace; false when even that did not help in time.</summary>
        internal bool End()
        {
            IChildProcess child = Child;
            if (child == null) { return true; }
            bool ended = child.TryTerminate() && HasEnded(child, _options.StopGraceMs);
            if (!ended)
            {
                child.Kill();
                ended = HasEnded(child, KillMs);
            }
            TryForget(child);
            return ended;
        }

        /// <summary>Lets go of a child that has ended; false when it is not held any more.</summary>
        internal bool TryForget(IChildProcess child)
        {
            lock (_gate)
            {
                if (_child != child) { return false; }
                _child = null;
                _memory.Save("");
            }
            child.Kill(); // what a launcher that died may have left
            return true;
        }

        /// <summary>Why a child that has ended is gone.</summary>
        internal VitrineException Ended(IChildProcess child, string when)
        {
            int code;
            child.TryGetExit(out code);
            string how = code < 0 && !PeerIdentity.IsWindows ? "signal " + -code : "exit code " + code;
            return VitrineException.Unavailable(
                "The sidecar ended " + when + " (" + how + "). Correct what it says, and start it again." + LastWords());
        }

        private static VitrineException NoFolder(Exception error)
        {
            return VitrineException.Unavailable(
                "The sidecar's folder cannot be written. Set VITRINE_RUN_DIR to a folder of yours.", error);
        }

        private string LastWords()
        {
            string words = LogTail.Read(_options.LogFileIn(Folder));
            return words.Length == 0 ? " It said nothing." : " It said:\n" + words;
        }

        private bool HasEnded(IChildProcess child, int withinMs)
        {
            long deadlineUs = After(withinMs);
            int code;
            while (!child.TryGetExit(out code))
            {
                if (_options.Clock.NowUs >= deadlineUs) { return false; }
                _options.Clock.Wait(_never, PollMs);
            }
            return true;
        }

        private long After(int milliseconds)
        {
            return _options.Clock.NowUs + milliseconds * 1000L;
        }
    }
}
