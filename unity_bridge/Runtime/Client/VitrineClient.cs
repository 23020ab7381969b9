using System;
using System.Threading;
using System.Threading.Tasks;
using UnityEngine;

namespace Vitrine
{
    /// <summary>
    /// The sidecar as a scene uses it: found or started, connected to and connected to again by itself. What its ops
    /// answer arrives on the main thread, within a time budget a frame. Calls may be made from any thread; everything
    /// else belongs to the main thread.
    /// </summary>
    public sealed class VitrineClient : IVitrineCalls, IDisposable
    {
        private readonly IVitrineClock _clock;
        private readonly VitrineConnection _connection;
        private readonly SidecarKeeper _sidecar;
        private readonly ClientStateRules _rules = new ClientStateRules();
        private readonly bool _chinese;
        private volatile ClientState _state = ClientState.Connecting;
        private bool _closed;

        /// <summary>
        /// Begins to look for the sidecar and goes on until disposal. To be made on the main thread.
        /// </summary>
        /// <param name="options">How to connect; null: the defaults.</param>
        /// <param name="process">
        /// Starts a sidecar where there is none, and is the client's from now on; null: one is only looked for.
        /// </param>
        public VitrineClient(VitrineOptions options = null, VitrineProcess process = null)
        {
            options = options ?? new VitrineOptions();
            _clock = options.Clock;
            _chinese = options.Lang == "zh";
            Latency = new LatencyBoard(_clock);
            MainThread = new MainThreadQueue(_clock) { Faulted = OnFault };
            _sidecar = process == null ? null : new SidecarKeeper(process, options.Chance);
            _connection = VitrineConnection.Start(options);
            _connection.NoteReceived += OnNote;
            ClientLoop.Add(this);
            if (_sidecar != null) { _sidecar.Update(false, _clock.NowUs); }
        }

        /// <summary>
        /// The one that components use: made of <see cref="VitrineSettings.Current"/> when it is first asked for, closed
        /// when the application quits, and from then on a closed one.
        /// </summary>
        public static VitrineClient Shared
        {
            get { return SharedClient.Get(); }
        }

        /// <summary>Whether <see cref="Shared"/> was made already.</summary>
        public static bool HasShared
        {
            get { return SharedClient.Exists; }
        }

        /// <summary>
        /// Set by the Editor: the sidecar that <see cref="Shared"/> starts outlives Play mode and script reloads, and is
        /// found again by this memory. Null in players, where it ends with the application.
        /// </summary>
        public static IProcessMemory ProcessMemory
        {
            get { return SharedClient.Memory; }
            set { SharedClient.Memory = value; }
        }

        /// <summary>The state changed; on the main thread.</summary>
        public event Action<ClientState> StateChanged;

        /// <summary>
        /// News of the server: a topic (<c>model</c>, <c>pressure</c>, <c>shutdown</c>) and its map; on the main thread.
        /// </summary>
        public event Action<string, WireMap> NoteReceived;

        /// <summary>Where it stands, as of this frame.</summary>
        public ClientState State
        {
            get { return _state; }
        }

        /// <summary>The state in a plain sentence, in the language of the options.</summary>
        public string StateText
        {
            get { return ClientTexts.Of(_state, _chinese); }
        }

        /// <summary>Why it is not ready, for a developer, with what to do; null when it is ready.</summary>
        public string Problem
        {
            get
            {
                if (_state == ClientState.Ready) { return null; }
                string problem = _sidecar == null ? null : _sidecar.Process.Problem;
                VitrineException error = _connection.LastError;
                return problem ?? (error == null ? null : error.Message);
            }
        }

        /// <summary>Whether calls may be made.</summary>
        public bool IsReady
        {
            get { return _state == ClientState.Ready; }
        }

        /// <summary>The connection beneath: streams of frames use it directly.</summary>
        public VitrineConnection Connection
        {
            get { return _connection; }
        }

        /// <summary>What starts the sidecar; null when one is only looked for.</summary>
        public VitrineProcess Process
        {
            get { return _sidecar == null ? null : _sidecar.Process; }
        }

        /// <summary>How old answers are when they are shown: mirrors write, displays read.</summary>
        public LatencyBoard Latency { get; }

        /// <summary>What waits for the main thread, and how long it took there.</summary>
        public MainThreadQueue MainThread { get; }

        /// <summary>Milliseconds of a frame that answers may take on the main thread.</summary>
        public double MainThreadBudgetMs { get; set; } = 0.5;

        /// <summary>
        /// Closes <see cref="Shared"/> if there is one; the next use makes another. The Editor calls it before scripts
        /// are reloaded: an open socket would hold that up.
        /// </summary>
        public static void ShutdownShared()
        {
            SharedClient.Shutdown();
        }

        /// <summary>
        /// Calls an op that has one answer. What awaits it goes on as for any task; the typed ops, which go through <see
        /// cref="DeliverAsync{T}"/>, keep within the frame's budget.
        /// </summary>
        public Task<VitrineReply> CallAsync(
            string op, WireMap arguments = null, CancellationToken cancel = default(CancellationToken),
            CallOptions options = null)
        {
            return _connection.CallAsync(op, arguments, cancel, options);
        }

        /// <summary>Opens a call that answers in parts.</summary>
        public Task<VitrineStream> OpenAsync(
            string op, WireMap arguments = null, CancellationToken cancel = default(CancellationToken),
            StreamOptions options = null)
        {
            return _connection.OpenAsync(op, arguments, cancel, options);
        }

        /// <summary>
        /// Completes on the main thread, within the frame's budget, what <paramref name="work"/> brings; what is there
        /// already is not put off.
        /// </summary>
        public Task<T> DeliverAsync<T>(Task<T> work) where T : class
        {
            if (work == null) { throw new ArgumentNullException(nameof(work)); }
            return work.IsCompleted ? work : Delivery<T>.Of(MainThread, work);
        }

        /// <summary>
        /// One frame: runs what waits for the main thread and tells changes. The player loop calls it; call it where
        /// there is none, as in edit mode. Throws nothing.
        /// </summary>
        public void Pump()
        {
            if (_closed) { return; }
            MainThread.Run((long)(MainThreadBudgetMs * 1000));
            if (_closed) { return; }
            long now = _clock.NowUs;
            // Decided before the sidecar is started anew, so that a failure is never overlooked.
            ProcessState? process = _sidecar == null ? (ProcessState?)null : _sidecar.Process.State;
            ClientState state = _rules.Decide(_connection.State, process, now);
            if (_sidecar != null) { _sidecar.Update(state == ClientState.Ready, now); }
            Tell(state);
        }

        /// <summary>
        /// Closes: open calls fail with <c>unavailable</c>, a sidecar of its own is asked to end. Takes at most about
        /// 100 ms.
        /// </summary>
        public void Dispose()
        {
            if (_closed) { return; }
            _closed = true;
            ClientLoop.Remove(this);
            if (_sidecar != null) { _sidecar.Stop(); }
            _connection.Dispose();
            MainThread.Close();
            Tell(ClientState.Closed);
        }

        private void Tell(ClientState state)
        {
            if (state == _state) { return; }
            _state = state;
            Action<ClientState> changed = StateChanged;
            if (changed == null) { return; }
            try
            {
                changed(state);
            }
            catch (Exception error)
            {
                // The boundary to handlers that are not ours: the player loop must go on.
                OnFault(error);
            }
        }

        // On the connection's thread; news are few.
        private void OnNote(string topic, WireMap data)
        {
            MainThread.TryPost(TellNote, new Note(this, topic, data));
        }

        private static void TellNote(object state)
        {
            var note = (Note)state;
            Action<string, WireMap> received = note.Client.NoteReceived;
            if (received != null) { received(note.Topic, note.Data); }
        }

        private static void OnFault(Exception error)
        {
            Debug.LogException(error);
        }

        private sealed class Note
        {
            internal Note(VitrineClient client, string topic, WireMap data)
            {
                Client = client;
                Topic = topic;
                Data = data;
            }

            internal VitrineClient Client { get; }

            internal string Topic { get; }

            internal WireMap Data { get; }
        }
    }
}
