using System;

namespace Vitrine
{
    /// <summary>How to connect; the defaults suit an application on the same machine as the server.</summary>
    public sealed class VitrineOptions
    {
        /// <summary>The program's name, for the server's log.</summary>
        public string ClientName { get; set; } = "vitrine-csharp";

        /// <summary>The program's version.</summary>
        public string ClientVersion { get; set; } = "0.1.0";

        /// <summary>The headset.</summary>
        public string Device { get; set; }

        /// <summary>The headset's refresh rate, Hz.</summary>
        public double? RefreshHz { get; set; }

        /// <summary>Language of texts: <c>zh</c> or <c>en</c>.</summary>
        public string Lang { get; set; }

        /// <summary>The person's profile; without one the session leaves nothing on disk.</summary>
        public string ProfileId { get; set; }

        /// <summary>Whether that person agreed to be remembered.</summary>
        public bool ProfileConsent { get; set; }

        /// <summary>Whether pictures may go through shared memory.</summary>
        public bool UseSharedMemory { get; set; } = true;

        /// <summary>Where to connect; null: as run.json says, after it was checked.</summary>
        public VitrineEndpoint Endpoint { get; set; }

        /// <summary>The folder of run.json; null: the user's runtime folder.</summary>
        public string RunFolder { get; set; }

        /// <summary>Milliseconds for the connection, the handshake and the welcome together.</summary>
        public int ConnectTimeoutMs { get; set; } = 5000;

        /// <summary>Milliseconds between pings.</summary>
        public int PingEveryMs { get; set; } = 2000;

        /// <summary>Milliseconds of silence after which the connection counts as dead.</summary>
        public int DeadAfterMs { get; set; } = 5000;

        /// <summary>First and longest delay of attempts to connect again, milliseconds.</summary>
        public int RetryFirstMs { get; set; } = 100;

        /// <summary>Longest delay between attempts to connect again, milliseconds.</summary>
        public int RetryLimitMs { get; set; } = 5000;

        /// <summary>Messages that may wait to be sent.</summary>
        public int SendQueueMessages { get; set; } = 256;

        /// <summary>Bytes that may wait to be sent.</summary>
        public int SendQueueBytes { get; set; } = 32 << 20;

        /// <summary>Largest message taken from the server, bytes.</summary>
        public int ReceiveLimitBytes { get; set; } = 64 << 20;

        /// <summary>
        /// True: what awaits a call without a synchronization context goes on at once on the receiving thread, which
        /// saves a hop but must not block there. False: on the thread pool. Code that awaits on Unity's main thread
        /// comes back there either way.
        /// </summary>
        public bool InlineContinuations { get; set; } = true;

        /// <summary>Takes one line of diagnostics, never the token; called from any thread.</summary>
        public Action<string> Log { get; set; }

        /// <summary>The clock.</summary>
        public IVitrineClock Clock { get; set; } = new SystemClock();

        /// <summary>Chance within [0, 1), for the spread of delays.</summary>
        public Func<double> Chance { get; set; } = new Random().NextDouble;

        internal Hello Hello(string token, bool shm)
        {
            return new Hello
            {
                Token = token,
                ClientName = ClientName,
                ClientVersion = ClientVersion,
                Device = Device,
                RefreshHz = RefreshHz,
                Lang = Lang,
                Shm = shm,
                ProfileId = ProfileId,
                ProfileConsent = ProfileConsent,
            };
        }
    }
}
