using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>
    /// Installs the sidecar into a private Python environment: finds a Python, then does the steps of
    /// <see cref="InstallPlan"/>, each once. Stopped or failed, it goes on where it was.
    /// </summary>
    public sealed class EnvironmentInstaller
    {
        private const double SearchWeight = 2;
        private readonly ICommandRunner _runner;
        private readonly PythonFinder _finder;
        private readonly string _folder;
        private readonly bool _windows;

        /// <summary>Installs into <paramref name="folder"/>, which belongs to Vitrine alone.</summary>
        public EnvironmentInstaller(ICommandRunner runner, PythonFinder finder, string folder, bool windows)
        {
            _runner = runner;
            _finder = finder;
            _folder = folder;
            _windows = windows;
        }

        /// <summary>The installation under way, or the last one.</summary>
        public Work Work { get; } = new Work();

        /// <summary>The environment's interpreter; it may not be there yet.</summary>
        public string Python
        {
            get { return InstallPlan.PythonOf(_folder, _windows); }
        }

        /// <summary>Whether an installation was completed and its interpreter is still there.</summary>
        public bool IsInstalled
        {
            get { return File.Exists(Python) && InstallRecord.Load(_folder).IsComplete; }
        }

        /// <summary>Whether an installation was begun and not completed.</summary>
        public bool IsPartial
        {
            get { return InstallRecord.Load(_folder).IsPartial; }
        }

        /// <summary>Begins, or goes on; a complete installation is brought up to date. False while one runs.</summary>
        public bool TryStart(InstallChoice choice)
        {
            return Work.TryStart("Looking for Python", cancel => InstallAsync(choice, cancel));
        }

        private async Task<string> InstallAsync(InstallChoice choice, CancellationToken cancel)
        {
            Check(choice);
            PythonChoice python = await _finder.FindAsync(choice.Python, cancel).ConfigureAwait(false);
            InstallRecord record = InstallRecord.Load(_folder);
            if (record.IsComplete) { record.Forget("runtime", "package", "check", "models"); }
            IReadOnlyList<InstallStep> steps = InstallPlan.Make(_folder, python, choice, _windows, MayClear());
            double whole = SearchWeight;
            foreach (InstallStep step in steps) { whole += step.Weight; }
            double before = SearchWeight;
            bool again = false;
            for (int i = 0; i < steps.Count; i++)
            {
                InstallStep step = steps[i];
                if (!again && (!record.Has(step) || !File.Exists(Python)))
                {
                    // What stands on a step that is done anew is done anew too, even if this run ends before it.
                    again = true;
                    for (int j = i; j < steps.Count; j++) { record.Forget(steps[j].Id); }
                }
                if (again)
                {
                    await RunAsync(step, before / whole, step.Weight / whole, cancel).ConfigureAwait(false);
                    record.Add(step);
                }
                before += step.Weight;
            }
            record.Finish();
            return "Installed with Python " + python.Version + " and ONNX Runtime for " + choice.Extra + ".";
        }

        private static void Check(InstallChoice choice)
        {
            if (choice.Checkout != null && !InstallChoice.IsCheckout(choice.Checkout))
            {
                throw new WorkFailedException(
                    "The chosen folder is no checkout of the project: its pyproject.toml does not name vitrine-vr. "
                    + "Choose another, or clear the field to install from the package index.");
            }
        }

        /// <summary>An environment may be made over; anything else in its place is somebody's own.</summary>
        private bool MayClear()
        {
            if (!Directory.Exists(_folder)) { return false; }
            if (File.Exists(Path.Combine(_folder, "pyvenv.cfg"))) { return true; }
            if (Directory.GetFileSystemEntries(_folder).Length == 0) { return false; }
            throw new WorkFailedException(
                "The folder of the environment holds something else, which Vitrine does not delete: " + _folder
                + ". Move it away, then press Install again.");
        }

        private async Task RunAsync(InstallStep step, double before, double share, CancellationToken cancel)
        {
            ILineProgress progress = step.Progress();
            Work.Report(before, step.Title);
            CommandResult result = await _runner.RunAsync(step.Command, line => Follow(step, progress, line, before, share), cancel)
                .ConfigureAwait(false);
            if (!result.Succeeded)
            {
                throw new WorkFailedException(Mends.Of(step.Title, result, progress.Error), result.LastLines);
            }
            Work.Report(before + share, step.Title);
        }

        private void Follow(InstallStep step, ILineProgress progress, OutputLine line, double before, double share)
        {
            progress.Take(line.Text);
            string text = progress.Text.Length > 0 ? step.Title + ": " + progress.Text : step.Title;
            Work.Report(before + share * progress.Fraction, text);
        }
    }
}
