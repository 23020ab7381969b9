using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>
    /// Finds this user's sidecar or starts one, and ends the one that it started. A server of somebody else is used and
    /// never ended. All members may be used from any thread.
    /// </summary>
    public sealed class VitrineProcess : IDisposable
    {
        private const int SlackMs = 1000;
        private const int WatchMs = 500;

        private readonly object _gate = new object();
        private readonly ProcessOptions _options;
        private readonly ChildKeeper _keeper;
        private readonly ProcessStatus _status;
        private readonly ManualResetEvent _leave = new ManualResetEvent(false);
        private PendingStart _starting;
        private Task _stopping;
        private IChildProcess _watched;
        private bool _closed;
        private volatile bool _keep;

        /// <summary>Starts nothing yet. The memory lets the sidecar outlive a reload of the scripts.</summary>
        public VitrineProcess(ProcessOptions options = null, IProcessMemory memory = null)
            : this(options, memory, PeerIdentity.IsWindows ? (IProcessLauncher)new WindowsLauncher() : new PosixLauncher())
        {
        }

        internal VitrineProcess(ProcessOptions options, IProcessMemory memory, IProcessLauncher launcher)
        {
            _options = options ?? new ProcessOptions();
            _keeper = new ChildKeeper(_options, memory, launcher);
            _status = new ProcessStatus(_options.Log);
        }

        /// <summary>The state changed; called from any thread, and must not block there.</summary>
        public event Action<ProcessState> StateChanged
        {
            add { _status.Changed += value; }
            remove { _status.Changed -= value; }
        }

        /// <summary>
        /// Where it stands. The end of our own sidecar is noticed within a second; a foreign one is looked at when
        /// <see cref="StartAsync"/> is called, which may be done at any time.
        /// </summary>
        public ProcessState State
        {
            get { return _status.State; }
        }

        /// <summary>
        /// Why it failed, in a sentence that says what to do, with the sidecar's last words beneath; null otherwise.
        /// </summary>
        public string Problem
        {
            get { return _status.Problem; }
        }

        /// <summary>The server's process, or ours that does not listen yet; 0 when there is none.</summary>
        public int Pid
        {
            get
            {
                VitrineEndpoint endpoint = Endpoint;
                IChildProcess child = _keeper.Child;
                return endpoint != null ? endpoint.Pid : child != null ? child.Pid : 0;
            }
        }

        /// <summary>Whether there is a sidecar that we started.</summary>
        public bool IsOurs
        {
            get { return _keeper.Child != null; }
        }

        /// <summary>Where the server listens; null when it does not.</summary>
        public VitrineEndpoint Endpoint
        {
            get { return _status.Endpoint; }
        }

        /// <summary>
        /// Whether disposal leaves our sidecar alone: set it before a reload of the scripts. With the application the
        /// sidecar ends all the same.
        /// </summary>
        public bool KeepRunning
        {
            get { return _keep; }
            set { _keep = value; }
        }

        /// <summary>
        /// Takes up the sidecar that the memory names, if it still runs and this very process started it; does not wait.
        /// One that does not listen yet is <see cref="ProcessState.Starting"/>: <see cref="StartAsync"/> waits for it.
        /// </summary>
        public bool Reattach()
        {
            lock (_gate)
            {
                if (_closed || _starting != null) { return IsOurs; }
            }
            return TryReattach();
        }

        /// <summary>
        /// The live server of this user, whoever started it; else our own, once it listens. Ends with
        /// <see cref="VitrineException"/> when it cannot be started, and as cancelled when any caller's token is: that
        /// ends what was begun. Calls while it starts share one start.
        /// </summary>
        public Task<VitrineEndpoint> StartAsync(CancellationToken cancel = default(CancellationToken))
        {
            if (cancel.IsCancellationRequested)
            {
                return Task.FromCanceled<VitrineEndpoint>(cancel);
            }
            PendingStart start;
            Thread thread = null;
            lock (_gate)
            {
                if (_closed) { throw new ObjectDisposedException(nameof(VitrineProcess)); }
                start = _starting;
                if (start == null)
                {
                    Task before = _stopping;
                    _starting = start = new PendingStart();
                    thread = new Thread(() => Begin(start, before));
                }
            }
            Run(thread, "vitrine start");
            return start.Join(cancel);
        }

        /// <summary>
        /// Ends our sidecar: asks first, where the system can, and kills it after the grace. A foreign one is only let
        /// go. A start that goes on is cancelled.
        /// </summary>
        public Task StopAsync()
        {
            TaskCompletionSource<bool> stop;
            PendingStart start;
            Thread thread;
            lock (_gate)
            {
                if (_stopping != null) { return _stopping; }
                start = _starting;
                stop = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
                _stopping = stop.Task;
                thread = new Thread(() => End(stop, start));
            }
            if (start != null) { start.Cancel(); }
            Run(thread, "vitrine stop");
            return stop.Task;
        }

        /// <summary>
        /// Ends our sidecar as <see cref="StopAsync"/> does and waits for that, at most a second or two longer than the
        /// grace; with <see cref="KeepRunning"/> only lets go of it.
        /// </summary>
        public void Dispose()
        {
            PendingStart start;
            lock (_gate)
            {
                if (_closed) { return; }
                _closed = true;
                start = _starting;
            }
            _leave.Set();
            if (!_keep)
            {
                StopAsync().Wait(_options.StopGraceMs + ChildKeeper.KillMs + SlackMs);
            }
            else if (start != null)
            {
                start.Cancel();
            }
        }

        private static void Run(Thread thread, string name)
        {
            if (thread != null)
            {
                thread.IsBackground = true;
                thread.Name = name;
                thread.Start();
            }
        }

        // On a thread of its own, which a reload of the scripts aborts: then nothing may be ended or told here.
        private void Begin(PendingStart start, Task before)
        {
            try
            {
                if (before != null) { before.Wait(); }
                VitrineEndpoint endpoint = FindOrLaunch(start.Token);
                Begun();
                start.Complete(endpoint);
            }
            catch (OperationCanceledException)
            {
                if (!_keep) { EndChild(); }
                _status.Set(ProcessState.Stopped);
                Begun();
                start.CompleteCancelled();
            }
            catch (ThreadAbortException)
            {
                throw;
            }
            catch (Exception error)
            {
                // The boundary of the task: whatever went wrong, nobody may wait for ever, and no child is left.
                VitrineException why = error as VitrineException ?? VitrineException.Unavailable(
                    "The sidecar cannot be started: " + error.Message + " Start it by hand: vitrine serve", error);
                EndChild();
                _status.Set(ProcessState.Failed, null, why.Message);
                Begun();
                start.Fail(why);
            }
        }

        private void Begun()
        {
            lock (_gate) { _starting = null; }
        }

        private VitrineEndpoint FindOrLaunch(CancellationToken cancel)
        {
            cancel.ThrowIfCancellationRequested();
            int code;
            IChildProcess child = _keeper.Child;
            if (child != null && child.TryGetExit(out code)) { _keeper.TryForget(child); }
            if (!TryReattach())
            {
                VitrineEndpoint live = _keeper.FindLive();
                if (live != null) { return Use(live, ProcessState.Foreign); }
                _status.Set(ProcessState.Starting);
                _status.Log("started as process " + _keeper.Launch().Pid);
            }
            return Wait(_keeper.Child, cancel);
        }

        private VitrineEndpoint Wait(IChildProcess child, CancellationToken cancel)
        {
            VitrineEndpoint endpoint = _keeper.WaitUntilListening(child, cancel);
            if (endpoint != null)
            {
                Use(endpoint, ProcessState.Running);
                Watch(child);
                return endpoint;
            }
            // It ended. Another start may have been quicker: then that server serves us as well.
            VitrineEndpoint live = _keeper.FindLive();
            if (live == null) { throw _keeper.Ended(child, "at its start"); }
            _keeper.TryForget(child);
            return Use(live, ProcessState.Foreign);
        }

        private VitrineEndpoint Use(VitrineEndpoint endpoint, ProcessState state)
        {
            _status.Set(state, endpoint);
            return endpoint;
        }

        private bool TryReattach()
        {
            if (_keeper.Child != null) { return true; }
            if (!_keeper.TryReattach()) { return false; }
            IChildProcess child = _keeper.Child;
            VitrineEndpoint live = _keeper.FindLive();
            bool listens = live != null && child.TryAdopt(live);
            _status.Set(listens ? ProcessState.Running : ProcessState.Starting, listens ? live : null);
            Watch(child);
            return true;
        }

        private void Watch(IChildProcess child)
        {
            lock (_gate)
            {
                if (_watched == child) { return; }
                _watched = child;
            }
            Run(new Thread(() => WatchUntilEnd(child)), "vitrine watch");
        }

        private void WatchUntilEnd(IChildProcess child)
        {
            while (!_options.Clock.Wait(_leave, WatchMs) && _keeper.Child == child)
            {
                int code;
                if (child.TryGetExit(out code) && TryFail(child, _keeper.Ended(child, "by itself")))
                {
                    _status.Tell(ProcessState.Failed);
                    return;
                }
            }
        }

        // While a start or a stop goes on, what became of the child is its affair.
        private bool TryFail(IChildProcess child, VitrineException why)
        {
            lock (_gate)
            {
                if (_starting != null || _stopping != null || !_keeper.TryForget(child)) { return false; }
                _status.Assign(ProcessState.Failed, null, why.Message);
                return true;
            }
        }

        private void End(TaskCompletionSource<bool> stop, PendingStart start)
        {
            if (start != null) { start.WaitForEnd(_options.StopGraceMs + ChildKeeper.KillMs + SlackMs); }
            EndChild();
            _status.Set(ProcessState.Stopped);
            lock (_gate) { _stopping = null; }
            stop.SetResult(true);
        }

        private void EndChild()
        {
            if (!_keeper.End()) { _status.Log("does not end"); }
        }
    }
}
