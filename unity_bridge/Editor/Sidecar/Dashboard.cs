using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>
    /// Gets the link of the dashboard from the sidecar's command line: it carries a ticket that opens one page. Without
    /// a ticket the page itself is opened, which asks for one.
    /// </summary>
    public sealed class Dashboard
    {
        private readonly ICommandRunner _runner;
        private readonly Func<SidecarTool> _tool;
        private readonly Func<ProcessOptions> _options;
        private string _link;

        /// <summary>Asks the sidecar that <paramref name="tool"/> finds.</summary>
        public Dashboard(ICommandRunner runner, Func<SidecarTool> tool, Func<ProcessOptions> options)
        {
            _runner = runner;
            _tool = tool;
            _options = options;
        }

        /// <summary>The asking under way, or the last one.</summary>
        public Work Work { get; } = new Work();

        /// <summary>Begins to get a link; false while one is got.</summary>
        public bool TryOpen()
        {
            return Work.TryStart("Opening the dashboard", AskAsync);
        }

        /// <summary>The link, once: it is good for one page and a minute.</summary>
        public bool TryTakeLink(out string link)
        {
            link = Interlocked.Exchange(ref _link, null);
            return link != null;
        }

        private async Task<string> AskAsync(CancellationToken cancel)
        {
            string folder = _options().RunFolder;
            string page = Page(Find(folder));
            string said = await RunAsync(folder, cancel).ConfigureAwait(false);
            // Nothing but a page of that very server is opened, whatever the program printed.
            bool isTicket = said.StartsWith(page + "#ticket=", StringComparison.Ordinal) && said.IndexOf('\n') < 0;
            Volatile.Write(ref _link, isTicket ? said : page);
            return isTicket ? "" : "The dashboard was opened without a ticket: this sidecar gives none.";
        }

        private async Task<string> RunAsync(string folder, CancellationToken cancel)
        {
            try
            {
                Command command = string.IsNullOrEmpty(folder)
                    ? _tool().Ask("dashboard", "--print")
                    : _tool().Ask("dashboard", "--print", "--run-dir", folder);
                CommandResult result = await _runner.RunAsync(command, null, cancel).ConfigureAwait(false);
                return result.Succeeded ? result.Output.Trim() : "";
            }
            catch (WorkFailedException)
            {
                return ""; // a server runs whose command line is not on this machine
            }
        }

        private static VitrineEndpoint Find(string folder)
        {
            try
            {
                return RunFile.Find(folder);
            }
            catch (VitrineException error)
            {
                throw new WorkFailedException(error.Message);
            }
        }

        private static string Page(VitrineEndpoint endpoint)
        {
            string address = endpoint.Address.ToString();
            string host = address.IndexOf(':') >= 0 ? "[" + address + "]" : address;
            return "http://" + host + ":" + endpoint.Port + "/";
        }
    }
}
