using System.Collections.Generic;
using System.Text;

namespace Vitrine.Editor
{
    /// <summary>The text of a bug report: what runs where, and what went wrong, with nothing of a person in it.</summary>
    public static class Diagnostics
    {
        /// <summary>Puts the report together; every part may be missing.</summary>
        public static string Write(
            IReadOnlyList<Figure> host, SidecarControl control, Doctor doctor, EnvironmentInstaller installer,
            LatencyPanelModel live, Redactor redactor)
        {
            var text = new StringBuilder("Vitrine diagnostics\n");
            Append(text, "Editor", host);
            text.Append("\nSidecar\n  state: ").Append(control.Text).Append('\n');
            if (control.Problem.Length > 0) { text.Append("  problem: ").Append(control.Problem).Append('\n'); }
            Append(text, doctor);
            Append(text, "Installation", installer.Work);
            Append(text, "Game", live.Game);
            Append(text, "Server", live.Server);
            return redactor.Clean(text.ToString());
        }

        private static void Append(StringBuilder text, Doctor doctor)
        {
            DoctorReport report = doctor.Report;
            Append(text, "Examination", doctor.Work);
            if (report == null) { return; }
            text.Append("  version: ").Append(report.Version).Append("\n  python: ").Append(report.Python)
                .Append("\n  runtimes: ").Append(string.Join(", ", report.Runtimes))
                .Append("\n  really runs on: ").Append(report.ProviderText)
                .Append("\n  free disk: ").Append(Sizes.Of(report.FreeBytes)).Append('\n');
            foreach (PackRow row in report.Packs)
            {
                text.Append("  model ").Append(row.Name).Append(": ").Append(row.State).Append(", ").Append(Sizes.Of(row.Bytes));
                text.Append(row.Provider.Length > 0 ? ", ran on " + row.Provider + "\n" : "\n");
            }
            foreach (DoctorProblem problem in report.Problems)
            {
                text.Append("  problem: ").Append(problem.What).Append("\n    mend: ").Append(problem.Mend).Append('\n');
            }
        }

        private static void Append(StringBuilder text, string title, Work work)
        {
            if (work.State == WorkState.Idle) { return; }
            text.Append('\n').Append(title).Append("\n  state: ").Append(work.State).Append(", ").Append(work.Text).Append('\n');
            if (work.Problem.Length > 0) { text.Append("  problem: ").Append(work.Problem).Append('\n'); }
            foreach (string line in work.LastLines) { text.Append("  | ").Append(line).Append('\n'); }
        }

        private static void Append(StringBuilder text, string title, IReadOnlyList<Figure> figures)
        {
            if (figures.Count == 0) { return; }
            text.Append('\n').Append(title).Append('\n');
            foreach (Figure figure in figures)
            {
                text.Append("  ").Append(figure.Name).Append(": ").Append(figure.Value).Append('\n');
            }
        }
    }
}
