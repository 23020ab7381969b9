using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>What a mirror asks of its stream beside the layers.</summary>
    public readonly struct MirrorOptions
    {
        /// <summary>An overlay has only what is worn, on transparent ground; the composite shows the person too.</summary>
        public MirrorOptions(bool overlay, bool mirrored)
        {
            Overlay = overlay;
            Mirrored = mirrored;
        }

        /// <summary>Whether only what is worn comes back.</summary>
        public bool Overlay { get; }

        /// <summary>Whether left and right are exchanged, as a mirror does.</summary>
        public bool Mirrored { get; }
    }

    /// <summary>
    /// The stream of a mirror: opened when there is a connection, opened again after losses and failures, fed by a
    /// thread of its own. All members belong to one thread, the main one; none of them waits, and after warm-up none
    /// allocates while frames flow.
    /// </summary>
    public sealed class MirrorSession : IDisposable
    {
        /// <summary>Layers that can be worn at once.</summary>
        public const int LayerLimit = 8;

        private const int RetryFirstMs = 100;
        private const int RetryLimitMs = 5000;
        private const int LongestMs = 10000;
        private const int OpenMs = 10000;
        private const long SilentUs = 15000000;
        private const long TickUs = 1000000;
        private const double Spread = 0.5;

        private readonly IVitrineCalls _calls;
        private readonly FramePump _pump = new FramePump();
        private readonly AnswerTally _tally = new AnswerTally();
        private readonly Backoff _backoff = new Backoff(RetryFirstMs, RetryLimitMs);
        private readonly StreamOptions _take = new StreamOptions { QueueParts = 1, DropOldest = true, SlotsOnly = true };
        private WireValue[] _layers = new WireValue[0];
        private MirrorOptions _options;
        private Task<VitrineStream> _opening;
        private VitrineStream _stream;
        private bool _layersChanged;
        private long _nowUs;
        private long _untilUs;
        private long _silentUs;
        private long _failed;
        private long _skippedElsewhere;

        /// <summary>Makes streams with these calls.</summary>
        public MirrorSession(IVitrineCalls calls, MirrorOptions options)
        {
            _calls = calls ?? throw new ArgumentNullException(nameof(calls));
            _options = options;
        }

        /// <summary>Where the stream stands.</summary>
        public MirrorSessionState State { get; private set; }

        /// <summary>Why it does not stand open; null when it does.</summary>
        public VitrineException LastError { get; private set; }

        /// <summary>Whether an answer came since the stream was opened.</summary>
        public bool IsAnswered { get; private set; }

        /// <summary>
        /// Goes up with everything after which a still picture must be sent again: a new stream, other layers.
        /// </summary>
        public int Revision { get; private set; }

        /// <summary>The number of the last frame sent that was not answered, less the last answered one.</summary>
        public long Unanswered
        {
            get { return State == MirrorSessionState.Open ? Math.Max(0, _pump.LastNumber - _tally.LastNumber) : 0; }
        }

        /// <summary>What happened to frames so far.</summary>
        public MirrorCounters Counters
        {
            get
            {
                return new MirrorCounters(
                    _pump.Sent, _tally.Answered, _tally.Superseded, _pump.Skipped + _skippedElsewhere, _failed);
            }
        }

        /// <summary>
        /// Goes on by what happened meanwhile; to be called once a frame with the time in microseconds.
        /// </summary>
        public void Tick(long nowUs, bool connected)
        {
            // An application that was frozen counts as one slow frame: its server did not have that time to answer.
            long sinceUs = Math.Min(Math.Max(0, nowUs - _nowUs), TickUs);
            _nowUs = nowUs;
            if (State == MirrorSessionState.Closed)
            {
                return;
            }
            if (!connected)
            {
                if (State != MirrorSessionState.Waiting) { Step(MirrorStep.LinkDown); }
                return;
            }
            switch (State)
            {
                case MirrorSessionState.Waiting: Step(MirrorStep.LinkUp); break;
                case MirrorSessionState.Opening: TickOpening(); break;
                case MirrorSessionState.Open: TickOpen(sinceUs); break;
                case MirrorSessionState.Pausing:
                case MirrorSessionState.Refused:
                    if (nowUs >= _untilUs) { Step(MirrorStep.Due); }
                    break;
            }
        }

        /// <summary>What is worn, at once or with the next stream; nothing for a plain mirror.</summary>
        public void SetLayers(params TryOnLayer[] layers)
        {
            if (layers == null) { throw new ArgumentNullException(nameof(layers)); }
            if (layers.Length > LayerLimit) { throw new ArgumentException("at most " + LayerLimit + " layers can be worn", nameof(layers)); }
            var maps = new WireValue[layers.Length];
            for (int i = 0; i < maps.Length; i++)
            {
                if (layers[i] == null) { throw new ArgumentException("a layer is null", nameof(layers)); }
                maps[i] = layers[i].ToMap();
            }
            _layers = maps;
            Revision++;
            if (State == MirrorSessionState.Open)
            {
                _pump.Send(new WireMap { { "layers", WireValue.Array(_layers) } });
            }
            _layersChanged = State == MirrorSessionState.Opening;
            Step(MirrorStep.Layers);
        }

        /// <summary>Opens the stream anew where the options differ.</summary>
        public void SetOptions(MirrorOptions options)
        {
            if (options.Overlay != _options.Overlay || options.Mirrored != _options.Mirrored)
            {
                _options = options;
                Step(MirrorStep.Options);
            }
        }

        /// <summary>Sends a frame, unless a newer one comes first; it finds back to its pool by itself.</summary>
        public void Offer(FrameSlot frame)
        {
            if (frame == null) { throw new ArgumentNullException(nameof(frame)); }
            _pump.Offer(frame);
        }

        /// <summary>Counts a frame that found no free buffer.</summary>
        public void CountSkipped()
        {
            _skippedElsewhere++;
        }

        /// <summary>Counts a frame or an answer that could not be used.</summary>
        public void CountFailed()
        {
            _failed++;
        }

        /// <summary>The newest answer; <see cref="Release"/> its reply when the picture was copied.</summary>
        public bool TryTake(out MirrorAnswer answer)
        {
            answer = default(MirrorAnswer);
            bool taken = false;
            VitrineReply reply;
            while (_stream != null && _stream.TryReadPart(out reply))
            {
                MirrorAnswer newer;
                if (!TryRead(reply, out newer))
                {
                    continue;
                }
                if (taken)
                {
                    Release(answer.Reply);
                    _tally.Replace();
                }
                answer = newer;
                taken = true;
            }
            return taken;
        }

        /// <summary>Gives an answer's memory and slots back.</summary>
        public void Release(VitrineReply reply)
        {
            _pump.Release(reply);
        }

        /// <summary>Ends the stream and its thread. No frame is sent afterwards.</summary>
        public void Dispose()
        {
            if (State != MirrorSessionState.Closed)
            {
                Step(MirrorStep.Close);
                _pump.Dispose();
            }
        }

        internal bool IsPumping
        {
            get { return _pump.IsAlive; }
        }

        private bool TryRead(VitrineReply reply, out MirrorAnswer answer)
        {
            TryOnPart part;
            if (TryOnPart.TryRead(reply, out part))
            {
                answer = new MirrorAnswer(reply, part);
                Count(part.Number);
                return true;
            }
            answer = default(MirrorAnswer);
            _failed++;
            Release(reply);
            return false;
        }

        private void Count(long number)
        {
            _silentUs = 0;
            _tally.Add(number, _pump.LastNumber);
            IsAnswered = true;
            LastError = null;
            _backoff.Reset();
        }

        private void Step(MirrorStep step)
        {
            MirrorSessionState before = State;
            State = MirrorTable.After(before, step);
            bool anew = State == MirrorSessionState.Opening && (before != State || step == MirrorStep.Options);
            if (anew || (before != State && State != MirrorSessionState.Open))
            {
                Drop();
            }
            if (anew) { Begin(); }
        }

        private void Begin()
        {
            _layersChanged = false;
            _untilUs = _nowUs + OpenMs * 1000L;
            try
            {
                _opening = _calls.OpenAsync("tryon.stream", Arguments(), CancellationToken.None, _take);
            }
            catch (InvalidOperationException error)
            {
                // A client that was disposed meanwhile: a failure like any other, seen at the next tick.
                _opening = Task.FromException<VitrineStream>(VitrineException.Unavailable("The client was closed.", error));
            }
        }

        private WireMap Arguments()
        {
            return new WireMap
            {
                { "layers", WireValue.Array(_layers) },
                { "output", _options.Overlay ? "overlay" : "composite" },
                { "mirror", _options.Mirrored },
                { "want", new WireMap { { "f", "rgba8" }, { "o", "bottom" } } },
            };
        }

        private void TickOpening()
        {
            if (!_opening.IsCompleted)
            {
                if (_nowUs >= _untilUs) { Fail(VitrineException.Unavailable("The server does not answer.")); }
                return;
            }
            if (_opening.Status != TaskStatus.RanToCompletion)
            {
                Fail(MirrorStreams.ErrorOf(_opening));
                return;
            }
            _stream = _opening.Result;
            _opening = null;
            MirrorStreams.Watch(_stream);
            _tally.Begin();
            _silentUs = 0;
            _pump.Attach(new StreamSink(_stream));
            Revision++;
            Step(MirrorStep.Opened);
            if (_layersChanged)
            {
                _layersChanged = false;
                _pump.Send(new WireMap { { "layers", WireValue.Array(_layers) } });
            }
        }

        private void TickOpen(long sinceUs)
        {
            Exception error;
            if (_stream.Completion.IsCompleted)
            {
                Fail(MirrorStreams.ErrorOf(_stream.Completion));
            }
            else if (_pump.TryTakeError(out error))
            {
                Fail(error as VitrineException ?? MirrorStreams.Unusable(error));
            }
            else if (Unanswered == 0)
            {
                _silentUs = 0;
            }
            else if ((_silentUs += sinceUs) > SilentUs)
            {
                Fail(VitrineException.Unavailable("The server does not answer frames; they are sent anew."));
            }
        }

        private void Fail(VitrineException error)
        {
            _failed++;
            LastError = error;
            bool final = MirrorStreams.IsFinal(error.Code);
            int delayMs = final ? LongestMs : Math.Max(error.RetryMs ?? 0, _backoff.NextMs(Spread));
            _untilUs = _nowUs + Math.Min(delayMs, LongestMs) * 1000L;
            Step(final ? MirrorStep.Refuse : MirrorStep.Fail);
        }

        private void Drop()
        {
            IsAnswered = false;
            _pump.Detach();
            if (_stream != null)
            {
                _stream.Dispose();
                _stream = null;
            }
            if (_opening != null)
            {
                MirrorStreams.DisposeLate(_opening);
                _opening = null;
            }
        }
    }
}
