using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>Which process answers an echo.</summary>
    public enum EchoWhere
    {
        /// <summary>the process that holds the connection</summary>
        Gateway,
        /// <summary>a process that runs models</summary>
        Engine
    }

    /// <summary>The ops <c>server.*</c>: health and figures.</summary>
    public static class ServerOps
    {
        private static readonly string[] Wheres = { "gateway", "engine" };
        private static readonly Op<EchoResult> EchoOp = new Op<EchoResult>("server.echo", EchoResult.Read, true);
        private static readonly Op<ServerStats> StatsOp = new Op<ServerStats>("server.stats", ServerStats.Read);

        /// <summary>Sends data or a picture or both, and gets the same back.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="data">Any value; nil for none.</param>
        /// <param name="image">A picture, which must keep still until this returns; null for none.</param>
        /// <param name="where">Which process answers.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<EchoResult> EchoAsync(
            this IVitrineCalls calls, WireValue data = default(WireValue), ImageFrame? image = null,
            EchoWhere where = EchoWhere.Gateway, CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap { { "where", OpArguments.Name(Wheres, (int)where, nameof(where)) } };
            arguments.AddValue("data", data);
            if (image.HasValue) { arguments.Add("image", OpArguments.Picture(image.Value, nameof(image))); }
            return EchoOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>The server's figures: providers, workers, queues, models and counters.</summary>
        public static Task<ServerStats> StatsAsync(
            this IVitrineCalls calls, CancellationToken cancel = default(CancellationToken))
        {
            return StatsOp.CallAsync(calls, null, cancel);
        }
    }

    /// <summary>What an echo brought back.</summary>
    public sealed class EchoResult : PictureResult
    {
        private readonly VitrineImage _image;

        private EchoResult(OpMap map) : base(map)
        {
            Data = map.Value("data");
            HasImage = map.TryImage("image", out _image);
        }

        /// <summary>The data, copied; nil if none was sent.</summary>
        public WireValue Data { get; }

        /// <summary>Whether there is a picture.</summary>
        public bool HasImage { get; }

        /// <summary>The picture; empty if none was sent.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        internal static EchoResult Read(OpMap map)
        {
            return new EchoResult(map);
        }
    }
}
