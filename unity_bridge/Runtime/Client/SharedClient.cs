using System;
using UnityEngine;

namespace Vitrine
{
    /// <summary>The client that components share, from its first use to the end of the application.</summary>
    internal static class SharedClient
    {
        private static VitrineClient _client;
        private static bool _quitting;

        internal static bool Exists
        {
            get { return _client != null; }
        }

        internal static IProcessMemory Memory { get; set; }

        internal static VitrineClient Get()
        {
            if (_client == null)
            {
                _client = Make(VitrineSettings.Current);
                if (_quitting) { _client.Dispose(); }
            }
            return _client;
        }

        internal static void Shutdown()
        {
            VitrineClient client = _client;
            _client = null;
            Application.quitting -= OnQuitting;
            if (client != null) { client.Dispose(); }
        }

        private static VitrineClient Make(VitrineSettings settings)
        {
            Listen();
            VitrineProcess process = settings.StartSidecar && !_quitting ? Process(settings) : null;
            return new VitrineClient(settings.ToOptions(), process) { MainThreadBudgetMs = settings.MainThreadBudgetMs };
        }

        private static VitrineProcess Process(VitrineSettings settings)
        {
            return new VitrineProcess(settings.ToProcessOptions(), Memory) { KeepRunning = Memory != null };
        }

        private static void Listen()
        {
            Application.quitting -= OnQuitting;
            Application.quitting += OnQuitting;
        }

        // Kept, closed: components that end later find a closed client, not a new one.
        private static void OnQuitting()
        {
            _quitting = true;
            if (_client != null) { _client.Dispose(); }
        }

        // With domain reload off, what a Play session left behind would be there in the next one.
        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.SubsystemRegistration)]
        private static void Reset()
        {
            Shutdown();
            _quitting = false;
            VitrineSettings.Forget();
            ClientLoop.Restore();
            Listen(); // before the first use: one that comes while quitting must start nothing
        }
    }
}
