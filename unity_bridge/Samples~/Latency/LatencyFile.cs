using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Vitrine.Samples
{
    /// <summary>Writes what was measured, for <c>python -m benchmarks report FILE</c> and for spreadsheets.</summary>
    public static class LatencyFile
    {
        /// <summary>The JSON that the benchmarks read.</summary>
        public static string Json(
            IReadOnlyList<KeyValuePair<string, string>> environment, double refreshHz, IReadOnlyList<Series> rows)
        {
            var text = new StringBuilder("{\"scenario\": \"unity-latency\",\n \"environment\": {\"refresh_hz\": ");
            text.Append(Number(refreshHz));
            foreach (KeyValuePair<string, string> pair in environment)
            {
                text.Append(",\n  ").Append(Quoted(pair.Key)).Append(": ").Append(Quoted(pair.Value));
            }
            text.Append("},\n \"rows\": [");
            for (int i = 0; i < rows.Count; i++)
            {
                text.Append(i == 0 ? "\n" : ",\n");
                Append(text, rows[i]);
            }
            return text.Append("\n ]}\n").ToString();
        }

        /// <summary>One sample a line: name, unit, value.</summary>
        public static string Csv(IReadOnlyList<Series> rows)
        {
            var text = new StringBuilder("name,unit,value\n");
            foreach (Series row in rows)
            {
                for (int i = 0; i < row.Count; i++)
                {
                    text.Append('"').Append(row.Name).Append("\",\"").Append(row.Unit).Append("\",");
                    text.Append(Number(row[i])).Append('\n');
                }
            }
            return text.ToString();
        }

        private static void Append(StringBuilder text, Series row)
        {
            text.Append("  {\"name\": ").Append(Quoted(row.Name)).Append(", \"unit\": ").Append(Quoted(row.Unit));
            text.Append(", \"samples\": [");
            for (int i = 0; i < row.Count; i++)
            {
                if (i > 0) { text.Append(", "); }
                text.Append(Number(row[i]));
            }
            text.Append("]}");
        }

        private static string Number(double value)
        {
            return value.ToString("0.####", CultureInfo.InvariantCulture);
        }

        private static string Quoted(string value)
        {
            var text = new StringBuilder("\"");
            foreach (char next in value ?? "")
            {
                if (next == '"' || next == '\\') { text.Append('\\').Append(next); }
                else if (next < ' ') { text.Append(' '); }
                else { text.Append(next); }
            }
            return text.Append('"').ToString();
        }
    }
}
