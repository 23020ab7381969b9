using System;
using System.Collections.Generic;
using System.IO;

namespace Vitrine.Editor
{
    /// <summary>
    /// Which steps are done, in a small file inside the environment: an installation that was stopped goes on from
    /// there, and deleting the folder forgets all.
    /// </summary>
    public sealed class InstallRecord
    {
        private const string FileName = "vitrine-install.txt";
        private const string Complete = "complete";
        private const int MaxBytes = 64 * 1024;
        private readonly string _path;
        private readonly Dictionary<string, string> _done = new Dictionary<string, string>();

        private InstallRecord(string path)
        {
            _path = path;
        }

        /// <summary>Whether every step of an installation was done.</summary>
        public bool IsComplete
        {
            get { return _done.ContainsKey(Complete); }
        }

        /// <summary>Whether an installation began and was not finished.</summary>
        public bool IsPartial
        {
            get { return _done.Count > 0 && !IsComplete; }
        }

        /// <summary>Reads the record of an environment; a broken or missing one is empty.</summary>
        public static InstallRecord Load(string folder)
        {
            var record = new InstallRecord(Path.Combine(folder, FileName));
            try
            {
                var file = new FileInfo(record._path);
                if (!file.Exists || file.Length > MaxBytes) { return record; }
                foreach (string line in File.ReadAllLines(record._path))
                {
                    int equals = line.IndexOf('=');
                    if (equals > 0) { record._done[line.Substring(0, equals)] = line.Substring(equals + 1); }
                }
            }
            catch (IOException)
            {
                // Steps are then done again, which does no harm.
            }
            catch (UnauthorizedAccessException)
            {
                // The same.
            }
            return record;
        }

        /// <summary>Whether a step was done with the same key.</summary>
        public bool Has(InstallStep step)
        {
            string key;
            return _done.TryGetValue(step.Id, out key) && key == step.Key;
        }

        /// <summary>Notes that a step is done.</summary>
        public void Add(InstallStep step)
        {
            _done[step.Id] = step.Key;
            Save();
        }

        /// <summary>Notes that all steps are done.</summary>
        public void Finish()
        {
            _done[Complete] = "yes";
            Save();
        }

        /// <summary>Forgets steps, so that they are done again.</summary>
        public void Forget(params string[] ids)
        {
            _done.Remove(Complete);
            foreach (string id in ids) { _done.Remove(id); }
            if (Directory.Exists(Path.GetDirectoryName(_path))) { Save(); }
        }

        private void Save()
        {
            var lines = new List<string>();
            foreach (KeyValuePair<string, string> pair in _done) { lines.Add(pair.Key + "=" + pair.Value); }
            File.WriteAllLines(_path, lines.ToArray());
        }
    }
}
