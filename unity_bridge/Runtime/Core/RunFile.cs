using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Vitrine
{
    /// <summary>
    /// Finds the server by run.json; the token leaves this class only after the file and the process were checked.
    /// </summary>
    public static class RunFile
    {
        private const int MaxBytes = 64 * 1024;
        private const string Start = "Start it with: vitrine serve";

        /// <summary>
        /// The user's runtime folder: <c>VITRINE_RUN_DIR</c>, else <c>%LOCALAPPDATA%\vitrine</c>, else
        /// <c>$XDG_RUNTIME_DIR/vitrine</c>, else <c>~/.cache/vitrine</c>.
        /// </summary>
        public static string Folder()
        {
            string chosen = Environment.GetEnvironmentVariable("VITRINE_RUN_DIR");
            if (!string.IsNullOrEmpty(chosen))
            {
                return chosen;
            }
            if (PeerIdentity.IsWindows)
            {
                return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "vitrine");
            }
            string runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
            if (!string.IsNullOrEmpty(runtime))
            {
                return Path.Combine(runtime, "vitrine");
            }
            return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "vitrine");
        }

        /// <summary>
        /// The live server of this user. Throws <see cref="VitrineException"/> (<c>unavailable</c>) when there is no
        /// file, it is broken or not ours alone, its process is gone or another one by now, or its host is not this
        /// machine.
        /// </summary>
        public static VitrineEndpoint Find(string folder = null)
        {
            string path = Path.Combine(folder ?? Folder(), "run.json");
            VitrineEndpoint endpoint;
            try
            {
                if (!File.Exists(path))
                {
                    throw VitrineException.Unavailable("Vitrine is not running. " + Start);
                }
                PeerIdentity.CheckFile(path);
                endpoint = Parse(Read(path));
            }
            catch (IOException error)
            {
                throw VitrineException.Unavailable("run.json cannot be read. " + Start, error);
            }
            catch (UnauthorizedAccessException error)
            {
                throw VitrineException.Unavailable("run.json belongs to another user. " + Start, error);
            }
            catch (FormatException error)
            {
                throw VitrineException.Unavailable("run.json is broken. " + Start, error);
            }
            if (!IsAlive(endpoint))
            {
                throw VitrineException.Unavailable("run.json is left over from a server that is gone. " + Start);
            }
            return endpoint;
        }

        /// <summary>Whether the endpoint's process still runs and is still the same one, of this user.</summary>
        public static bool IsAlive(VitrineEndpoint endpoint)
        {
            return PeerIdentity.IsAlive(endpoint.Pid, endpoint.StartedS);
        }

        /// <summary>Parses the file's text; throws <see cref="FormatException"/>.</summary>
        internal static VitrineEndpoint Parse(string text)
        {
            try
            {
                WireMap map = JsonText.Parse(text).AsMap;
                return new VitrineEndpoint(
                    map["host"].AsString, checked((int)map["port"].AsInt), map["token"].AsString,
                    checked((int)map["pid"].AsInt), map["started"].AsDouble, map["version"].AsString);
            }
            catch (KeyNotFoundException error) { throw new FormatException(error.Message, error); }
            catch (InvalidCastException error) { throw new FormatException(error.Message, error); }
            catch (OverflowException error) { throw new FormatException(error.Message, error); }
            catch (ArgumentException error) { throw new FormatException(error.Message, error); }
        }

        private static string Read(string path)
        {
            using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            {
                if (stream.Length > MaxBytes)
                {
                    throw new FormatException("run.json is too large");
                }
                using (var reader = new StreamReader(stream, Encoding.UTF8))
                {
                    return reader.ReadToEnd();
                }
            }
        }
    }
}
