using System.Collections.Generic;
using System.IO;

namespace Vitrine.Editor
{
    /// <summary>The README's route into a private environment, as steps.</summary>
    public static class InstallPlan
    {
        private const int MinutesMs = 60 * 1000;
        private static readonly string[] Runtimes = { "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml" };

        /// <summary>The environment's interpreter.</summary>
        public static string PythonOf(string folder, bool windows)
        {
            return windows ? Path.Combine(folder, "Scripts", "python.exe") : Path.Combine(folder, "bin", "python");
        }

        /// <summary>The steps, in order.</summary>
        public static IReadOnlyList<InstallStep> Make(
            string folder, PythonChoice python, InstallChoice choice, bool windows, bool clear)
        {
            string inside = PythonOf(folder, windows);
            SidecarTool sidecar = SidecarTool.OfPython(inside);
            var make = new List<string> { "-m", "venv", folder };
            if (clear) { make.Insert(2, "--clear"); }
            Command venv = Long(python.File, 5, make.ToArray());
            Command package = Pip(
                inside, 40, "install", "--progress-bar", "off", "--upgrade-strategy", "only-if-needed", choice.Requirement);
            Command models = sidecar.Work("models", "install", "vision", "--yes", "--json");
            return new[]
            {
                new InstallStep("environment", "Making the Python environment", 5, python.Version, venv),
                new InstallStep(
                    "runtime", "Removing other ONNX Runtimes", 2, choice.Extra, Pip(inside, 5, Others(choice.Flavour))),
                new InstallStep("package", "Installing Vitrine and its packages", 50, choice.Requirement, package),
                new InstallStep("check", "Checking the command line", 3, choice.Requirement, sidecar.Ask("--version")),
                new InstallStep("models", "Installing the vision models", 40, "vision", models)
                {
                    Progress = () => new ModelLines()
                }
            };
        }

        private static string[] Others(InstallFlavour keep)
        {
            var arguments = new List<string> { "uninstall", "-y" };
            for (int i = 0; i < Runtimes.Length; i++)
            {
                if (i != (int)keep) { arguments.Add(Runtimes[i]); }
            }
            return arguments.ToArray();
        }

        private static Command Pip(string python, int minutes, params string[] arguments)
        {
            var all = new List<string> { "-m", "pip", "--disable-pip-version-check", "--no-input" };
            all.AddRange(arguments);
            return Long(python, minutes, all.ToArray());
        }

        private static Command Long(string file, int minutes, params string[] arguments)
        {
            return new Command(file, arguments) { TimeoutMs = minutes * MinutesMs };
        }

        private sealed class ModelLines : ILineProgress
        {
            private readonly ModelProgress _progress = new ModelProgress();

            public double Fraction
            {
                get { return _progress.Fraction; }
            }

            public string Text
            {
                get { return _progress.Text; }
            }

            public string Error
            {
                get { return _progress.Error; }
            }

            public void Take(string line)
            {
                _progress.TryTake(line);
            }
        }
    }
}
