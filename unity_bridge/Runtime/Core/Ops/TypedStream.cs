using System;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>
    /// A call that answers in parts, typed: read <see cref="NextAsync"/> until null, then <see cref="ResultAsync"/>.
    /// Dispose it: that cancels what still runs. One reader at a time.
    /// </summary>
    public class VitrineStream<TPart, TDone> : IDisposable where TPart : class where TDone : class
    {
        private static readonly Action<Task<VitrineReply>> DropResult = Drop;

        private readonly IVitrineCalls _calls;
        private readonly StreamOp<TPart, TDone> _op;
        private readonly object _gate = new object();
        private Task<TDone> _done;
        private bool _disposed;

        internal VitrineStream(IVitrineCalls calls, VitrineStream stream, StreamOp<TPart, TDone> op)
        {
            _calls = calls;
            _op = op;
            Raw = stream;
        }

        /// <summary>Parts that were dropped because nobody read them; only streams of frames drop any.</summary>
        public long Dropped
        {
            get { return Raw.Dropped; }
        }

        internal VitrineStream Raw { get; }

        /// <summary>
        /// The next part; null once the stream is done. Ends with the stream's <see cref="VitrineException"/>, or as
        /// cancelled when the token that opened the stream is. A part with pictures is the caller's to dispose.
        /// </summary>
        public Task<TPart> NextAsync()
        {
            return _calls.DeliverAsync(ReadNextAsync());
        }

        /// <summary>
        /// The result that ends the stream; parts that were not read by then are passed over. A result with pictures
        /// is the caller's to dispose; asked for again, it is the same one.
        /// </summary>
        public Task<TDone> ResultAsync()
        {
            return _calls.DeliverAsync(PassOverAsync());
        }

        /// <summary>
        /// Stops the work at every layer; the stream ends with <c>cancelled</c> unless it was done already.
        /// </summary>
        public void Cancel()
        {
            Raw.Cancel();
        }

        /// <summary>Cancels the stream if it still runs, and drops what was not read.</summary>
        public void Dispose()
        {
            bool unread;
            lock (_gate)
            {
                unread = !_disposed && _done == null;
                _disposed = true;
            }
            Raw.Dispose();
            if (unread)
            {
                Raw.Completion.ContinueWith(DropResult, TaskContinuationOptions.ExecuteSynchronously);
            }
        }

        /// <summary>No more input; the result, with the parts left to their reader.</summary>
        internal Task<TDone> EndInputAsync()
        {
            // The task is the completion that ReadDone waits for.
            Raw.EndAsync();
            return _calls.DeliverAsync(ReadDone());
        }

        private async Task<TPart> ReadNextAsync()
        {
            VitrineReply part = await Raw.ReadPartAsync().ConfigureAwait(false);
            if (part == null) { return null; }
            try
            {
                return _op.ReadPart(part);
            }
            catch (VitrineException)
            {
                Raw.Cancel();
                throw;
            }
        }

        private async Task<TDone> PassOverAsync()
        {
            VitrineReply part = await Raw.ReadPartAsync().ConfigureAwait(false);
            while (part != null)
            {
                part.Dispose();
                part = await Raw.ReadPartAsync().ConfigureAwait(false);
            }
            return await ReadDone().ConfigureAwait(false);
        }

        private Task<TDone> ReadDone()
        {
            lock (_gate)
            {
                if (_done == null)
                {
                    if (_disposed) { return Task.FromException<TDone>(new ObjectDisposedException(GetType().Name)); }
                    _done = ReadDoneAsync();
                }
                return _done;
            }
        }

        private async Task<TDone> ReadDoneAsync()
        {
            return _op.ReadDone(await Raw.Completion.ConfigureAwait(false));
        }

        // Nobody will ask: the memory goes back, and an error counts as seen.
        private static void Drop(Task<VitrineReply> completion)
        {
            if (completion.Status == TaskStatus.RanToCompletion) { completion.Result.Dispose(); }
            else { GC.KeepAlive(completion.Exception); }
        }
    }
}
