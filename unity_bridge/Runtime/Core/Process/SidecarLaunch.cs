using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;

namespace Vitrine
{
    /// <summary>From options to what is launched: command, words, variables, folders.</summary>
    internal static class SidecarLaunch
    {
        /// <summary>Throws <see cref="VitrineException"/> that says what to do when there is no command.</summary>
        internal static LaunchRequest Request(ProcessOptions options, string folder)
        {
            string problem = null;
            SidecarCommand command = options.Command ?? SidecarCommand.Find(options.Executable, out problem);
            if (command == null)
            {
                throw new VitrineException(VitrineCodes.NotFound, problem);
            }
            return new LaunchRequest
            {
                Executable = command.Executable,
                Arguments = command.Words(Words(options, folder)),
                Environment = Variables(options),
                // Python finds modules where it stands: not in the application's folder, which may be anyone's.
                WorkFolder = folder,
                LogFile = options.LogFileIn(folder),
            };
        }

        /// <summary>Makes the folders of run.json and of the log, for this user alone.</summary>
        internal static void MakeFolders(LaunchRequest request)
        {
            MakePrivate(request.WorkFolder);
            MakePrivate(Path.GetDirectoryName(request.LogFile));
        }

        internal static string[] Words(ProcessOptions options, string folder)
        {
            int parent = options.ParentPid > 0 ? options.ParentPid : PeerIdentity.OwnPid;
            var words = new List<string> { "serve" };
            words.AddRange(options.Arguments ?? new string[0]);
            if (!options.InstallModels) { words.Add("--no-install"); }
            words.Add("--run-dir");
            words.Add(folder);
            words.Add("--parent-pid");
            words.Add(parent.ToString(CultureInfo.InvariantCulture));
            return words.ToArray();
        }

        private static Dictionary<string, string> Variables(ProcessOptions options)
        {
            var variables = new Dictionary<string, string>(
                PeerIdentity.IsWindows ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
            foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
            {
                variables[(string)variable.Key] = (string)variable.Value;
            }
            // The last words of a process that dies must reach the log, in an encoding that we can read.
            variables["PYTHONUNBUFFERED"] = "1";
            variables["PYTHONIOENCODING"] = "utf-8";
            foreach (KeyValuePair<string, string> variable in options.Environment ?? new Dictionary<string, string>())
            {
                if (variable.Value == null) { variables.Remove(variable.Key); }
                else { variables[variable.Key] = variable.Value; }
            }
            return variables;
        }

        private static void MakePrivate(string folder)
        {
            if (Directory.Exists(folder)) { return; }
            if (PeerIdentity.IsWindows)
            {
                // Below the user's own folder, whose rights are inherited.
                Directory.CreateDirectory(folder);
                return;
            }
            string above = Path.GetDirectoryName(folder);
            if (!string.IsNullOrEmpty(above)) { Directory.CreateDirectory(above); }
            PosixNative.MakeFolder(folder);
        }
    }
}
