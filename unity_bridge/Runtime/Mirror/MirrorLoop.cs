using System;
using UnityEngine;

namespace Vitrine
{
    /// <summary>
    /// One mirror at work: source, capture, stream and texture, moved on once a frame on the main thread. Never waits,
    /// throws nothing, and after warm-up allocates nothing.
    /// </summary>
    internal sealed class MirrorLoop : IReadbackSink, IDisposable
    {
        private const long RetryStillUs = 1000000;
        private const long OldestUs = 60000000;

        private readonly IVitrineClock _clock;
        private readonly LatencyBoard _latency;
        private readonly MirrorSession _session;
        private readonly FrameCapture _capture;
        private readonly FrameRate _rate = new FrameRate();
        private IFrameSource _source;
        private MirrorOptions _options;
        private Texture2D _answer;
        private RenderTexture _through;
        private Texture _throughOf;
        private MirrorStatus _verdict = MirrorStatus.Live;
        private string _reasonText;
        private long _shownUs;
        private long _missed;
        private long _retryAtUs;
        private int _retries;

        internal MirrorLoop(IVitrineCalls calls, MirrorOptions options, IVitrineClock clock, LatencyBoard latency)
        {
            _clock = clock;
            _latency = latency;
            _options = options;
            _session = new MirrorSession(calls, options);
            _capture = new FrameCapture(this);
        }

        internal MirrorSession Session
        {
            get { return _session; }
        }

        /// <summary>What it shows, or why it does not.</summary>
        internal MirrorStatus Status { get; private set; }

        /// <summary>The picture of the newest answer; null before the first.</summary>
        internal Texture2D Answer
        {
            get { return _session.IsAnswered ? _answer : null; }
        }

        /// <summary>The source as it is; null where it has nothing.</summary>
        internal Texture Through
        {
            get { return _source != null && _source.State == FrameSourceState.Live ? _through : null; }
        }

        /// <summary>Whether the source is drawn even while answers are shown.</summary>
        internal bool NeedsThrough { get; set; }

        /// <summary>Frames a second at most; 0: as they come.</summary>
        internal double RateLimit
        {
            get { return _rate.Limit; }
            set { _rate.Limit = value; }
        }

        /// <summary>Whether the source arrives upside down.</summary>
        internal bool IsFlipped { get; set; }

        internal float Confidence { get; private set; }

        /// <summary>Milliseconds from the taking of the shown frame to its showing.</summary>
        internal float LatencyMs { get; private set; }

        /// <summary>Answers shown so far.</summary>
        internal long Shown { get; private set; }

        /// <summary>Milliseconds since the shown frame was taken; 0 where none is shown.</summary>
        internal float AgeMs
        {
            get { return Answer == null ? 0 : (_clock.NowUs - _shownUs) / 1000f; }
        }

        /// <summary>The server's own words for a refusal or a reason; null where there are none.</summary>
        internal string ServerText
        {
            get
            {
                if (Status == MirrorStatus.OtherReason) { return _reasonText; }
                return Status == MirrorStatus.Refused && _session.LastError != null ? _session.LastError.Message : null;
            }
        }

        /// <summary>Takes pictures from another source, which is the loop's from now on.</summary>
        internal void SetSource(IFrameSource source)
        {
            if (_source != null) { _source.Dispose(); }
            _source = source;
            _throughOf = null;
        }

        internal void SetOptions(MirrorOptions options)
        {
            _options = options;
            _session.SetOptions(options);
        }

        /// <summary>One frame.</summary>
        internal void Tick(MirrorLink link, int width, int height)
        {
            long now = _clock.NowUs;
            _session.Tick(now, link == MirrorLink.Ready);
            _capture.Tick();
            _source.Tick(now);
            Take(now);
            Give(now, width, height);
            Tell();
            string code = _session.LastError == null ? null : _session.LastError.Code;
            Status = MirrorStatusRules.Decide(
                link, _session.State, code, SystemInfo.supportsAsyncGPUReadback ? _source.State : FrameSourceState.Unsupported,
                _session.IsAnswered, _verdict);
        }

        /// <summary>A copy of the source's newest picture; null where it has none.</summary>
        internal RenderTexture Copy(int width, int height, out int quarterTurns)
        {
            SourcePicture picture = Upright();
            quarterTurns = picture.QuarterTurns & 1;
            if (picture.Texture == null)
            {
                return null;
            }
            RenderTexture copy = quarterTurns == 0
                ? FrameCapture.Scratch(width, height) : FrameCapture.Scratch(height, width);
            FrameGeometry geometry = FrameGeometry.Of(picture, copy.width, copy.height, false);
            Graphics.Blit(picture.Texture, copy, geometry.Scale, geometry.Offset);
            return copy;
        }

        public void Dispose()
        {
            Status = MirrorStatus.Off;
            _session.Dispose();
            SetSource(null);
            _capture.Dispose();
            FrameCapture.Release(_through);
            _through = null;
            if (_answer != null) { UnityEngine.Object.Destroy(_answer); }
            _answer = null;
        }

        void IReadbackSink.Arrived(FrameSlot frame)
        {
            _session.Offer(frame);
        }

        void IReadbackSink.Failed()
        {
            _session.CountFailed();
            RetryStill();
        }

        private void Take(long now)
        {
            MirrorAnswer answer;
            if (!_session.TryTake(out answer))
            {
                return;
            }
            try
            {
                Show(answer, now);
            }
            catch (VitrineException)
            {
                // Overwritten while it was copied, or no picture that fits a texture: the next one comes.
                Spoil();
            }
            finally
            {
                _session.Release(answer.Reply);
            }
        }

        private void Show(in MirrorAnswer answer, long now)
        {
            bool same = answer.Verdict == _verdict;
            if (answer.Verdict == MirrorStatus.OtherReason && (!same || _reasonText == null))
            {
                _reasonText = answer.Part.ReadReasonText();
            }
            _verdict = answer.Verdict;
            Confidence = Mathf.Clamp01((float)answer.Part.Confidence);
            VitrineImage image;
            if (!answer.Part.TryGetImage(out image))
            {
                if (_verdict == MirrorStatus.Live) { Spoil(); }
                return;
            }
            image.ToTexture(ref _answer);
            long age = now - answer.Part.TimeUs;
            _shownUs = age >= 0 && age < OldestUs ? answer.Part.TimeUs : now;
            LatencyMs = (now - _shownUs) / 1000f;
            Shown++;
            if (_latency != null) { _latency.Add(LatencyMs); }
        }

        private void Spoil()
        {
            _session.CountFailed();
            RetryStill();
        }

        private void RetryStill()
        {
            if (_retryAtUs == 0) { _retryAtUs = _clock.NowUs + RetryStillUs; }
        }

        private void Give(long now, int width, int height)
        {
            if (_retryAtUs != 0 && now >= _retryAtUs)
            {
                _retryAtUs = 0;
                _retries++;
            }
            int revision = unchecked(_session.Revision + _retries);
            bool fresh = _source.HasNew(revision);
            SourcePicture picture = Upright();
            if (picture.Texture == null)
            {
                return;
            }
            if (Answer == null || NeedsThrough) { Draw(picture, fresh, width, height); }
            if (fresh) { Send(picture, revision, now, width, height); }
        }

        private void Send(in SourcePicture picture, int revision, long now, int width, int height)
        {
            if (_session.State != MirrorSessionState.Open || !SystemInfo.supportsAsyncGPUReadback)
            {
                // A stream's frame is of no use later; a still one waits.
                if (!_source.IsStill) { _source.MarkTaken(revision); }
                return;
            }
            if (!_rate.TryTake(now))
            {
                return;
            }
            bool began = _capture.TryBegin(picture, width, height, now);
            if (!began && !_source.IsStill) { _session.CountSkipped(); }
            if (began || !_source.IsStill) { _source.MarkTaken(revision); }
        }

        private void Draw(in SourcePicture picture, bool fresh, int width, int height)
        {
            bool sideways = (picture.QuarterTurns & 1) != 0;
            int across = sideways ? height : width, down = sideways ? width : height;
            if (_through == null || _through.width != across || _through.height != down)
            {
                FrameCapture.Release(_through);
                _through = FrameCapture.Scratch(across, down);
                _throughOf = null;
            }
            if (_throughOf == picture.Texture && (!fresh || _source.IsStill))
            {
                return;
            }
            FrameGeometry geometry = FrameGeometry.Of(picture, across, down, _options.Mirrored);
            Graphics.Blit(picture.Texture, _through, geometry.Scale, geometry.Offset);
            _throughOf = picture.Texture;
        }

        private SourcePicture Upright()
        {
            SourcePicture picture = _source.Picture;
            return IsFlipped ? new SourcePicture(picture.Texture, picture.QuarterTurns, !picture.IsFlipped) : picture;
        }

        private void Tell()
        {
            if (_latency == null)
            {
                return;
            }
            MirrorCounters counters = _session.Counters;
            long missed = counters.Superseded + counters.Skipped;
            if (missed > _missed)
            {
                _latency.AddMissed(missed - _missed);
                _missed = missed;
            }
            _latency.SetPending((int)Math.Min(int.MaxValue, _session.Unanswered));
        }
    }
}
