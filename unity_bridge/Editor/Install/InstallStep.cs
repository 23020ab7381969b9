using System;

namespace Vitrine.Editor
{
    /// <summary>One step of the installation, as data.</summary>
    public sealed class InstallStep
    {
        /// <summary>Makes a step.</summary>
        public InstallStep(string id, string title, double weight, string key, Command command)
        {
            Id = id;
            Title = title;
            Weight = weight;
            Key = key;
            Command = command;
        }

        /// <summary>The step's name in the record of what is done.</summary>
        public string Id { get; }

        /// <summary>What a person reads while it runs.</summary>
        public string Title { get; }

        /// <summary>Its share of the whole, in any unit.</summary>
        public double Weight { get; }

        /// <summary>What it makes: a step is done when the record holds the same key.</summary>
        public string Key { get; }

        /// <summary>What is run.</summary>
        public Command Command { get; }

        /// <summary>
        /// Makes what follows the output's lines: each line gives the part of the step that is done, 0 to 1, and a
        /// text; null where there is nothing to tell.
        /// </summary>
        public Func<ILineProgress> Progress { get; set; } = () => new LineCount();
    }

    /// <summary>How far a program is, by what it writes.</summary>
    public interface ILineProgress
    {
        /// <summary>The part that is done, 0 to 1.</summary>
        double Fraction { get; }

        /// <summary>What it does now; empty where it does not say.</summary>
        string Text { get; }

        /// <summary>The program's own sentence when it failed; empty where there is none.</summary>
        string Error { get; }

        /// <summary>Takes a line.</summary>
        void Take(string line);
    }

    /// <summary>
    /// For programs that tell no total: the more lines, the nearer the end. An estimate, and one that only nears it.
    /// </summary>
    public sealed class LineCount : ILineProgress
    {
        private const double HalfWay = 40;
        private const int MaxText = 90;
        private int _lines;

        /// <inheritdoc/>
        public double Fraction
        {
            get { return _lines / (_lines + HalfWay); }
        }

        /// <inheritdoc/>
        public string Text { get; private set; } = "";

        /// <inheritdoc/>
        public string Error
        {
            get { return ""; }
        }

        /// <inheritdoc/>
        public void Take(string line)
        {
            string text = line.Trim();
            if (text.Length == 0) { return; }
            _lines++;
            Text = text.Length > MaxText ? text.Substring(0, MaxText) + "..." : text;
        }
    }
}
