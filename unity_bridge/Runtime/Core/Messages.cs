using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>The first message: who connects. Null stands for an optional key that is left out.</summary>
    public sealed class Hello
    {
        /// <summary>The token of run.json.</summary>
        public string Token { get; set; }
        /// <summary>The program's name.</summary>
        public string ClientName { get; set; }
        /// <summary>The program's version.</summary>
        public string ClientVersion { get; set; }
        /// <summary>The headset.</summary>
        public string Device { get; set; }
        /// <summary>The headset's refresh rate, Hz.</summary>
        public double? RefreshHz { get; set; }
        /// <summary><c>zh</c> or <c>en</c>.</summary>
        public string Lang { get; set; }
        /// <summary>Whether shared memory is wanted.</summary>
        public bool? Shm { get; set; }
        /// <summary>The person's profile; without one the session leaves nothing on disk.</summary>
        public string ProfileId { get; set; }
        /// <summary>Whether that person agreed to be remembered.</summary>
        public bool ProfileConsent { get; set; }
    }

    /// <summary>
    /// What a call may add to its op and arguments. Null stands for an optional key that is left out.
    /// </summary>
    public sealed class CallOptions
    {
        /// <summary>Latency budget in milliseconds, counted from the server's reading of the message.</summary>
        public double? BudgetMs { get; set; }
        /// <summary><c>frame</c>, <c>voice</c>, <c>chat</c>, <c>render</c> or <c>batch</c>.</summary>
        public string Priority { get; set; }
        /// <summary>A newer call with the same key replaces this one while it waits.</summary>
        public string Key { get; set; }
    }

    /// <summary>Where a call's time went, milliseconds.</summary>
    public readonly struct CallTiming
    {
        /// <summary>Makes a timing.</summary>
        public CallTiming(double queueMs, double decodeMs, double inferMs, double encodeMs, double totalMs)
        {
            QueueMs = queueMs;
            DecodeMs = decodeMs;
            InferMs = inferMs;
            EncodeMs = encodeMs;
            TotalMs = totalMs;
        }

        /// <summary>Waiting for its turn.</summary>
        public double QueueMs { get; }
        /// <summary>Reading the input.</summary>
        public double DecodeMs { get; }
        /// <summary>In the models.</summary>
        public double InferMs { get; }
        /// <summary>Writing the result.</summary>
        public double EncodeMs { get; }
        /// <summary>From the server's reading of the message to its answer.</summary>
        public double TotalMs { get; }
    }

    /// <summary>
    /// The mapping that a server offers: slots 0..Up-1 are the client's to write, the next Down the server's.
    /// </summary>
    public sealed class ShmOffer
    {
        /// <summary>What to open.</summary>
        public string Name { get; internal set; }
        /// <summary>Size of the mapping.</summary>
        public long Bytes { get; internal set; }
        /// <summary>Distance of the slots; 64 bytes of each are its header.</summary>
        public long SlotBytes { get; internal set; }
        /// <summary>Slots of the client.</summary>
        public int Up { get; internal set; }
        /// <summary>Slots of the server.</summary>
        public int Down { get; internal set; }
    }

    /// <summary>The server's answer to <see cref="Hello"/>.</summary>
    public sealed class Welcome
    {
        /// <summary>Version of the wire contract.</summary>
        public int Version { get; internal set; }
        /// <summary>The session's name, for logs.</summary>
        public string Session { get; internal set; }
        /// <summary>The server's name.</summary>
        public string ServerName { get; internal set; }
        /// <summary>The server's version.</summary>
        public string ServerVersion { get; internal set; }
        /// <summary>The server's process.</summary>
        public int ServerPid { get; internal set; }
        /// <summary>Ops that can be answered now.</summary>
        public IReadOnlyList<string> Ops { get; internal set; }
        /// <summary>Largest message that the server takes.</summary>
        public long MessageBytes { get; internal set; }
        /// <summary>Calls that may be open at once.</summary>
        public int OpenCalls { get; internal set; }
        /// <summary>Largest image that the server takes, pixels.</summary>
        public long ImagePixels { get; internal set; }
        /// <summary>The shared memory; null where there is none.</summary>
        public ShmOffer Shm { get; internal set; }
    }

    /// <summary>What a <see cref="ServerMessage"/> is.</summary>
    public enum ServerMessageKind
    {
        /// <summary>a type that this version does not know; to be ignored</summary>
        Unknown,
        /// <summary>the connection is open</summary>
        Welcome,
        /// <summary>one of a call's answers</summary>
        Part,
        /// <summary>a call's result</summary>
        Done,
        /// <summary>a call's error</summary>
        Fail,
        /// <summary>slots of the client that may be used again</summary>
        Free,
        /// <summary>the answer to a ping</summary>
        Pong,
        /// <summary>news that nobody asked for</summary>
        Note
    }

    /// <summary>The server's answer to a ping; microseconds.</summary>
    public readonly struct Pong
    {
        /// <summary>Makes a pong.</summary>
        public Pong(long c0, long s1, long s2)
        {
            C0 = c0;
            S1 = s1;
            S2 = s2;
        }

        /// <summary>Client's clock at the sending of the ping.</summary>
        public long C0 { get; }
        /// <summary>Server's clock at the reading of the ping.</summary>
        public long S1 { get; }
        /// <summary>Server's clock at the sending of this.</summary>
        public long S2 { get; }
    }
}
