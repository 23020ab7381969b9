using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>
    /// Starts the sidecar, and again when it is gone, ever more rarely while that does not help. Main thread; waits for
    /// nothing.
    /// </summary>
    internal sealed class SidecarKeeper
    {
        private const int FirstMs = 2000;
        private const int LimitMs = 60000;
        private const long SettledUs = 60000000;

        private readonly VitrineProcess _process;
        private readonly Backoff _backoff = new Backoff(FirstMs, LimitMs);
        private readonly Func<double> _chance;
        private readonly CancellationTokenSource _stop = new CancellationTokenSource();
        private Task<VitrineEndpoint> _start;
        private long _readySinceUs = -1;
        private long _nextUs;

        internal SidecarKeeper(VitrineProcess process, Func<double> chance)
        {
            _process = process;
            _chance = chance;
        }

        internal VitrineProcess Process
        {
            get { return _process; }
        }

        /// <summary>Called once a frame.</summary>
        internal void Update(bool connected, long nowUs)
        {
            if (connected)
            {
                _readySinceUs = _readySinceUs < 0 ? nowUs : _readySinceUs;
                if (nowUs - _readySinceUs > SettledUs) { _backoff.Reset(); }
                return;
            }
            _readySinceUs = -1;
            if ((_start == null || _start.IsCompleted) && nowUs >= _nextUs && !_stop.IsCancellationRequested)
            {
                _start = _process.StartAsync(_stop.Token);
                // A loss is answered at once by looking whether the server lives; the delay is for the time after that.
                _nextUs = nowUs + _backoff.NextMs(_chance()) * 1000L;
            }
        }

        /// <summary>
        /// Asks our sidecar to end, and does not wait for it: it watches its parent, so it ends with the application at
        /// the latest.
        /// </summary>
        internal void Stop()
        {
            if (_process.KeepRunning)
            {
                _process.Dispose(); // lets go of it, and waits for nothing
                return;
            }
            _stop.Cancel();
            _process.StopAsync();
        }
    }
}
