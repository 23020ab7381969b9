using System;
using System.Collections.Generic;

namespace Vitrine.Samples
{
    /// <summary>What the scenario does, and for how long.</summary>
    public sealed class ScenarioPlan
    {
        /// <summary>Seconds at the start that are not measured: models load, caches fill.</summary>
        public double WarmUpS { get; set; } = 5;

        /// <summary>Seconds with one product.</summary>
        public double SteadyS { get; set; } = 20;

        /// <summary>Seconds in which the product changes.</summary>
        public double ChangingS { get; set; } = 20;

        /// <summary>Seconds between two changes of the product.</summary>
        public double ChangeEveryS { get; set; } = 1;

        /// <summary>Seconds between two small calls beside the frames; 0: none.</summary>
        public double CallEveryS { get; set; } = 0.1;

        /// <summary>The headset's refresh rate.</summary>
        public double RefreshHz { get; set; } = 90;
    }

    /// <summary>Where the scenario is.</summary>
    public enum ScenarioPhase
    {
        /// <summary>not measured yet</summary>
        WarmUp,
        /// <summary>one product</summary>
        Steady,
        /// <summary>changing products</summary>
        Changing,
        /// <summary>over</summary>
        Done
    }

    /// <summary>
    /// Runs the scenario by the times that it is told: says when to change the product and when to call, and keeps what
    /// it is told was measured. Nothing of Unity in it, and no garbage while it runs.
    /// </summary>
    public sealed class ScenarioRunner
    {
        private const int SpareFrames = 256;
        private const double Slack = 1e-9;
        private readonly ScenarioPlan _plan;
        private readonly Series _interval;
        private readonly Series _missed;
        private readonly Series _calls;
        private readonly Series[] _ages = new Series[2];
        private double _beganS = double.NaN;
        private double _nextChangeS;
        private double _nextCallS;
        private double _secondS;
        private int _missedNow;
        private bool _changeDue;
        private bool _callDue;

        /// <summary>Makes room for the whole run.</summary>
        public ScenarioRunner(ScenarioPlan plan)
        {
            if (plan.RefreshHz <= 0 || plan.SteadyS + plan.ChangingS <= 0 || plan.WarmUpS < 0)
            {
                throw new ArgumentException("The plan needs a refresh rate and some seconds to measure.", nameof(plan));
            }
            _plan = plan;
            double seconds = plan.SteadyS + plan.ChangingS;
            int frames = (int)(seconds * Math.Max(120, plan.RefreshHz)) + SpareFrames;
            _interval = new Series("frame interval", "ms", frames);
            _missed = new Series("missed frames", "frames a second", (int)seconds + SpareFrames);
            _calls = new Series("small call", "ms", plan.CallEveryS > 0 ? (int)(seconds / plan.CallEveryS) + SpareFrames : 1);
            _ages[0] = new Series("age when shown", "ms", frames);
            _ages[1] = new Series("age when shown, product changes", "ms", frames);
        }

        /// <summary>Where the scenario is.</summary>
        public ScenarioPhase Phase { get; private set; } = ScenarioPhase.WarmUp;

        /// <summary>The part that is over, 0 to 1.</summary>
        public double Fraction { get; private set; }

        /// <summary>What was measured; a series without samples is left out.</summary>
        public IReadOnlyList<Series> Measured
        {
            get
            {
                var found = new List<Series>();
                foreach (Series series in new[] { _ages[0], _ages[1], _interval, _missed, _calls })
                {
                    if (series.Count > 0) { found.Add(series); }
                }
                return found;
            }
        }

        /// <summary>A frame began, so many milliseconds after the one before.</summary>
        public void AddFrame(double nowS, double frameMs)
        {
            if (Phase == ScenarioPhase.Done) { return; }
            if (double.IsNaN(_beganS)) { Begin(nowS); }
            double at = nowS - _beganS;
            Fraction = Math.Min(1, at / (_plan.WarmUpS + _plan.SteadyS + _plan.ChangingS));
            if (IsMeasuring) { Count(nowS, frameMs); }
            Enter(PhaseAt(at), nowS);
            if (Phase == ScenarioPhase.Changing && nowS >= _nextChangeS - Slack)
            {
                _nextChangeS += _plan.ChangeEveryS;
                _changeDue = true;
            }
            if (IsMeasuring && _plan.CallEveryS > 0 && nowS >= _nextCallS - Slack)
            {
                // A call that is late takes no others along: the rate is a limit.
                _nextCallS = Math.Max(_nextCallS + _plan.CallEveryS, nowS);
                _callDue = true;
            }
        }

        /// <summary>An answer was shown, so many milliseconds after its frame was taken.</summary>
        public void AddAge(double ageMs)
        {
            if (IsMeasuring) { _ages[Phase == ScenarioPhase.Changing ? 1 : 0].Add(ageMs); }
        }

        /// <summary>A small call came back after so many milliseconds.</summary>
        public void AddCall(double ms)
        {
            if (IsMeasuring) { _calls.Add(ms); }
        }

        /// <summary>True once for each change of the product that is due.</summary>
        public bool TakeChange()
        {
            bool due = _changeDue;
            _changeDue = false;
            return due;
        }

        /// <summary>True once for each small call that is due.</summary>
        public bool TakeCall()
        {
            bool due = _callDue;
            _callDue = false;
            return due;
        }

        private bool IsMeasuring
        {
            get { return Phase == ScenarioPhase.Steady || Phase == ScenarioPhase.Changing; }
        }

        private void Begin(double nowS)
        {
            _beganS = nowS;
            _nextCallS = nowS + _plan.WarmUpS;
            _nextChangeS = nowS + _plan.WarmUpS + _plan.SteadyS;
            _secondS = nowS + _plan.WarmUpS + 1;
        }

        private ScenarioPhase PhaseAt(double at)
        {
            if (at < _plan.WarmUpS - Slack) { return ScenarioPhase.WarmUp; }
            if (at < _plan.WarmUpS + _plan.SteadyS - Slack) { return ScenarioPhase.Steady; }
            return at < _plan.WarmUpS + _plan.SteadyS + _plan.ChangingS - Slack ? ScenarioPhase.Changing : ScenarioPhase.Done;
        }

        private void Enter(ScenarioPhase phase, double nowS)
        {
            if (phase == Phase) { return; }
            if (Phase == ScenarioPhase.WarmUp) { _secondS = nowS + 1; }
            Phase = phase;
            if (phase == ScenarioPhase.Done) { _changeDue = _callDue = false; }
        }

        private void Count(double nowS, double frameMs)
        {
            _interval.Add(frameMs);
            _missedNow += Math.Max(0, (int)Math.Round(frameMs * _plan.RefreshHz / 1000) - 1);
            if (nowS < _secondS - Slack) { return; }
            _missed.Add(_missedNow);
            _missedNow = 0;
            // A frame of several seconds closes them all: its missed frames were counted once.
            _secondS = Math.Max(_secondS + 1, nowS);
        }
    }
}
