using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>The model packs: what is there, how large, under which licence; installs and removes them.</summary>
    public sealed class PackList
    {
        private const int MaxName = 64;
        private static readonly PackRow[] None = new PackRow[0];
        private readonly ICommandRunner _runner;
        private readonly Func<SidecarTool> _tool;

        /// <summary>Works through the sidecar that <paramref name="tool"/> finds.</summary>
        public PackList(ICommandRunner runner, Func<SidecarTool> tool)
        {
            _runner = runner;
            _tool = tool;
        }

        /// <summary>The listing, installation or removal under way, or the last one.</summary>
        public Work Work { get; } = new Work();

        /// <summary>The packs as they were listed last.</summary>
        public IReadOnlyList<PackRow> Rows { get; private set; } = None;

        /// <summary>The size of what is installed.</summary>
        public double InstalledBytes
        {
            get
            {
                double sum = 0;
                foreach (PackRow row in Rows) { sum += row.IsInstalled ? row.Bytes : 0; }
                return sum;
            }
        }

        /// <summary>Whether text can be a pack's or group's name; nothing else is handed to a command.</summary>
        public static bool IsName(string text)
        {
            if (string.IsNullOrEmpty(text) || text.Length > MaxName || text[0] == '-') { return false; }
            foreach (char next in text)
            {
                bool plain = (next >= 'a' && next <= 'z') || (next >= '0' && next <= '9') || next == '-' || next == '_' || next == '.';
                if (!plain) { return false; }
            }
            return true;
        }

        /// <summary>Begins a listing; false while other work runs.</summary>
        public bool TryList()
        {
            return Work.TryStart("Listing the models", async cancel =>
            {
                await ListAsync(cancel).ConfigureAwait(false);
                return "";
            });
        }

        /// <summary>Begins to install a pack or a group such as <c>vision</c>; false while other work runs.</summary>
        public bool TryInstall(string name)
        {
            if (!IsName(name)) { return false; }
            return Work.TryStart("Installing " + name, cancel => InstallAsync(name, cancel));
        }

        /// <summary>Begins to remove a pack; false while other work runs.</summary>
        public bool TryRemove(string name)
        {
            if (!IsName(name)) { return false; }
            return Work.TryStart("Removing " + name, cancel => RemoveAsync(name, cancel));
        }

        private async Task ListAsync(CancellationToken cancel)
        {
            CommandResult result = await _runner.RunAsync(_tool().Ask("models", "list", "--json"), null, cancel).ConfigureAwait(false);
            WireValue value;
            if (!result.Succeeded || !JsonFields.TryParse(result.Output, out value))
            {
                throw new WorkFailedException(
                    "The models cannot be listed. Press Install to repair the environment, then try again.", result.LastLines);
            }
            Rows = PackRow.Read(JsonFields.List(value));
        }

        private async Task RefreshAsync(CancellationToken cancel)
        {
            try
            {
                await ListAsync(cancel).ConfigureAwait(false);
            }
            catch (WorkFailedException)
            {
                // What went before is what a person must read.
            }
        }

        private async Task<string> InstallAsync(string name, CancellationToken cancel)
        {
            var progress = new ModelProgress();
            Command command = _tool().Work("models", "install", name, "--yes", "--json");
            CommandResult result = await _runner.RunAsync(command, line => Follow(progress, line), cancel).ConfigureAwait(false);
            await RefreshAsync(cancel).ConfigureAwait(false);
            if (!result.Succeeded)
            {
                string known = progress.Error.Length > 0 ? progress.Error : Mends.Find(result.LastLines);
                throw new WorkFailedException(
                    name + " was not installed. " + (known ?? "Mend what the last lines name.")
                    + " Then press Install: it goes on where it stopped.", result.LastLines);
            }
            return name + " is installed and was checked.";
        }

        private async Task<string> RemoveAsync(string name, CancellationToken cancel)
        {
            CommandResult result = await _runner.RunAsync(_tool().Ask("models", "remove", name), null, cancel).ConfigureAwait(false);
            await RefreshAsync(cancel).ConfigureAwait(false);
            if (!result.Succeeded)
            {
                throw new WorkFailedException(
                    name + " was not removed. Stop the sidecar, which may have it open, then try again.", result.LastLines);
            }
            return name + " was removed.";
        }

        private void Follow(ModelProgress progress, OutputLine line)
        {
            if (progress.TryTake(line.Text)) { Work.Report(progress.Fraction, progress.Text); }
        }
    }
}
