using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>One start and all who wait for it; any of them may cancel it.</summary>
    internal sealed class PendingStart
    {
        private readonly CancellationTokenSource _cancel = new CancellationTokenSource();
        private readonly TaskCompletionSource<VitrineEndpoint> _source =
            new TaskCompletionSource<VitrineEndpoint>(TaskCreationOptions.RunContinuationsAsynchronously);

        internal CancellationToken Token
        {
            get { return _cancel.Token; }
        }

        internal void Cancel()
        {
            _cancel.Cancel();
        }

        internal Task<VitrineEndpoint> Join(CancellationToken cancel)
        {
            if (cancel.CanBeCanceled)
            {
                CancellationTokenRegistration registration = cancel.Register(Cancel, false);
                _source.Task.ContinueWith(done => registration.Dispose(), TaskContinuationOptions.ExecuteSynchronously);
            }
            return _source.Task;
        }

        /// <summary>False when it does not end in time.</summary>
        internal bool WaitForEnd(int milliseconds)
        {
            return ((IAsyncResult)_source.Task).AsyncWaitHandle.WaitOne(milliseconds);
        }

        internal void Complete(VitrineEndpoint endpoint)
        {
            _source.SetResult(endpoint);
        }

        internal void CompleteCancelled()
        {
            _source.SetCanceled();
        }

        internal void Fail(VitrineException why)
        {
            _source.SetException(why);
            // Nobody may be waiting for it: look at the error once, so that it is not reported as unobserved.
            GC.KeepAlive(_source.Task.Exception);
        }
    }
}
