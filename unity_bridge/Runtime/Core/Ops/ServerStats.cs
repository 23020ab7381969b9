using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>The server's figures, since it started.</summary>
    public sealed class ServerStats
    {
        private ServerStats(OpMap map)
        {
            Version = map.Text("version");
            UptimeS = map.Number("uptime_s");
            Providers = map.Texts("providers");
            Workers = map.Items("workers", WorkerStats.Read);
            Sessions = map.Int("sessions");
            Queues = map.CountsByName("queues");
            Models = map.Items("models", ModelStats.Read);
            Counters = new CallCounters(map.Map("counters"));
        }

        /// <summary>The server's version.</summary>
        public string Version { get; }
        /// <summary>Seconds since the start.</summary>
        public double UptimeS { get; }
        /// <summary>The execution providers that models run on, such as <c>cpu</c> or <c>cuda</c>.</summary>
        public IReadOnlyList<string> Providers { get; }
        /// <summary>The processes that run models.</summary>
        public IReadOnlyList<WorkerStats> Workers { get; }
        /// <summary>Open connections.</summary>
        public long Sessions { get; }
        /// <summary>Jobs that wait, by priority.</summary>
        public IReadOnlyDictionary<string, long> Queues { get; }
        /// <summary>The loaded models.</summary>
        public IReadOnlyList<ModelStats> Models { get; }
        /// <summary>What was counted.</summary>
        public CallCounters Counters { get; }

        internal static ServerStats Read(OpMap map)
        {
            return new ServerStats(map);
        }
    }

    /// <summary>A process that runs models.</summary>
    public sealed class WorkerStats
    {
        private WorkerStats(OpMap map)
        {
            Name = map.Text("name");
            Pid = map.IntOrNull("pid");
            State = map.Text("state");
            RssBytes = map.Int("rss_bytes");
            Restarts = map.Int("restarts");
        }

        /// <summary>The worker's name.</summary>
        public string Name { get; }
        /// <summary>Its process; null while it has none.</summary>
        public long? Pid { get; }
        /// <summary>Such as <c>ready</c>, <c>busy</c> or <c>starting</c>.</summary>
        public string State { get; }
        /// <summary>Its resident memory.</summary>
        public long RssBytes { get; }
        /// <summary>How often it was started again.</summary>
        public long Restarts { get; }

        internal static WorkerStats Read(OpMap map)
        {
            return new WorkerStats(map);
        }
    }

    /// <summary>A loaded model and how fast it is.</summary>
    public sealed class ModelStats
    {
        private ModelStats(OpMap map)
        {
            Name = map.Text("name");
            State = map.Text("state");
            Provider = map.Text("provider");
            Precision = map.Text("precision");
            Bytes = map.Int("bytes");
            P50Ms = map.Number("p50_ms");
            P95Ms = map.Number("p95_ms");
            Runs = map.Int("runs");
        }

        /// <summary>The model's name.</summary>
        public string Name { get; }
        /// <summary><c>ready</c>, <c>loading</c> or <c>failed</c>.</summary>
        public string State { get; }
        /// <summary>The execution provider that it runs on.</summary>
        public string Provider { get; }
        /// <summary>Such as <c>fp32</c>.</summary>
        public string Precision { get; }
        /// <summary>Memory that it takes.</summary>
        public long Bytes { get; }
        /// <summary>Median of a run, milliseconds.</summary>
        public double P50Ms { get; }
        /// <summary>95th percentile of a run, milliseconds.</summary>
        public double P95Ms { get; }
        /// <summary>How often it ran.</summary>
        public long Runs { get; }

        internal static ModelStats Read(OpMap map)
        {
            return new ModelStats(map);
        }
    }

    /// <summary>Calls and frames, counted.</summary>
    public sealed class CallCounters
    {
        internal CallCounters(OpMap map)
        {
            Calls = map.Int("calls");
            Done = map.Int("done");
            Fail = map.CountsByName("fail");
            FramesIn = map.Int("frames_in");
            FramesOut = map.Int("frames_out");
            Superseded = map.Int("superseded");
        }

        /// <summary>Calls that were opened.</summary>
        public long Calls { get; }
        /// <summary>Calls that succeeded.</summary>
        public long Done { get; }
        /// <summary>Calls that failed, by code of <see cref="VitrineCodes"/>.</summary>
        public IReadOnlyDictionary<string, long> Fail { get; }
        /// <summary>Frames that came.</summary>
        public long FramesIn { get; }
        /// <summary>Frames that were answered.</summary>
        public long FramesOut { get; }
        /// <summary>Frames that a newer one replaced.</summary>
        public long Superseded { get; }
    }
}
