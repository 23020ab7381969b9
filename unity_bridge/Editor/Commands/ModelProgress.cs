using System;
using System.Collections.Generic;
using System.Globalization;

namespace Vitrine.Editor
{
    /// <summary>
    /// Follows <c>vitrine models install --json</c>: one JSON object a line, each a step of a task. The part that is
    /// done counts tasks, since downloads and conversions share no unit.
    /// </summary>
    public sealed class ModelProgress
    {
        // Two archives, the converting packages, the conversion itself.
        private const int UsualTasks = 4;

        private readonly Dictionary<string, double> _tasks = new Dictionary<string, double>();
        private readonly Dictionary<string, double> _totals = new Dictionary<string, double>();
        private readonly Dictionary<string, string> _units = new Dictionary<string, string>();

        /// <summary>The part that is done, 0 to 1.</summary>
        public double Fraction { get; private set; }

        /// <summary>What is being done now.</summary>
        public string Text { get; private set; } = "";

        /// <summary>The sidecar's own sentence when it failed; empty otherwise.</summary>
        public string Error { get; private set; } = "";

        /// <summary>Takes a line; false when it is none of these events.</summary>
        public bool TryTake(string line)
        {
            WireValue value;
            if (!JsonFields.TryParse(line, out value) || value.Kind != WireKind.Map) { return false; }
            WireMap map = value.AsMap;
            string task = JsonFields.Text(map, "task");
            switch (JsonFields.Text(map, "event"))
            {
                case "plan":
                    Text = JsonFields.Text(map, "text");
                    return true;
                case "begin":
                    Begin(task, map);
                    break;
                case "advance":
                    Advance(task, map);
                    break;
                case "note":
                    Text = Join(task, JsonFields.Text(map, "text"));
                    break;
                case "end":
                    _tasks[task] = 1;
                    Text = Join(task, "done");
                    break;
                case "done":
                    Fraction = 1;
                    Text = JsonFields.Text(map, "text");
                    return true;
                case "error":
                    Error = JsonFields.Text(map, "text");
                    return true;
                default:
                    return false;
            }
            Count();
            return true;
        }

        private void Begin(string task, WireMap map)
        {
            _tasks[task] = 0;
            _totals[task] = JsonFields.Number(map, "total");
            _units[task] = JsonFields.Text(map, "unit");
            Text = Join(task, "");
        }

        private void Advance(string task, WireMap map)
        {
            double total;
            double done = JsonFields.Number(map, "done");
            if (!_totals.TryGetValue(task, out total) || total <= 0)
            {
                total = JsonFields.Number(map, "total");
            }
            _tasks[task] = total > 0 ? Math.Max(0, Math.Min(1, done / total)) : 0;
            string unit;
            _units.TryGetValue(task, out unit);
            Text = Join(task, unit == "bytes" ? Sizes.Of(done) + " of " + Sizes.Of(total) : Plain(done) + " of " + Plain(total));
        }

        private void Count()
        {
            double sum = 0;
            foreach (double part in _tasks.Values) { sum += part; }
            Fraction = sum / Math.Max(UsualTasks, _tasks.Count);
        }

        private static string Plain(double number)
        {
            return number.ToString("0", CultureInfo.InvariantCulture);
        }

        private static string Join(string task, string text)
        {
            return text.Length == 0 ? task : task + ": " + text;
        }
    }
}
