using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>Takes what a call is answered with; called on the receiving thread, never with a lock held.</summary>
    internal interface ICallSink
    {
        /// <summary>Called before any answer can come.</summary>
        void Opened(Link link, uint id);

        /// <summary>The reply is the sink's to dispose.</summary>
        void OnPart(VitrineReply reply);

        /// <summary>The reply is the sink's to dispose.</summary>
        void OnDone(VitrineReply reply);

        void OnFail(VitrineException error);
    }

    /// <summary>A call that has one answer; parts of it, if any come, are passed over.</summary>
    internal sealed class UnaryCall : TaskCompletionSource<VitrineReply>, ICallSink
    {
        private readonly CancellationToken _cancel;
        private readonly TokenWatch _watch;
        private Link _link;
        private uint _id;

        internal UnaryCall(bool inline, CancellationToken cancel)
            : base(inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously)
        {
            _cancel = cancel;
            _watch = cancel.CanBeCanceled ? new TokenWatch() : null;
        }

        public void Opened(Link link, uint id)
        {
            _link = link;
            _id = id;
        }

        /// <summary>Begins to heed the token; after the call was sent.</summary>
        internal void WatchToken()
        {
            if (_watch != null)
            {
                _watch.Begin(_cancel, OnTokenCancelled, this);
            }
        }

        public void OnPart(VitrineReply reply)
        {
            reply.Dispose();
        }

        public void OnDone(VitrineReply reply)
        {
            Unwatch();
            try
            {
                reply.Detach();
            }
            catch (VitrineException error)
            {
                reply.Dispose();
                TrySetException(error);
                return;
            }
            if (!TrySetResult(reply))
            {
                reply.Dispose();
            }
        }

        public void OnFail(VitrineException error)
        {
            Unwatch();
            if (_cancel.IsCancellationRequested && error.Code == VitrineCodes.Cancelled) { TrySetCanceled(_cancel); }
            else { TrySetException(error); }
        }

        private void Unwatch()
        {
            if (_watch != null)
            {
                _watch.End();
            }
        }

        private static void OnTokenCancelled(object state)
        {
            var call = (UnaryCall)state;
            call._link.Cancel(call._id);
            // Not here: what awaits the task must not run inside the token's callback, which OnDone may wait for.
            ThreadPool.UnsafeQueueUserWorkItem(CompleteCancelled, call);
        }

        private static void CompleteCancelled(object state)
        {
            var call = (UnaryCall)state;
            call.TrySetCanceled(call._cancel);
        }
    }
}
