using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>Runs <c>vitrine doctor</c> and keeps its verdict.</summary>
    public sealed class Doctor
    {
        private readonly ICommandRunner _runner;
        private readonly Func<SidecarTool> _tool;

        /// <summary>
        /// Asks the sidecar that <paramref name="tool"/> finds; it throws <see cref="WorkFailedException"/> when there
        /// is none.
        /// </summary>
        public Doctor(ICommandRunner runner, Func<SidecarTool> tool)
        {
            _runner = runner;
            _tool = tool;
        }

        /// <summary>The examination under way, or the last one.</summary>
        public Work Work { get; } = new Work();

        /// <summary>The last verdict; null before the first.</summary>
        public DoctorReport Report { get; private set; }

        /// <summary>Begins an examination; false while one runs.</summary>
        public bool TryStart()
        {
            return Work.TryStart("Examining this machine", ExamineAsync);
        }

        private async Task<string> ExamineAsync(CancellationToken cancel)
        {
            CommandResult result = await _runner.RunAsync(_tool().Ask("doctor", "--json"), null, cancel).ConfigureAwait(false);
            DoctorReport report;
            // Exit code 1 is a verdict too: the problems are in it.
            if (result.TimedOut || !DoctorReport.TryParse(result.Output, out report))
            {
                throw new WorkFailedException(
                    result.TimedOut
                        ? "The examination took too long and was stopped. Close programs that use the GPU, then try again."
                        : "The sidecar gave no verdict. Press Install to repair its environment, then examine again.",
                    result.LastLines);
            }
            Report = report;
            return report.IsHealthy ? "Everything that Vitrine needs is here." : "There is something to mend.";
        }
    }
}
