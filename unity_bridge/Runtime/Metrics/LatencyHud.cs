using System;
using System.Threading.Tasks;
using UnityEngine;

namespace Vitrine
{
    /// <summary>
    /// Shows in the scene how quick the answers are: how many a second, how old when shown, what waits, which frames the
    /// game missed and what the models run on. The text changes four times a second at most.
    /// </summary>
    [AddComponentMenu("Vitrine/Latency HUD")]
    [DisallowMultipleComponent]
    public sealed class LatencyHud : MonoBehaviour
    {
        private const double TextEveryS = 0.25;
        private const double StatsEveryS = 2;
        private const string Stats = "server.stats";
        private const string Suffix = "ExecutionProvider";

        [SerializeField] [Tooltip("Width and height, metres.")]
        private Vector2 _sizeM = new Vector2(0.46f, 0.22f);
        [SerializeField] [Range(8, 64)]
        private int _fontSize = 22;

        private readonly HudText _lines = new HudText();
        private readonly PaceMeter _meter = new PaceMeter();
        private HudView _view;
        private Task<ServerStats> _asked;
        private string _provider;
        private double _nextTextS;
        private double _nextStatsS;

        /// <summary>What is shown.</summary>
        public string Text { get; private set; } = "";

        /// <summary>The client that it tells of; null: <see cref="VitrineClient.Shared"/>.</summary>
        public VitrineClient Client { get; set; }

        private void OnEnable()
        {
            if (_view == null) { _view = HudView.TryMake(transform, _sizeM, _fontSize); }
            if (_view == null)
            {
                Debug.LogWarning("Vitrine: LatencyHud shows nothing without Unity UI. Install com.unity.ugui in the Package Manager.", this);
                return;
            }
            _view.SetActive(true);
        }

        private void OnDisable()
        {
            if (_view != null) { _view.SetActive(false); }
        }

        private void OnDestroy()
        {
            if (_view != null) { _view.Destroy(); }
        }

        private void Update()
        {
            HeadsetReading headset;
            Headset.TryRead(out headset);
            double refreshHz = FrameClock.RefreshHz(headset), now = Time.unscaledTimeAsDouble;
            FramePace pace;
            _meter.AddFrame(Time.unscaledDeltaTime * 1000.0);
            _meter.TryTake(refreshHz, headset.Dropped, out pace);
            VitrineClient client = Client ?? VitrineClient.Shared;
            AskStats(client, now);
            if (now < _nextTextS) { return; }
            _nextTextS = now + TextEveryS;
            Text = _lines.Build(Figures(client, refreshHz));
            if (_view != null) { _view.Show(Text); }
        }

        private HudFigures Figures(VitrineClient client, double refreshHz)
        {
            return new HudFigures
            {
                State = client.StateText,
                IsReady = client.IsReady,
                Provider = _provider,
                Latency = client.Latency.Snapshot(),
                RefreshHz = refreshHz,
                MissedFrames = _meter.DroppedTotal,
                MainThreadMs = client.MainThread.LongestRunUs / 1000.0,
            };
        }

        /// <summary>Asks every two seconds, never twice at once, and looks at the answer without waiting for it.</summary>
        private void AskStats(VitrineClient client, double now)
        {
            if (_asked != null && _asked.IsCompleted)
            {
                _provider = _asked.Status == TaskStatus.RanToCompletion ? Provider(_asked.Result) : null;
                GC.KeepAlive(_asked.Exception); // looked at, so that it is not reported as unobserved
                _asked = null;
            }
            if (_asked == null && now >= _nextStatsS && CanAsk(client))
            {
                _nextStatsS = now + StatsEveryS;
                _asked = client.StatsAsync(destroyCancellationToken);
            }
        }

        private static bool CanAsk(VitrineClient client)
        {
            Welcome welcome = client.Connection.Welcome;
            if (welcome == null) { return false; }
            for (int i = 0; i < welcome.Ops.Count; i++)
            {
                if (welcome.Ops[i] == Stats) { return true; }
            }
            return false;
        }

        /// <summary>The one that the busiest model runs on; else the first that the server has.</summary>
        private static string Provider(ServerStats stats)
        {
            string provider = stats.Providers.Count > 0 ? stats.Providers[0] : null;
            long runs = 0;
            for (int i = 0; i < stats.Models.Count; i++)
            {
                if (stats.Models[i].Runs <= runs) { continue; }
                runs = stats.Models[i].Runs;
                provider = stats.Models[i].Provider;
            }
            bool isLong = provider != null && provider.EndsWith(Suffix, StringComparison.Ordinal);
            return isLong ? provider.Substring(0, provider.Length - Suffix.Length) : provider;
        }
    }
}
