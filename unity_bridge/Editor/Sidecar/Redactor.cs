using System;
using System.Text;

namespace Vitrine.Editor
{
    /// <summary>
    /// Takes out of a text what must not leave this machine: folders of a person, the names of person and machine, and
    /// whatever looks like a token.
    /// </summary>
    public sealed class Redactor
    {
        private const int ShortestName = 3;
        private const int ShortestSecret = 24;
        private readonly string _home;
        private readonly string _user;
        private readonly string _machine;

        /// <summary>Names what to take out; names shorter than three letters would take out half of every text.</summary>
        public Redactor(string home, string user, string machine)
        {
            _home = (home ?? "").TrimEnd('/', '\\');
            _user = user ?? "";
            _machine = machine ?? "";
        }

        /// <summary>For this machine.</summary>
        public static Redactor OfThisMachine()
        {
            return new Redactor(
                Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), Environment.UserName, Environment.MachineName);
        }

        /// <summary>The text without it all.</summary>
        public string Clean(string text)
        {
            text = text ?? "";
            if (_home.Length >= ShortestName)
            {
                text = Replace(text, _home, "~", false);
                text = Replace(text, _home.Replace('\\', '/'), "~", false);
                text = Replace(text, _home.Replace("\\", "\\\\"), "~", false);
            }
            text = Homes(text);
            text = Replace(text, _user, "<user>", true);
            text = Replace(text, _machine, "<machine>", true);
            return Secrets(text);
        }

        // Another person's folders name that person too.
        private static string Homes(string text)
        {
            foreach (string root in new[] { "/home/", "/Users/", "\\Users\\" })
            {
                int from = 0;
                int at;
                while ((at = text.IndexOf(root, from, StringComparison.OrdinalIgnoreCase)) >= 0)
                {
                    int start = at + root.Length;
                    int end = start;
                    while (end < text.Length && "/\\\"'\n\r:;,".IndexOf(text[end]) < 0) { end++; }
                    text = text.Substring(0, start) + "<user>" + text.Substring(end);
                    from = start + 6;
                }
            }
            return text;
        }

        private static string Replace(string text, string what, string with, bool wholeWords)
        {
            if (what.Length < ShortestName) { return text; }
            int from = 0;
            int at;
            while ((at = text.IndexOf(what, from, StringComparison.OrdinalIgnoreCase)) >= 0)
            {
                int end = at + what.Length;
                bool whole = (at == 0 || !IsWord(text[at - 1])) && (end == text.Length || !IsWord(text[end]));
                if (wholeWords && !whole)
                {
                    from = end;
                    continue;
                }
                text = text.Substring(0, at) + with + text.Substring(end);
                from = at + with.Length;
            }
            return text;
        }

        private static bool IsWord(char value)
        {
            return char.IsLetterOrDigit(value) || value == '_';
        }

        // A token is a long run of letters of both cases and digits, or a long hexadecimal number; versions, file names
        // and the names of models are neither.
        private static string Secrets(string text)
        {
            var clean = new StringBuilder(text.Length);
            int at = 0;
            while (at < text.Length)
            {
                int end = at;
                while (end < text.Length && IsSecretLetter(text[end])) { end++; }
                if (end == at)
                {
                    clean.Append(text[at++]);
                    continue;
                }
                string word = text.Substring(at, end - at);
                clean.Append(IsSecret(word) ? "<removed>" : word);
                at = end;
            }
            return clean.ToString();
        }

        private static bool IsSecretLetter(char value)
        {
            bool letter = (value >= 'a' && value <= 'z') || (value >= 'A' && value <= 'Z');
            return letter || (value >= '0' && value <= '9') || value == '-' || value == '_';
        }

        private static bool IsSecret(string word)
        {
            if (word.Length < ShortestSecret) { return false; }
            bool digit = false, lower = false, upper = false, hexadecimal = true;
            foreach (char next in word)
            {
                bool isDigit = next >= '0' && next <= '9';
                digit |= isDigit;
                lower |= next >= 'a' && next <= 'z';
                upper |= next >= 'A' && next <= 'Z';
                hexadecimal &= isDigit || (next >= 'a' && next <= 'f') || (next >= 'A' && next <= 'F');
            }
            return digit && (hexadecimal || (lower && upper));
        }
    }
}
