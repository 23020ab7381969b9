using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>Where a <see cref="VitrineConnection"/> stands.</summary>
    public enum ConnectionState
    {
        /// <summary>being made</summary>
        Connecting,
        /// <summary>calls may be made</summary>
        Ready,
        /// <summary>lost or not there; tried again soon</summary>
        Waiting,
        /// <summary>disposed, or the first attempt of <see cref="VitrineConnection.ConnectAsync"/> failed</summary>
        Closed
    }

    /// <summary>
    /// A connection to the server that is made again by itself when it is lost: every call open at that moment fails
    /// with <c>unavailable</c>. All members may be used from any thread.
    /// </summary>
    public sealed class VitrineConnection : IVitrineCalls, IDisposable
    {
        private const int GoodbyeMs = 100;

        private readonly VitrineOptions _options;
        private readonly bool _persistent;
        private readonly ManualResetEvent _stop = new ManualResetEvent(false);
        private readonly TaskCompletionSource<bool> _ready =
            new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Thread _thread;
        private readonly Backoff _backoff;
        private VitrineEndpoint _endpoint;
        private VitrineException _lastError;
        private Link _link;
        private int _closed;
        private volatile ConnectionState _state;

        private VitrineConnection(VitrineOptions options, bool persistent)
        {
            _options = options ?? new VitrineOptions();
            _persistent = persistent;
            _backoff = new Backoff(_options.RetryFirstMs, _options.RetryLimitMs);
            _thread = new Thread(Main) { IsBackground = true, Name = "vitrine receive" };
        }

        /// <summary>The state changed; called on the connection's thread, and must not block there.</summary>
        public event Action<ConnectionState> StateChanged;

        /// <summary>News of the server: a topic (<c>model</c>, <c>pressure</c>, <c>shutdown</c>) and its map.</summary>
        public event Action<string, WireMap> NoteReceived;

        /// <summary>Where the connection stands.</summary>
        public ConnectionState State
        {
            get { return _state; }
        }

        /// <summary>Why it does not stand; null when it does.</summary>
        public VitrineException LastError
        {
            get { return Volatile.Read(ref _link) == null ? Volatile.Read(ref _lastError) : null; }
        }

        /// <summary>What the server said at the start; null while not ready.</summary>
        public Welcome Welcome
        {
            get
            {
                Link link = Volatile.Read(ref _link);
                return link == null ? null : link.Welcome;
            }
        }

        /// <summary>Whether pictures go through shared memory now.</summary>
        public bool UsesSharedMemory
        {
            get
            {
                Link link = Volatile.Read(ref _link);
                return link != null && link.IsMapped;
            }
        }

        /// <summary>
        /// Connects once. Throws <see cref="VitrineException"/> when there is no server or it refuses; a connection
        /// that stood is made again by itself until disposal.
        /// </summary>
        public static async Task<VitrineConnection> ConnectAsync(
            VitrineOptions options = null, CancellationToken cancel = default(CancellationToken))
        {
            cancel.ThrowIfCancellationRequested();
            var connection = new VitrineConnection(options, false);
            connection._thread.Start();
            try
            {
                using (cancel.Register(DisposeIt, connection, false))
                {
                    await connection._ready.Task.ConfigureAwait(false);
                }
                return connection;
            }
            catch (VitrineException)
            {
                connection.Dispose();
                cancel.ThrowIfCancellationRequested();
                throw;
            }
        }

        /// <summary>
        /// Begins to connect in the background and goes on trying until disposal, whether there is a server or not.
        /// </summary>
        public static VitrineConnection Start(VitrineOptions options = null, Action<ConnectionState> stateChanged = null)
        {
            var connection = new VitrineConnection(options, true);
            connection.StateChanged += stateChanged;
            connection._thread.Start();
            return connection;
        }

        /// <summary>Completes when the connection stands for the first time.</summary>
        public Task WhenReady
        {
            get { return _ready.Task; }
        }

        /// <summary>
        /// Calls an op that has one answer. The reply is private memory; dispose it so that the memory is used again.
        /// The task ends with <see cref="VitrineException"/>, or as cancelled when <paramref name="cancel"/> is: that
        /// stops the work at the server too. Arguments may be changed again when this returns.
        /// </summary>
        public Task<VitrineReply> CallAsync(
            string op, WireMap arguments = null, CancellationToken cancel = default(CancellationToken),
            CallOptions options = null)
        {
            if (cancel.IsCancellationRequested)
            {
                return Task.FromCanceled<VitrineReply>(cancel);
            }
            var call = new UnaryCall(_options.InlineContinuations, cancel);
            try
            {
                LiveLink().Call(op, arguments, options, call);
            }
            catch (VitrineException error)
            {
                return Task.FromException<VitrineReply>(error);
            }
            call.WatchToken();
            return call.Task;
        }

        /// <summary>
        /// Opens a call that answers in parts. The stream ends with <paramref name="cancel"/>; errors as for <see
        /// cref="CallAsync"/>.
        /// </summary>
        public Task<VitrineStream> OpenAsync(
            string op, WireMap arguments = null, CancellationToken cancel = default(CancellationToken),
            StreamOptions options = null)
        {
            if (cancel.IsCancellationRequested)
            {
                return Task.FromCanceled<VitrineStream>(cancel);
            }
            var stream = new VitrineStream(options, _options.InlineContinuations, cancel);
            try
            {
                LiveLink().Call(op, arguments, options == null ? null : options.Call, stream);
            }
            catch (VitrineException error)
            {
                return Task.FromException<VitrineStream>(error);
            }
            stream.WatchToken();
            return Task.FromResult(stream);
        }

        /// <summary>
        /// Answers <paramref name="work"/> itself: a bare connection has no thread that results should come to.
        /// </summary>
        public Task<T> DeliverAsync<T>(Task<T> work) where T : class
        {
            return work;
        }

        /// <summary>Tells the server the game's frame timing; false when it could not be sent now.</summary>
        public bool TryPace(double refreshHz, double frameMs, long dropped)
        {
            Link link = Volatile.Read(ref _link);
            return link != null && link.Pace(refreshHz, frameMs, dropped);
        }

        /// <summary>
        /// The server's clock less the client's, microseconds, and the round trip it was measured with.
        /// </summary>
        public bool TryGetClock(out long offsetUs, out long roundTripUs)
        {
            offsetUs = roundTripUs = 0;
            Link link = Volatile.Read(ref _link);
            return link != null && link.TryGetClock(out offsetUs, out roundTripUs);
        }

        /// <summary>
        /// Closes: a goodbye, at most 100 ms of waiting, then the end. Open calls fail with <c>unavailable</c>.
        /// </summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _closed, 1) != 0)
            {
                return;
            }
            _stop.Set();
            Link link = Volatile.Read(ref _link);
            if (link != null)
            {
                link.SayGoodbye();
                if (Thread.CurrentThread != _thread)
                {
                    _thread.Join(GoodbyeMs);
                }
                link.Abort(VitrineException.Unavailable("The connection was closed."));
            }
            Fail(VitrineException.Unavailable("The connection was closed."));
        }

        private Link LiveLink()
        {
            Link link = Volatile.Read(ref _link);
            if (link == null)
            {
                VitrineException why = Volatile.Read(ref _lastError);
                throw new VitrineException(
                    VitrineCodes.Unavailable, why == null ? "Vitrine is not connected yet." : why.Message, _options.RetryFirstMs, why);
            }
            return link;
        }

        private void Main()
        {
            while (!_stop.WaitOne(0))
            {
                SetState(ConnectionState.Connecting);
                VitrineException error = Live();
                Volatile.Write(ref _lastError, error);
                if (!_persistent && !_ready.Task.IsCompleted)
                {
                    Fail(error);
                    break;
                }
                if (Volatile.Read(ref _closed) != 0)
                {
                    break;
                }
                SetState(ConnectionState.Waiting);
                _options.Clock.Wait(_stop, _backoff.NextMs(_options.Chance()));
            }
            SetState(ConnectionState.Closed);
        }

        /// <summary>Connects, and receives as long as it lasts; answers why there is no connection any more.</summary>
        private VitrineException Live()
        {
            Link link;
            try
            {
                _endpoint = FindEndpoint();
                link = new LinkConnector(_options, _endpoint).Connect(OnNote);
            }
            catch (VitrineException error)
            {
                if (error.Code == VitrineCodes.Unauthorized)
                {
                    _endpoint = null;
                }
                Log("no connection: " + error.Message);
                return error;
            }
            _backoff.Reset();
            link.Begin();
            Volatile.Write(ref _link, link);
            if (Volatile.Read(ref _closed) != 0)
            {
                link.Abort(VitrineException.Unavailable("The connection was closed."));
            }
            SetState(ConnectionState.Ready);
            _ready.TrySetResult(true);
            VitrineException cause = link.Run();
            // Calls fail only after the state says so: whoever sees one fail finds the connection waiting, not ready.
            Volatile.Write(ref _lastError, cause);
            Volatile.Write(ref _link, null);
            SetState(Volatile.Read(ref _closed) != 0 ? ConnectionState.Closed : ConnectionState.Waiting);
            link.FailAll();
            Log("connection ended: " + cause.Message);
            return cause;
        }

        /// <summary>
        /// The endpoint stays the same as long as its process lives, whatever run.json says meanwhile.
        /// </summary>
        private VitrineEndpoint FindEndpoint()
        {
            if (_options.Endpoint != null)
            {
                return _options.Endpoint;
            }
            return _endpoint != null && RunFile.IsAlive(_endpoint) ? _endpoint : RunFile.Find(_options.RunFolder);
        }

        private void Fail(VitrineException error)
        {
            if (_ready.TrySetException(error))
            {
                // Nobody may be waiting for it: look at the error once, so that it is not reported as unobserved.
                GC.KeepAlive(_ready.Task.Exception);
            }
        }

        private void SetState(ConnectionState state)
        {
            if (_state == state)
            {
                return;
            }
            _state = state;
            Action<ConnectionState> changed = StateChanged;
            if (changed != null)
            {
                Guard(() => changed(state));
            }
        }

        private void OnNote(string topic, WireMap data)
        {
            Action<string, WireMap> received = NoteReceived;
            if (received != null)
            {
                Guard(() => received(topic, data));
            }
        }

        // The boundary to handlers that are not ours: their faults are logged and end nothing.
        private void Guard(Action handler)
        {
            try
            {
                handler();
            }
            catch (Exception error)
            {
                Log("a handler of an event failed: " + error);
            }
        }

        private void Log(string line)
        {
            Action<string> log = _options.Log;
            if (log != null)
            {
                log(line);
            }
        }

        private static void DisposeIt(object connection)
        {
            ((VitrineConnection)connection).Dispose();
        }
    }
}
