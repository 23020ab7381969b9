using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>The ops <c>user.*</c>: what is kept of the person whose profile is connected.</summary>
    public static class UserOps
    {
        private static readonly Op<OpAnswer> ExportOp = new Op<OpAnswer>("user.export", OpAnswer.Read);
        private static readonly Op<OpAnswer> EraseOp = new Op<OpAnswer>("user.erase", OpAnswer.Read);

        /// <summary>Everything that is kept of this profile.</summary>
        public static Task<OpAnswer> ExportUserAsync(
            this IVitrineCalls calls, CancellationToken cancel = default(CancellationToken))
        {
            return ExportOp.CallAsync(calls, null, cancel);
        }

        /// <summary>Removes everything that is kept of this profile; answers what the server verified.</summary>
        public static Task<OpAnswer> EraseUserAsync(
            this IVitrineCalls calls, CancellationToken cancel = default(CancellationToken))
        {
            return EraseOp.CallAsync(calls, null, cancel);
        }
    }
}
