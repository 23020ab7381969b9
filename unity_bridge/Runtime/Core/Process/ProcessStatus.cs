using System;

namespace Vitrine
{
    /// <summary>What a <see cref="VitrineProcess"/> shows: changed in one step, told after it.</summary>
    internal sealed class ProcessStatus
    {
        private readonly object _gate = new object();
        private readonly Action<string> _log;
        private VitrineEndpoint _endpoint;
        private ProcessState _state;
        private string _problem;

        internal ProcessStatus(Action<string> log)
        {
            _log = log;
        }

        internal event Action<ProcessState> Changed;

        internal ProcessState State
        {
            get { lock (_gate) { return _state; } }
        }

        internal VitrineEndpoint Endpoint
        {
            get { lock (_gate) { return _endpoint; } }
        }

        internal string Problem
        {
            get { lock (_gate) { return _problem; } }
        }

        /// <summary>Changes and tells.</summary>
        internal void Set(ProcessState state, VitrineEndpoint endpoint = null, string problem = null)
        {
            if (Assign(state, endpoint, problem)) { Tell(state); }
        }

        /// <summary>Changes without telling, for who holds a lock; true when the state is another one now.</summary>
        internal bool Assign(ProcessState state, VitrineEndpoint endpoint, string problem)
        {
            lock (_gate)
            {
                bool other = _state != state;
                _state = state;
                _endpoint = endpoint;
                _problem = problem;
                return other;
            }
        }

        internal void Tell(ProcessState state)
        {
            Action<ProcessState> changed = Changed;
            if (changed == null) { return; }
            try
            {
                changed(state);
            }
            catch (Exception error)
            {
                // The boundary to a handler that is not ours: its fault is logged and ends nothing.
                Log("a handler of an event failed: " + error);
            }
        }

        internal void Log(string line)
        {
            if (_log != null) { _log("sidecar: " + line); }
        }
    }
}
