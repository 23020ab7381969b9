using System;
using System.Globalization;

namespace Vitrine
{
    /// <summary>
    /// What is kept over a reload of the scripts: who launched what, as one line of text. Handles mean something only in
    /// the process that launched, hence its own number and start stand there too.
    /// </summary>
    internal sealed class ProcessRecord
    {
        private const string Mark = "vitrine-process-1";
        private const int Fields = 8;

        internal int OwnerPid { get; set; }

        internal double OwnerStartedS { get; set; }

        internal int Pid { get; set; }

        internal double StartedS { get; set; }

        internal long ProcessHandle { get; set; }

        internal long JobHandle { get; set; }

        /// <summary>The folder of the server's run.json.</summary>
        internal string RunFolder { get; set; }

        /// <summary>Whether this very process wrote the record.</summary>
        internal bool IsOfThisProcess
        {
            get { return OwnerPid == PeerIdentity.OwnPid && PeerIdentity.IsAlive(OwnerPid, OwnerStartedS); }
        }

        internal static ProcessRecord Of(IChildProcess child, string runFolder)
        {
            double startedS;
            PeerIdentity.TryGetStart(PeerIdentity.OwnPid, out startedS);
            return new ProcessRecord
            {
                OwnerPid = PeerIdentity.OwnPid,
                OwnerStartedS = startedS,
                Pid = child.Pid,
                StartedS = child.StartedS,
                ProcessHandle = child.ProcessHandle,
                JobHandle = child.JobHandle,
                RunFolder = runFolder,
            };
        }

        internal string ToText()
        {
            return string.Format(
                CultureInfo.InvariantCulture, "{0} {1} {2:R} {3} {4:R} {5} {6} {7}",
                Mark, OwnerPid, OwnerStartedS, Pid, StartedS, ProcessHandle, JobHandle, RunFolder);
        }

        /// <summary>Null for a text that is not a record.</summary>
        internal static ProcessRecord Parse(string text)
        {
            string[] parts = (text ?? "").Split(new[] { ' ' }, Fields);
            int ownerPid, pid;
            double ownerStartedS, startedS;
            long process, job;
            if (parts.Length != Fields || parts[0] != Mark || parts[7].Length == 0
                || !TryInt(parts[1], out ownerPid) || !TryDouble(parts[2], out ownerStartedS)
                || !TryInt(parts[3], out pid) || !TryDouble(parts[4], out startedS)
                || !TryLong(parts[5], out process) || !TryLong(parts[6], out job))
            {
                return null;
            }
            return new ProcessRecord
            {
                OwnerPid = ownerPid,
                OwnerStartedS = ownerStartedS,
                Pid = pid,
                StartedS = startedS,
                ProcessHandle = process,
                JobHandle = job,
                RunFolder = parts[7],
            };
        }

        private static bool TryInt(string text, out int value)
        {
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        }

        private static bool TryLong(string text, out long value)
        {
            return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
        }

        private static bool TryDouble(string text, out double value)
        {
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
        }
    }
}
