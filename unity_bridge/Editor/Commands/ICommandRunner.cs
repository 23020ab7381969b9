using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>Runs programs; the tests have one that plays scripts.</summary>
    public interface ICommandRunner
    {
        /// <summary>
        /// Runs a program to its end. <paramref name="line"/> gets every line as it comes, from any thread, one at a
        /// time. Cancelling ends the program and all that it started, then the task as cancelled. Throws
        /// <see cref="WorkFailedException"/> when the program cannot be started.
        /// </summary>
        Task<CommandResult> RunAsync(Command command, Action<OutputLine> line, CancellationToken cancel);
    }
}
