using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>Options for typed ops.</summary>
    public static class VitrineCallsExtensions
    {
        /// <summary>
        /// The same calls with a budget, priority or key: <c>client.With(new CallOptions { BudgetMs = 50
        /// }).TryOnAsync(...)</c>. Options given with a call itself win.
        /// </summary>
        public static IVitrineCalls With(this IVitrineCalls calls, CallOptions options)
        {
            if (calls == null) { throw new ArgumentNullException(nameof(calls)); }
            if (options == null) { throw new ArgumentNullException(nameof(options)); }
            return new CallsWithOptions(calls, options);
        }

        private sealed class CallsWithOptions : IVitrineCalls
        {
            private readonly IVitrineCalls _calls;
            private readonly CallOptions _options;

            internal CallsWithOptions(IVitrineCalls calls, CallOptions options)
            {
                _calls = calls;
                _options = options;
            }

            public Task<VitrineReply> CallAsync(
                string op, WireMap arguments, CancellationToken cancel, CallOptions options)
            {
                return _calls.CallAsync(op, arguments, cancel, options ?? _options);
            }

            public Task<VitrineStream> OpenAsync(
                string op, WireMap arguments, CancellationToken cancel, StreamOptions options)
            {
                StreamOptions given = options ?? new StreamOptions();
                var stream = new StreamOptions
                {
                    PartReceived = given.PartReceived,
                    QueueParts = given.QueueParts,
                    DropOldest = given.DropOldest,
                    Call = given.Call ?? _options,
                };
                return _calls.OpenAsync(op, arguments, cancel, stream);
            }

            public Task<T> DeliverAsync<T>(Task<T> work) where T : class
            {
                return _calls.DeliverAsync(work);
            }
        }
    }
}
