using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>How the parts of a stream are taken.</summary>
    public sealed class StreamOptions
    {
        /// <summary>
        /// Called for each part on the receiving thread, and must not block there; the part is disposed when it
        /// returns. Null: parts are queued for <see cref="VitrineStream.TryReadPart"/> and <see
        /// cref="VitrineStream.ReadPartAsync"/>.
        /// </summary>
        public Action<VitrineReply> PartReceived { get; set; }

        /// <summary>Parts that may wait to be read.</summary>
        public int QueueParts { get; set; } = 8;

        /// <summary>
        /// What happens beyond that: true, the oldest part is dropped and counted (frames); false, the stream fails
        /// with <c>overloaded</c> (text, speech: nothing may be lost).
        /// </summary>
        public bool DropOldest { get; set; }

        /// <summary>
        /// Whether a frame that finds no free slot of the shared memory is not sent at all (<see
        /// cref="VitrineStream.TryPushImage"/> is false), instead of going inside the message: for frames of which only
        /// the newest counts, a copy through the socket is dearer than waiting.
        /// </summary>
        public bool SlotsOnly { get; set; }

        /// <summary>Budget, priority and key of the call.</summary>
        public CallOptions Call { get; set; }
    }

    /// <summary>
    /// A call that answers in parts and, for some ops, takes more input. Dispose it: that cancels what still runs. All
    /// members may be used from any thread; one reader at a time.
    /// </summary>
    public sealed class VitrineStream : ICallSink, IDisposable
    {
        private readonly StreamOptions _options;
        private readonly CancellationToken _cancel;
        private readonly object _gate = new object();
        private readonly Queue<VitrineReply> _parts = new Queue<VitrineReply>();
        private readonly TaskCompletionSource<VitrineReply> _completion;
        private readonly TokenWatch _watch = new TokenWatch();
        private TaskCompletionSource<VitrineReply> _reader;
        private Link _link;
        private uint _id;
        private bool _ended;
        private Exception _error;
        private long _dropped;

        internal VitrineStream(StreamOptions options, bool inline, CancellationToken cancel)
        {
            _options = options ?? new StreamOptions();
            _cancel = cancel;
            _completion = new TaskCompletionSource<VitrineReply>(
                inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
        }

        /// <summary>The result that ends the stream, or the <see cref="VitrineException"/> that does.</summary>
        public Task<VitrineReply> Completion
        {
            get { return _completion.Task; }
        }

        /// <summary>Parts that were dropped because nobody read them.</summary>
        public long Dropped
        {
            get { return Interlocked.Read(ref _dropped); }
        }

        /// <summary>
        /// Sends a frame: copies it to shared memory where a slot is free, else into the message, and returns at once.
        /// False: too much waits already or the stream takes no more input; skip this frame. Allocates nothing.
        /// </summary>
        /// <param name="number">The frame's number, which comes back with the answer.</param>
        /// <param name="timeUs">When it was taken, microseconds of the caller's clock; comes back too.</param>
        /// <param name="frame">The picture.</param>
        public bool TryPushImage(long number, long timeUs, in ImageFrame frame)
        {
            return _link.TryPushFrame(_id, number, timeUs, frame, _options.SlotsOnly);
        }

        /// <summary>Sends input and returns at once; false as for <see cref="TryPushImage"/>.</summary>
        public bool TryPush(WireMap data)
        {
            return _link.TryPush(_id, data);
        }

        /// <summary>
        /// Sends input, waiting for room in the queue. Throws the stream's error once that has ended.
        /// </summary>
        public async Task PushAsync(WireMap data)
        {
            while (!_link.TryPush(_id, data))
            {
                if (!_link.TakesInput(_id) || !await _link.Outbox.WhenRoom().ConfigureAwait(false))
                {
                    await Completion.ConfigureAwait(false);
                    throw new InvalidOperationException("the stream takes no more input");
                }
            }
        }

        /// <summary>No more input: the answer that ends the stream.</summary>
        public Task<VitrineReply> EndAsync()
        {
            _link.End(_id);
            return Completion;
        }

        /// <summary>
        /// Stops the work at every layer; the stream ends with <c>cancelled</c> unless it was done already.
        /// </summary>
        public void Cancel()
        {
            _link.Cancel(_id);
        }

        /// <summary>Takes a part that waits; the caller disposes it.</summary>
        public bool TryReadPart(out VitrineReply part)
        {
            lock (_gate)
            {
                part = _parts.Count > 0 ? _parts.Dequeue() : null;
                return part != null;
            }
        }

        /// <summary>
        /// The next part, which the caller disposes; null once the stream is done, and then <see cref="Completion"/>
        /// holds the result. Throws the stream's error.
        /// </summary>
        public Task<VitrineReply> ReadPartAsync()
        {
            lock (_gate)
            {
                if (_reader != null)
                {
                    throw new InvalidOperationException("a part is being waited for already");
                }
                if (_parts.Count > 0)
                {
                    return Task.FromResult(_parts.Dequeue());
                }
                if (_ended)
                {
                    return _error == null ? Task.FromResult<VitrineReply>(null) : Task.FromException<VitrineReply>(_error);
                }
                _reader = new TaskCompletionSource<VitrineReply>(_completion.Task.CreationOptions);
                return _reader.Task;
            }
        }

        /// <summary>Cancels the stream if it still runs, and drops what was not read.</summary>
        public void Dispose()
        {
            Cancel();
            VitrineReply part;
            while (TryReadPart(out part))
            {
                part.Dispose();
            }
        }

        void ICallSink.Opened(Link link, uint id)
        {
            _link = link;
            _id = id;
        }

        internal void WatchToken()
        {
            if (_cancel.CanBeCanceled)
            {
                _watch.Begin(_cancel, OnTokenCancelled, this);
            }
        }

        void ICallSink.OnPart(VitrineReply reply)
        {
            if (_options.PartReceived == null)
            {
                Enqueue(reply);
                return;
            }
            try
            {
                _options.PartReceived(reply);
            }
            catch (Exception error)
            {
                // The one boundary to code that is not ours: its fault ends its stream, not the connection.
                Stop(error);
            }
            finally
            {
                reply.Dispose();
            }
        }

        void ICallSink.OnDone(VitrineReply reply)
        {
            try
            {
                reply.Detach();
            }
            catch (VitrineException error)
            {
                reply.Dispose();
                _completion.TrySetException(End(error));
                return;
            }
            Exception before = End(null);
            bool taken = before == null ? _completion.TrySetResult(reply) : _completion.TrySetException(before);
            if (before != null || !taken)
            {
                reply.Dispose();
            }
        }

        void ICallSink.OnFail(VitrineException error)
        {
            bool ours = _cancel.IsCancellationRequested && error.Code == VitrineCodes.Cancelled;
            Exception before = End(ours ? new OperationCanceledException(error.Message, error, _cancel) : (Exception)error);
            if (ours) { _completion.TrySetCanceled(_cancel); }
            else { _completion.TrySetException(before); }
        }

        private void Enqueue(VitrineReply reply)
        {
            TaskCompletionSource<VitrineReply> reader;
            VitrineReply surplus = null;
            lock (_gate)
            {
                reader = _reader;
                _reader = null;
                if (reader == null)
                {
                    _parts.Enqueue(reply);
                    surplus = _parts.Count > _options.QueueParts ? _parts.Dequeue() : null;
                }
            }
            if (reader != null)
            {
                reader.TrySetResult(reply);
            }
            if (surplus != null)
            {
                surplus.Dispose();
                Interlocked.Increment(ref _dropped);
                if (!_options.DropOldest)
                {
                    Stop(new VitrineException(VitrineCodes.Overloaded, "Parts of the answer were not read in time; read them faster."));
                }
            }
        }

        private void Stop(Exception error)
        {
            lock (_gate)
            {
                _error = _error ?? error;
            }
            _link.Cancel(_id);
        }

        /// <summary>Ends reading; answers the error that counts, which is the first.</summary>
        private Exception End(Exception error)
        {
            TaskCompletionSource<VitrineReply> reader;
            lock (_gate)
            {
                _ended = true;
                _error = error = _error ?? error;
                reader = _reader;
                _reader = null;
            }
            _watch.End();
            if (reader != null)
            {
                if (error == null) { reader.TrySetResult(null); }
                else { reader.TrySetException(error); }
            }
            return error;
        }

        private static void OnTokenCancelled(object state)
        {
            ((VitrineStream)state).Cancel();
        }
    }
}
