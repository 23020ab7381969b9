using System.Collections.Generic;

namespace Vitrine.Editor
{
    /// <summary>A model pack on this machine, as the sidecar lists it.</summary>
    public sealed class PackRow
    {
        /// <summary>Makes a row.</summary>
        public PackRow(string name, string state, double bytes, string licence, string provider)
        {
            Name = name;
            State = state;
            Bytes = bytes;
            Licence = licence;
            Provider = provider;
        }

        /// <summary>The pack's name.</summary>
        public string Name { get; }

        /// <summary><c>installed</c>, <c>missing</c> or <c>corrupt</c>.</summary>
        public string State { get; }

        /// <summary>Its size on the disk, or what it would be.</summary>
        public double Bytes { get; }

        /// <summary>The licence of its weights.</summary>
        public string Licence { get; }

        /// <summary>The execution provider that it was seen to run on; empty where it was not run.</summary>
        public string Provider { get; }

        /// <summary>Whether it can be used.</summary>
        public bool IsInstalled
        {
            get { return State == "installed"; }
        }

        /// <summary>The rows of a list of the sidecar's.</summary>
        internal static IReadOnlyList<PackRow> Read(IReadOnlyList<WireValue> values)
        {
            var rows = new List<PackRow>();
            foreach (WireValue value in values)
            {
                WireMap map = JsonFields.Map(value);
                string name = JsonFields.Text(map, "name");
                if (name.Length == 0) { continue; }
                rows.Add(new PackRow(
                    name, JsonFields.Text(map, "state"), JsonFields.Number(map, "bytes"),
                    JsonFields.Text(map, "licence"), JsonFields.Text(map, "provider")));
            }
            return rows;
        }
    }

    /// <summary>Something that the doctor found wrong.</summary>
    public sealed class DoctorProblem
    {
        private const string InstallCommand = "vitrine models install ";

        /// <summary>Makes a problem.</summary>
        public DoctorProblem(string what, string mend)
        {
            What = what;
            Mend = mend;
            bool isModel = mend.StartsWith(InstallCommand, System.StringComparison.Ordinal);
            string name = isModel ? mend.Substring(InstallCommand.Length).Trim() : "";
            Pack = PackList.IsName(name) ? name : "";
        }

        /// <summary>What is wrong.</summary>
        public string What { get; }

        /// <summary>The command that mends it.</summary>
        public string Mend { get; }

        /// <summary>The model pack whose installation mends it; empty where a button cannot.</summary>
        public string Pack { get; }
    }

    /// <summary>The verdict of <c>vitrine doctor</c>.</summary>
    public sealed class DoctorReport
    {
        private DoctorReport(WireMap map)
        {
            Version = JsonFields.Text(map, "version");
            Python = JsonFields.Text(map, "python");
            Run = JsonFields.Text(map, "run");
            FreeBytes = JsonFields.Number(map, "disk_free_bytes");
            Packs = PackRow.Read(JsonFields.List(map, "models"));
            Providers = Texts(JsonFields.List(map, "providers"));
            Runtimes = Pairs(map, "onnxruntime");
            Problems = ReadProblems(JsonFields.List(map, "problems"));
        }

        /// <summary>The sidecar's version.</summary>
        public string Version { get; }

        /// <summary>The Python and the system that it runs on.</summary>
        public string Python { get; }

        /// <summary>Whether a server runs, in words.</summary>
        public string Run { get; }

        /// <summary>Free bytes on the disk of the models.</summary>
        public double FreeBytes { get; }

        /// <summary>The execution providers that a model really ran on.</summary>
        public IReadOnlyList<string> Providers { get; }

        /// <summary>The ONNX Runtimes that are installed, with versions.</summary>
        public IReadOnlyList<string> Runtimes { get; }

        /// <summary>The model packs.</summary>
        public IReadOnlyList<PackRow> Packs { get; }

        /// <summary>What is wrong; empty when all is well.</summary>
        public IReadOnlyList<DoctorProblem> Problems { get; }

        /// <summary>Whether the sidecar can serve.</summary>
        public bool IsHealthy
        {
            get { return Problems.Count == 0; }
        }

        /// <summary>The provider in words.</summary>
        public string ProviderText
        {
            get { return Providers.Count == 0 ? "nothing yet" : string.Join(", ", Providers); }
        }

        /// <summary>Packs that can be used.</summary>
        public int Installed
        {
            get
            {
                int count = 0;
                foreach (PackRow row in Packs) { count += row.IsInstalled ? 1 : 0; }
                return count;
            }
        }

        /// <summary>Reads the output of <c>doctor --json</c>; false when it is none.</summary>
        public static bool TryParse(string output, out DoctorReport report)
        {
            WireValue value;
            report = null;
            if (!JsonFields.TryParse(output, out value) || value.Kind != WireKind.Map) { return false; }
            WireValue version;
            if (!value.AsMap.TryGet("version", out version)) { return false; }
            report = new DoctorReport(value.AsMap);
            return true;
        }

        private static IReadOnlyList<string> Texts(IReadOnlyList<WireValue> values)
        {
            var texts = new List<string>();
            foreach (WireValue value in values)
            {
                if (value.Kind == WireKind.String) { texts.Add(value.AsString); }
            }
            return texts;
        }

        private static IReadOnlyList<string> Pairs(WireMap map, string key)
        {
            var texts = new List<string>();
            WireValue value;
            if (!map.TryGet(key, out value)) { return texts; }
            foreach (KeyValuePair<string, WireValue> pair in JsonFields.Map(value))
            {
                texts.Add(pair.Value.Kind == WireKind.String ? pair.Key + " " + pair.Value.AsString : pair.Key);
            }
            return texts;
        }

        private static IReadOnlyList<DoctorProblem> ReadProblems(IReadOnlyList<WireValue> values)
        {
            var problems = new List<DoctorProblem>();
            foreach (WireValue value in values)
            {
                WireMap map = JsonFields.Map(value);
                string what = JsonFields.Text(map, "what");
                if (what.Length > 0) { problems.Add(new DoctorProblem(what, JsonFields.Text(map, "mend"))); }
            }
            return problems;
        }
    }
}
