using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>
    /// Whatever calls can be made on: a bare <see cref="VitrineConnection"/>, or a client that answers on the main
    /// thread. The typed ops (<c>TryOnAsync</c>, <c>SearchAsync</c>...) are extension methods of it.
    /// </summary>
    public interface IVitrineCalls
    {
        /// <summary>
        /// Calls an op that has one answer. Sent before this returns, so arguments may be changed afterwards. The task
        /// ends on any thread: with <see cref="VitrineException"/>, or as cancelled when <paramref name="cancel"/> is.
        /// </summary>
        Task<VitrineReply> CallAsync(
            string op, WireMap arguments = null, CancellationToken cancel = default(CancellationToken),
            CallOptions options = null);

        /// <summary>Opens a call that answers in parts; errors as for <see cref="CallAsync"/>.</summary>
        Task<VitrineStream> OpenAsync(
            string op, WireMap arguments = null, CancellationToken cancel = default(CancellationToken),
            StreamOptions options = null);

        /// <summary>
        /// Hands a result on where the caller wants it: a connection returns <paramref name="work"/> itself, a client
        /// completes the task on the main thread, within the frame's time budget. Errors and cancellation pass through.
        /// </summary>
        Task<T> DeliverAsync<T>(Task<T> work) where T : class;
    }
}
