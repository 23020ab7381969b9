using System;
using System.IO;

namespace Vitrine.Editor
{
    /// <summary>Which ONNX Runtime the environment gets; exactly one may be in it.</summary>
    public enum InstallFlavour
    {
        /// <summary>any processor</summary>
        Cpu,
        /// <summary>NVIDIA cards</summary>
        Cuda,
        /// <summary>other cards, on Windows</summary>
        DirectMl
    }

    /// <summary>What a person chose to install.</summary>
    public sealed class InstallChoice
    {
        /// <summary>The ONNX Runtime.</summary>
        public InstallFlavour Flavour { get; set; }

        /// <summary>A checkout of the project to install from; null takes the package index.</summary>
        public string Checkout { get; set; }

        /// <summary>A Python to use; null searches for one.</summary>
        public string Python { get; set; }

        /// <summary>The flavour's name as pip knows it.</summary>
        public string Extra
        {
            get { return Flavour == InstallFlavour.DirectMl ? "directml" : Flavour == InstallFlavour.Cuda ? "cuda" : "cpu"; }
        }

        /// <summary>What pip is asked to install.</summary>
        public string Requirement
        {
            get { return (Checkout ?? "vitrine-vr") + "[" + Extra + "]"; }
        }

        /// <summary>The flavour for a graphics card, by its maker's name; DirectML exists on Windows alone.</summary>
        public static InstallFlavour Suggest(string graphicsCard, bool windows)
        {
            if ((graphicsCard ?? "").IndexOf("nvidia", StringComparison.OrdinalIgnoreCase) >= 0) { return InstallFlavour.Cuda; }
            return windows ? InstallFlavour.DirectMl : InstallFlavour.Cpu;
        }

        /// <summary>
        /// The checkout that the package lies in, or null: the folder above it with the project's own pyproject.toml.
        /// </summary>
        public static string CheckoutBeside(string packageFolder)
        {
            if (string.IsNullOrEmpty(packageFolder)) { return null; }
            string above = Path.GetDirectoryName(Path.GetFullPath(packageFolder).TrimEnd('/', '\\'));
            return IsCheckout(above) ? above : null;
        }

        /// <summary>Whether a folder is a checkout of the project.</summary>
        public static bool IsCheckout(string folder)
        {
            if (string.IsNullOrEmpty(folder)) { return false; }
            try
            {
                string file = Path.Combine(folder, "pyproject.toml");
                return File.Exists(file) && File.ReadAllText(file).Contains("name = \"vitrine-vr\"");
            }
            catch (IOException)
            {
                return false;
            }
            catch (UnauthorizedAccessException)
            {
                return false;
            }
            catch (ArgumentException)
            {
                return false;
            }
        }
    }
}
