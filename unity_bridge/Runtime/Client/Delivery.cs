using System;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>
    /// Completes on the main thread what was worked out on another, so that the code which awaits it goes on within the
    /// frame's budget.
    /// </summary>
    internal sealed class Delivery<T> : TaskCompletionSource<T> where T : class
    {
        private static readonly Action<object> Hand = HandOver;

        private readonly MainThreadQueue _queue;
        private readonly Task<T> _work;

        private Delivery(MainThreadQueue queue, Task<T> work)
        {
            _queue = queue;
            _work = work;
        }

        internal static Task<T> Of(MainThreadQueue queue, Task<T> work)
        {
            var delivery = new Delivery<T>(queue, work);
            work.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(delivery.OnWorked);
            return delivery.Task;
        }

        // With too much waiting, or once the client is closed, it is completed here: what awaits on the main thread still
        // goes on there, by Unity's own queue, only outside of the budget.
        private void OnWorked()
        {
            if (!_queue.TryPost(Hand, this)) { HandOver(this); }
        }

        private static void HandOver(object state)
        {
            var delivery = (Delivery<T>)state;
            Task<T> work = delivery._work;
            if (work.Status == TaskStatus.RanToCompletion)
            {
                delivery.TrySetResult(work.Result);
            }
            else if (work.IsFaulted)
            {
                delivery.TrySetException(work.Exception.InnerExceptions);
            }
            else
            {
                delivery.SetCancelled();
            }
        }

        private void SetCancelled()
        {
            try
            {
                _work.GetAwaiter().GetResult();
            }
            catch (OperationCanceledException error)
            {
                TrySetCanceled(error.CancellationToken);
            }
        }
    }
}
