using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Vitrine
{
    /// <summary>The last words of a log, fit to be shown.</summary>
    internal static class LogTail
    {
        private const int Bytes = 8192;
        private const int Lines = 8;
        private const int LineLength = 240;

        /// <summary>At most eight lines, the home folder as ~; empty when there is nothing to read.</summary>
        internal static string Read(string path)
        {
            try
            {
                using (var stream = new FileStream(
                    path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
                {
                    long start = Math.Max(0, stream.Length - Bytes);
                    stream.Seek(start, SeekOrigin.Begin);
                    using (var reader = new StreamReader(stream, Encoding.UTF8))
                    {
                        if (start > 0) { reader.ReadLine(); } // most likely cut
                        return Last(reader);
                    }
                }
            }
            catch (IOException)
            {
                return "";
            }
            catch (UnauthorizedAccessException)
            {
                return "";
            }
        }

        private static string Last(TextReader reader)
        {
            var last = new Queue<string>();
            for (string line = reader.ReadLine(); line != null; line = reader.ReadLine())
            {
                line = Clean(line);
                if (line.Length == 0) { continue; }
                last.Enqueue(line);
                if (last.Count > Lines) { last.Dequeue(); }
            }
            return string.Join("\n", last.ToArray());
        }

        private static string Clean(string line)
        {
            var text = new StringBuilder(line.Length);
            foreach (char c in line)
            {
                if (c == '\t' || !char.IsControl(c)) { text.Append(c); }
            }
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            if (home.Length > 1) { text.Replace(home, "~"); }
            string clean = text.ToString().TrimEnd();
            return clean.Length <= LineLength ? clean : clean.Substring(0, LineLength) + "...";
        }
    }
}
