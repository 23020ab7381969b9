using System;
using System.Collections.Generic;
using System.IO;

namespace Vitrine.Editor
{
    /// <summary>What the settings say of themselves: contradictions and traps, each with what to do.</summary>
    public static class SettingsAdvice
    {
        /// <summary>Sentences for what looks wrong; empty when nothing does.</summary>
        public static IReadOnlyList<string> Of(VitrineSettings settings, Func<string, bool> isFile)
        {
            var found = new List<string>();
            string program = settings.Executable.Trim();
            if (program.Length > 0 && Path.IsPathRooted(program) && !isFile(program))
            {
                found.Add("The program does not exist on this machine. Correct the path, or leave the field empty: then "
                    + "the environment that Window > Vitrine installs is used.");
            }
            if (program.Length > 0 && Path.IsPathRooted(program) && isFile(program))
            {
                found.Add("The path holds for this machine alone. Leave the field empty if others share the project.");
            }
            if (settings.ProfileId.Trim().Length > 0 && !settings.ProfileConsent)
            {
                found.Add("A profile without consent is not used: the session stays anonymous. Ask the person, then tick "
                    + "Profile Consent, or clear the profile.");
            }
            if (settings.ProfileConsent && settings.ProfileId.Trim().Length == 0)
            {
                found.Add("Consent without a profile does nothing. Name the profile, or untick Profile Consent.");
            }
            if (!settings.UseSharedMemory)
            {
                found.Add("Without shared memory every picture goes through the socket, which costs several milliseconds "
                    + "a frame. Turn it on unless you look for a fault.");
            }
            if (settings.MainThreadBudgetMs > 2)
            {
                found.Add("More than 2 ms a frame for answers can cost frames at 90 Hz. 0.5 ms suits most scenes.");
            }
            if (!settings.StartSidecar)
            {
                found.Add("Players do not start the sidecar: whoever runs them must start it.");
            }
            return found;
        }
    }
}
