using System.Threading.Tasks;
using UnityEngine;

namespace Vitrine.Samples
{
    /// <summary>The least that a script does: changes what the mirror shows, and asks the sidecar a question.</summary>
    [AddComponentMenu("Vitrine/Samples/Quick Start")]
    public sealed class QuickStart : MonoBehaviour
    {
        [SerializeField] private TryOnMirror _mirror;
        [SerializeField] private string[] _products = { "sample-glasses-1", "sample-glasses-2", "sample-top-1", "sample-top-2" };
        [SerializeField] private float _changeEveryS = 5;

        private Task _asking;
        private float _nextS;
        private int _at;

        /// <summary>The mirror that is dressed.</summary>
        public TryOnMirror Mirror
        {
            get { return _mirror; }
            set { _mirror = value; }
        }

        /// <summary>What the sidecar runs on; empty until it answered.</summary>
        public string RunsOn { get; private set; } = "";

        /// <summary>Shows the next product; call it from a button.</summary>
        public void Next()
        {
            if (_mirror == null || _products.Length == 0) { return; }
            _at = (_at + 1) % _products.Length;
            _mirror.Product = _products[_at];
        }

        private void Start()
        {
            _nextS = _changeEveryS;
            _asking = AskAsync();
        }

        private void Update()
        {
            if (_changeEveryS <= 0 || Time.time < _nextS) { return; }
            _nextS = Time.time + _changeEveryS;
            Next();
            // The sidecar may have come only now.
            if (RunsOn.Length == 0 && _asking.IsCompleted) { _asking = AskAsync(); }
        }

        // The three lines: the shared client, an op, its answer, back on the main thread.
        private async Task AskAsync()
        {
            try
            {
                VitrineClient vitrine = VitrineClient.Shared;
                ServerStats stats = await vitrine.StatsAsync(destroyCancellationToken);
                RunsOn = string.Join(", ", stats.Providers);
            }
            catch (VitrineException error)
            {
                Debug.Log("Vitrine: " + error.Message, this);
            }
            catch (System.OperationCanceledException)
            {
                // The object was destroyed.
            }
        }
    }
}
