using System;
using System.Collections.Generic;

namespace Vitrine.Editor
{
    /// <summary>Reads the sidecar's JSON without trust: a field that is missing or of another kind is its default.</summary>
    internal static class JsonFields
    {
        private static readonly WireValue[] Nothing = new WireValue[0];
        private static readonly WireMap Empty = new WireMap();

        /// <summary>Parses the last line that is a whole JSON value: warnings of Python may stand before it.</summary>
        internal static bool TryParse(string output, out WireValue value)
        {
            string[] lines = output.Split('\n');
            for (int i = lines.Length - 1; i >= 0; i--)
            {
                string line = lines[i].Trim();
                if (line.Length == 0 || (line[0] != '{' && line[0] != '[')) { continue; }
                try
                {
                    value = JsonText.Parse(line);
                    return true;
                }
                catch (FormatException)
                {
                    // Not this one.
                }
            }
            value = WireValue.Nil;
            return false;
        }

        internal static WireMap Map(WireValue value)
        {
            return value.Kind == WireKind.Map ? value.AsMap : Empty;
        }

        internal static string Text(WireMap map, string key)
        {
            WireValue value;
            return map.TryGet(key, out value) && value.Kind == WireKind.String ? value.AsString : "";
        }

        internal static double Number(WireMap map, string key, double otherwise = 0)
        {
            WireValue value;
            if (!map.TryGet(key, out value)) { return otherwise; }
            bool number = value.Kind == WireKind.Int || value.Kind == WireKind.UInt || value.Kind == WireKind.Double;
            return number ? value.AsDouble : otherwise;
        }

        internal static IReadOnlyList<WireValue> List(WireMap map, string key)
        {
            WireValue value;
            return map.TryGet(key, out value) ? List(value) : Nothing;
        }

        internal static IReadOnlyList<WireValue> List(WireValue value)
        {
            return value.Kind == WireKind.Array ? value.AsArray : Nothing;
        }
    }
}
