using System.Collections.Generic;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>
    /// A live try-on. Push frames at the camera's rate and take the newest answer once a frame: older ones are dropped
    /// at both ends and counted. Either poll with <see cref="TryTakeNewest"/>, which allocates nothing, or await
    /// <see cref="VitrineStream{TPart,TDone}.NextAsync"/>; not both at once.
    /// </summary>
    public sealed class TryOnStream : VitrineStream<TryOnFrame, TryOnSummary>
    {
        internal TryOnStream(IVitrineCalls calls, VitrineStream stream, StreamOp<TryOnFrame, TryOnSummary> op)
            : base(calls, stream, op)
        {
        }

        /// <summary>Completes with the stream; faulted when that failed. The reply is not the caller's.</summary>
        public Task Ended
        {
            get { return Raw.Completion; }
        }

        /// <summary>
        /// Sends a frame: copies it to shared memory where a slot is free, else into the message, and returns at once.
        /// False: too much waits already or the stream takes no more input; skip this frame. Allocates nothing.
        /// </summary>
        /// <param name="number">The frame's number from 0, which comes back with the answer.</param>
        /// <param name="timeUs">When it was taken, microseconds of the caller's clock; comes back too.</param>
        /// <param name="frame">The picture.</param>
        public bool TryPush(long number, long timeUs, in ImageFrame frame)
        {
            return Raw.TryPushImage(number, timeUs, frame);
        }

        /// <summary>Changes what is worn from the next frame on; false as for <see cref="TryPush"/>.</summary>
        public bool TryPushLayers(IReadOnlyList<TryOnLayer> layers)
        {
            return Raw.TryPush(Worn(layers));
        }

        /// <summary>
        /// Changes what is worn, waiting for room in the queue. Throws the stream's error once that has ended.
        /// </summary>
        public Task PushLayersAsync(IReadOnlyList<TryOnLayer> layers)
        {
            return Raw.PushAsync(Worn(layers));
        }

        /// <summary>
        /// Takes the newest answer that waits, which the caller disposes; older ones are dropped. Allocates nothing;
        /// read it with <see cref="TryOnPart"/>.
        /// </summary>
        public bool TryTakeNewest(out VitrineReply part)
        {
            part = null;
            VitrineReply newer;
            while (Raw.TryReadPart(out newer))
            {
                if (part != null) { part.Dispose(); }
                part = newer;
            }
            return part != null;
        }

        /// <summary>No more frames: those that were sent are answered, then comes the result.</summary>
        public Task<TryOnSummary> EndAsync()
        {
            return EndInputAsync();
        }

        private static WireMap Worn(IReadOnlyList<TryOnLayer> layers)
        {
            return new WireMap { { "layers", OpArguments.Layers(layers) } };
        }
    }
}
