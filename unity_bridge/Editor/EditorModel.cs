using System;
using System.Collections.Generic;

namespace Vitrine.Editor
{
    /// <summary>All that the window shows and does, with nothing of Unity in it: the views only draw this.</summary>
    public sealed class EditorModel : IDisposable
    {
        private readonly LiveLink _link;

        /// <summary>Builds the parts over a runner of programs and over what the project's settings say.</summary>
        public EditorModel(
            ICommandRunner runner, PythonFinder finder, EditorPlaces places, IProcessMemory memory,
            Func<IReadOnlyList<Figure>> game, IVitrineClock clock)
        {
            Places = places;
            Installer = new EnvironmentInstaller(runner, finder, places.EnvironmentFolder, places.IsWindows);
            Doctor = new Doctor(runner, FindTool);
            Packs = new PackList(runner, FindTool);
            Control = new SidecarControl(places.ProcessOptions, memory, clock);
            Dashboard = new Dashboard(runner, FindTool, places.ProcessOptions);
            _link = new LiveLink(() => places.ProcessOptions().RunFolder);
            Live = new LatencyPanelModel(() => _link.Calls, game, clock);
        }

        /// <summary>Where things are on this machine.</summary>
        public EditorPlaces Places { get; }

        /// <summary>Installs the sidecar.</summary>
        public EnvironmentInstaller Installer { get; }

        /// <summary>Examines the machine.</summary>
        public Doctor Doctor { get; }

        /// <summary>The model packs.</summary>
        public PackList Packs { get; }

        /// <summary>Starts and stops the sidecar.</summary>
        public SidecarControl Control { get; }

        /// <summary>Opens the dashboard.</summary>
        public Dashboard Dashboard { get; }

        /// <summary>Live figures.</summary>
        public LatencyPanelModel Live { get; }

        /// <summary>Whether long work runs that a script reload would break off.</summary>
        public bool IsWorking
        {
            get { return Installer.Work.IsRunning || Packs.Work.IsRunning || Doctor.Work.IsRunning; }
        }

        /// <summary>Why nothing may be installed now; empty when it may.</summary>
        public string InstallBlock
        {
            get
            {
                if (Packs.Work.IsRunning) { return "Models are being installed or removed. Wait until that is done."; }
                bool ours = Control.State == ProcessState.Running || Control.State == ProcessState.Starting;
                return ours ? "The sidecar uses the environment. Stop it under Sidecar first." : "";
            }
        }

        /// <summary>Somebody looks at the live figures, or no longer does.</summary>
        public void Look(bool looking)
        {
            if (looking) { _link.Open(); }
            else { _link.Close(); }
        }

        /// <summary>The text of a bug report.</summary>
        public string Diagnose(IReadOnlyList<Figure> host, Redactor redactor)
        {
            return Diagnostics.Write(host, Control, Doctor, Installer, Live, redactor);
        }

        /// <summary>
        /// Before a script reload: ends long work (it goes on from there when it is begun again), closes the
        /// connection, lets go of the sidecar.
        /// </summary>
        public void BeforeReload()
        {
            CancelWork();
            _link.Close();
            Control.LetGo();
        }

        /// <summary>The Editor quits: ends long work and our sidecar.</summary>
        public void Dispose()
        {
            CancelWork();
            _link.Dispose();
            Control.Dispose();
        }

        private void CancelWork()
        {
            foreach (Work work in new[] { Installer.Work, Packs.Work, Doctor.Work, Dashboard.Work })
            {
                work.Cancel();
                work.Finished.Wait(Places.CancelMs);
            }
        }

        private SidecarTool FindTool()
        {
            return SidecarTool.Find(Places.ProcessOptions().Executable);
        }
    }

    /// <summary>Where things are on this machine, and what the settings say of the sidecar.</summary>
    public sealed class EditorPlaces
    {
        /// <summary>The folder of the private environment.</summary>
        public string EnvironmentFolder { get; set; } = SidecarCommand.EnvironmentFolder;

        /// <summary>Whether this is Windows.</summary>
        public bool IsWindows { get; set; } = System.IO.Path.DirectorySeparatorChar == '\\';

        /// <summary>How the sidecar is found and started, read anew each time; from any thread.</summary>
        public Func<ProcessOptions> ProcessOptions { get; set; } = () => new ProcessOptions();

        /// <summary>Milliseconds that a script reload waits for programs to end.</summary>
        public int CancelMs { get; set; } = 6000;
    }
}
