using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Threading.Tasks;
using UnityEngine;

namespace Vitrine.Samples
{
    /// <summary>
    /// Runs the scenario on a mirror in the scene, at the headset's rate, and writes the figures when it is over. Start
    /// it with Play; the files lie in the application's data folder unless another is named.
    /// </summary>
    [AddComponentMenu("Vitrine/Samples/Latency Scenario")]
    public sealed class LatencyScenario : MonoBehaviour
    {
        [SerializeField] private TryOnMirror _mirror;
        [SerializeField] private FramePacer _pacer;
        [SerializeField] private string[] _products = { "sample-glasses-1", "sample-glasses-2" };
        [SerializeField] [Min(0)] private float _warmUpS = 5;
        [SerializeField] [Min(1)] private float _steadyS = 20;
        [SerializeField] [Min(0)] private float _changingS = 20;
        [SerializeField] [Min(0.1f)] private float _changeEveryS = 1;
        [SerializeField] [Min(0)] private float _callEveryS = 0.1f;
        [SerializeField] [Tooltip("Hz; 0: as the Frame Pacer reads it from the headset.")]
        private float _refreshHz;
        [SerializeField] [Tooltip("Empty: the application's data folder.")]
        private string _folder = "";
        [SerializeField] private bool _quitWhenDone;

        private readonly IVitrineClock _clock = new SystemClock();
        private ScenarioRunner _runner;
        private TryOnMirror _heard;
        private Task _call;
        private double _hz;
        private int _product;

        /// <summary>The mirror that is measured.</summary>
        public TryOnMirror Mirror
        {
            get { return _mirror; }
            set { _mirror = value; }
        }

        /// <summary>Tells the headset's rate.</summary>
        public FramePacer Pacer
        {
            get { return _pacer; }
            set { _pacer = value; }
        }

        /// <summary>Where the files go; empty: the application's data folder.</summary>
        public string Folder
        {
            get { return _folder; }
            set { _folder = value ?? ""; }
        }

        /// <summary>The scenario; null until the first answer was shown.</summary>
        public ScenarioRunner Runner
        {
            get { return _runner; }
        }

        /// <summary>The JSON file, once it is written; null before.</summary>
        public string Written { get; private set; }

        /// <summary>Sets how long each phase lasts, seconds; before the first answer.</summary>
        public void SetTimes(float warmUpS, float steadyS, float changingS)
        {
            _warmUpS = warmUpS;
            _steadyS = steadyS;
            _changingS = changingS;
        }

        private void Start()
        {
            if (_mirror == null) { Debug.LogWarning("Vitrine: the latency scenario has no mirror. Assign one.", this); }
        }

        private void OnDisable()
        {
            Listen(null);
        }

        private void Update()
        {
            Listen(_mirror);
            if (_runner == null || _runner.Phase == ScenarioPhase.Done) { return; }
            _runner.AddFrame(Time.unscaledTimeAsDouble, Time.unscaledDeltaTime * 1000.0);
            if (_runner.TakeChange() && _products.Length > 0)
            {
                _product = (_product + 1) % _products.Length;
                _mirror.Product = _products[_product];
            }
            // One at a time: a slow answer must show as one long call, not as a queue.
            if (_runner.TakeCall() && (_call == null || _call.IsCompleted)) { _call = CallAsync(_runner); }
            if (_runner.Phase == ScenarioPhase.Done) { Finish(); }
        }

        private void Listen(TryOnMirror mirror)
        {
            if (ReferenceEquals(mirror, _heard)) { return; }
            if (!ReferenceEquals(_heard, null)) { _heard.FrameShown -= OnShown; }
            _heard = mirror;
            if (!ReferenceEquals(_heard, null)) { _heard.FrameShown += OnShown; }
        }

        private void OnShown(TryOnMirror mirror)
        {
            // Until something is shown there is nothing to measure: models may still be loading.
            if (_runner == null) { _runner = new ScenarioRunner(Plan()); }
            _runner.AddAge(mirror.LatencyMs);
        }

        private ScenarioPlan Plan()
        {
            double paced = _pacer == null ? 0 : _pacer.Last.RefreshHz;
            var plan = new ScenarioPlan
            {
                WarmUpS = _warmUpS, SteadyS = _steadyS, ChangingS = _changingS, ChangeEveryS = _changeEveryS, CallEveryS = _callEveryS
            };
            if (_refreshHz > 0) { plan.RefreshHz = _refreshHz; }
            else if (paced > 0) { plan.RefreshHz = paced; }
            _hz = plan.RefreshHz;
            return plan;
        }

        private async Task CallAsync(ScenarioRunner runner)
        {
            try
            {
                long began = _clock.NowUs;
                using (await VitrineClient.Shared.EchoAsync(cancel: destroyCancellationToken))
                {
                    runner.AddCall((_clock.NowUs - began) / 1000.0);
                }
            }
            catch (VitrineException error)
            {
                Debug.LogWarning("Vitrine: a small call failed: " + error.Message, this);
            }
            catch (OperationCanceledException)
            {
                // The scene ends.
            }
        }

        private void Finish()
        {
            IReadOnlyList<Series> rows = _runner.Measured;
            string folder = string.IsNullOrEmpty(_folder) ? Application.persistentDataPath : _folder;
            string name = "vitrine-latency-" + DateTime.Now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
            try
            {
                Directory.CreateDirectory(folder);
                string json = Path.Combine(folder, name + ".json");
                File.WriteAllText(json, LatencyFile.Json(Environment(), _hz, rows));
                File.WriteAllText(Path.Combine(folder, name + ".csv"), LatencyFile.Csv(rows));
                Written = json;
                foreach (Series row in rows) { Debug.Log(Line(row), this); }
                Debug.Log("Vitrine: written to " + json + ". Show it with: python -m benchmarks report FILE", this);
            }
            catch (IOException error)
            {
                Debug.LogError("Vitrine: the figures could not be written. Name another folder. " + error.Message, this);
            }
            catch (UnauthorizedAccessException error)
            {
                Debug.LogError("Vitrine: the figures may not be written there. Name another folder. " + error.Message, this);
            }
            if (_quitWhenDone) { Application.Quit(); }
        }

        private IReadOnlyList<KeyValuePair<string, string>> Environment()
        {
            return new[]
            {
                Pair("unity", Application.unityVersion),
                Pair("platform", Application.platform.ToString()),
                Pair("system", SystemInfo.operatingSystem),
                Pair("processor", SystemInfo.processorType),
                Pair("graphics_card", SystemInfo.graphicsDeviceName),
                Pair("source", _mirror.Source.ToString()),
                Pair("frame", _mirror.Width + "x" + _mirror.Height),
                Pair("sent", _mirror.Counters.Sent.ToString(CultureInfo.InvariantCulture)),
                Pair("answered", _mirror.Counters.Answered.ToString(CultureInfo.InvariantCulture))
            };
        }

        private static KeyValuePair<string, string> Pair(string key, string value)
        {
            return new KeyValuePair<string, string>(key, value);
        }

        private static string Line(Series row)
        {
            return string.Format(
                CultureInfo.InvariantCulture, "Vitrine: {0}: p50 {1:0.0}, p95 {2:0.0}, p99 {3:0.0} {4} ({5} samples)",
                row.Name, row.Percentile(50), row.Percentile(95), row.Percentile(99), row.Unit, row.Count);
        }
    }
}
