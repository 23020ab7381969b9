using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>
    /// Starts and stops the Editor's sidecar. It outlives a script reload (its process number is kept, and taken up
    /// again afterwards) but not the Editor. A server that somebody else started is used and never stopped.
    /// </summary>
    public sealed class SidecarControl : IDisposable
    {
        private const long LookEveryUs = 2 * 1000 * 1000;
        private readonly Func<ProcessOptions> _options;
        private readonly IProcessMemory _memory;
        private readonly IVitrineClock _clock;
        private readonly object _lock = new object();
        private VitrineProcess _process;
        private CancellationTokenSource _cancel = new CancellationTokenSource();
        private string _problem = "";
        private bool _stopping;
        private VitrineEndpoint _live;
        private int _ownPid;
        private Task _look = Task.FromResult(true);
        private long _nextLookUs = long.MinValue;
        private int _revision;

        /// <summary>
        /// Takes the options anew at each start, so that changed settings count; the memory holds what a reload needs.
        /// </summary>
        public SidecarControl(Func<ProcessOptions> options, IProcessMemory memory, IVitrineClock clock)
        {
            _options = options;
            _memory = memory;
            _clock = clock;
        }

        /// <summary>Grows with every change.</summary>
        public int Revision
        {
            get { return Volatile.Read(ref _revision); }
        }

        /// <summary>Where the sidecar stands; a server that somebody else started counts once it was seen.</summary>
        public ProcessState State
        {
            get
            {
                ProcessState own = Own;
                if (own == ProcessState.Starting || own == ProcessState.Running) { return own; }
                // What is left of our own for a moment after its end is nobody else's.
                VitrineEndpoint live = Volatile.Read(ref _live);
                if (live != null && live.Pid != Volatile.Read(ref _ownPid)) { return ProcessState.Foreign; }
                return own == ProcessState.Failed ? ProcessState.Failed : ProcessState.Stopped;
            }
        }

        /// <summary>Whether a stop is under way.</summary>
        public bool IsStopping
        {
            get { return Volatile.Read(ref _stopping); }
        }

        /// <summary>Where the server listens; null when it does not.</summary>
        public VitrineEndpoint Endpoint
        {
            get
            {
                ProcessState state = State;
                if (state == ProcessState.Foreign) { return Volatile.Read(ref _live); }
                return state == ProcessState.Running ? _process.Endpoint : null;
            }
        }

        /// <summary>What went wrong and what to do; empty when nothing did.</summary>
        public string Problem
        {
            get
            {
                if (State == ProcessState.Foreign) { return ""; }
                return Own == ProcessState.Failed ? _process.Problem ?? _problem : _problem;
            }
        }

        /// <summary>Whether a start would do something now.</summary>
        public bool CanStart
        {
            get { return !IsStopping && (State == ProcessState.Stopped || State == ProcessState.Failed); }
        }

        /// <summary>Whether there is a sidecar of ours to stop.</summary>
        public bool CanStop
        {
            get { return !IsStopping && (State == ProcessState.Starting || State == ProcessState.Running); }
        }

        /// <summary>The state as a sentence.</summary>
        public string Text
        {
            get
            {
                VitrineEndpoint endpoint = Endpoint;
                string where = endpoint == null ? "" : " (process " + endpoint.Pid + ", port " + endpoint.Port + ")";
                if (IsStopping) { return "Stopping"; }
                switch (State)
                {
                    case ProcessState.Starting: return "Starting: models are being loaded";
                    case ProcessState.Running: return "Running" + where + "; it stops with the Editor";
                    case ProcessState.Foreign: return "Running" + where + "; the game or another program started it, so it is left alone";
                    default: return "Not running";
                }
            }
        }

        /// <summary>
        /// Starts the sidecar, or takes one that runs already. Does not wait; the result ends without an error.
        /// </summary>
        public Task Start()
        {
            if (!CanStart) { return Task.FromResult(true); }
            VitrineProcess process = Renew();
            CancellationToken cancel = _cancel.Token;
            return Task.Run(() => StartAsync(process, cancel));
        }

        /// <summary>Stops our sidecar, or a start that goes on. Does not wait; the result ends without an error.</summary>
        public Task Stop()
        {
            VitrineProcess process = _process;
            if (process == null || !CanStop) { return Task.FromResult(true); }
            Volatile.Write(ref _stopping, true);
            Changed();
            return Task.Run(() => StopAsync(process));
        }

        /// <summary>
        /// Called often: looks every two seconds, off this thread, whether a server runs that somebody else started.
        /// </summary>
        public void Look()
        {
            if (!_look.IsCompleted || _clock.NowUs < _nextLookUs) { return; }
            _nextLookUs = _clock.NowUs + LookEveryUs;
            _look = Task.Run((Action)FindLive);
        }

        /// <summary>After a script reload: takes up our sidecar again, if it still runs. True if it does.</summary>
        public bool Reattach()
        {
            if (string.IsNullOrEmpty(_memory.Load())) { return false; }
            VitrineProcess process = Renew();
            if (!process.Reattach()) { return false; }
            // It may still be loading models: this waits for it, and starts no second one.
            CancellationToken cancel = _cancel.Token;
            Task.Run(() => StartAsync(process, cancel));
            return true;
        }

        /// <summary>Before a script reload: lets go of the sidecar, which goes on running.</summary>
        public void LetGo()
        {
            VitrineProcess process = _process;
            if (process != null)
            {
                process.KeepRunning = true;
                process.Dispose();
            }
        }

        /// <summary>Stops our sidecar and waits for that, a few seconds at most.</summary>
        public void Dispose()
        {
            VitrineProcess process = _process;
            if (process != null) { process.Dispose(); }
            _cancel.Cancel();
        }

        private ProcessState Own
        {
            get
            {
                VitrineProcess process = _process;
                return process == null ? ProcessState.Stopped : process.State;
            }
        }

        private void FindLive()
        {
            VitrineEndpoint found = null;
            try
            {
                found = RunFile.Find(_options().RunFolder);
            }
            catch (VitrineException)
            {
                // None runs.
            }
            VitrineEndpoint before = Interlocked.Exchange(ref _live, found);
            if ((before == null) != (found == null) || (found != null && found.Pid != before.Pid)) { Changed(); }
        }

        private VitrineProcess Renew()
        {
            lock (_lock)
            {
                if (_process != null) { _process.StateChanged -= OnState; _process.Dispose(); }
                _cancel = new CancellationTokenSource();
                _problem = "";
                _process = new VitrineProcess(_options(), _memory);
                _process.StateChanged += OnState;
                return _process;
            }
        }

        private async Task StartAsync(VitrineProcess process, CancellationToken cancel)
        {
            try
            {
                VitrineEndpoint endpoint = await process.StartAsync(cancel).ConfigureAwait(false);
                if (process.IsOurs) { Volatile.Write(ref _ownPid, endpoint.Pid); }
                Volatile.Write(ref _live, endpoint);
            }
            catch (OperationCanceledException)
            {
                // Stopped while it started.
            }
            catch (ObjectDisposedException)
            {
                // The Editor reloads its scripts.
            }
            catch (VitrineException error)
            {
                _problem = error.Message;
            }
            Changed();
        }

        private async Task StopAsync(VitrineProcess process)
        {
            await process.StopAsync().ConfigureAwait(false);
            Volatile.Write(ref _live, null);
            Volatile.Write(ref _stopping, false);
            Changed();
        }

        private void OnState(ProcessState state)
        {
            Changed();
        }

        private void Changed()
        {
            Interlocked.Increment(ref _revision);
        }
    }
}
