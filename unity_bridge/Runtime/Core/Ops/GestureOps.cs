using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>A hand.</summary>
    public enum HandSide
    {
        /// <summary>the left one</summary>
        Left,
        /// <summary>the right one</summary>
        Right
    }

    /// <summary>The op <c>gesture.watch</c>: what hands mean.</summary>
    public static class GestureOps
    {
        private static readonly StreamOp<GesturePart, OpAnswer> WatchOp =
            new StreamOp<GesturePart, OpAnswer>(
                "gesture.watch", new Op<GesturePart>("gesture.watch", GesturePart.Read),
                new Op<OpAnswer>("gesture.watch", OpAnswer.Read), StreamOp<GesturePart, OpAnswer>.TextParts);

        /// <summary>Begins to watch hands: push their joints, read the gestures.</summary>
        public static Task<GestureStream> WatchGesturesAsync(
            this IVitrineCalls calls, CancellationToken cancel = default(CancellationToken))
        {
            if (calls == null) { throw new ArgumentNullException(nameof(calls)); }
            return calls.DeliverAsync(OpenAsync(calls, cancel));
        }

        private static async Task<GestureStream> OpenAsync(IVitrineCalls calls, CancellationToken cancel)
        {
            VitrineStream stream = await WatchOp.OpenRawAsync(calls, null, cancel).ConfigureAwait(false);
            return new GestureStream(calls, stream, WatchOp);
        }
    }

    /// <summary>
    /// Hands that are being watched. Nothing is dropped: more than 2 s of input that waits to be read ends it with
    /// <c>overloaded</c>.
    /// </summary>
    public sealed class GestureStream : VitrineStream<GesturePart, OpAnswer>
    {
        /// <summary>Bytes of a hand: 26 joints of 7 float 32.</summary>
        public const int JointBytes = 26 * 7 * 4;

        private static readonly string[] Hands = { "left", "right" };

        internal GestureStream(IVitrineCalls calls, VitrineStream stream, StreamOp<GesturePart, OpAnswer> op)
            : base(calls, stream, op)
        {
        }

        /// <summary>
        /// Sends a hand and returns at once; false when too much waits already or the stream takes no more input.
        /// </summary>
        /// <param name="hand">Which hand.</param>
        /// <param name="joints">
        /// <see cref="JointBytes"/> bytes: the joints of XR Hands in the order of XRHandJointID, each position x y z in
        /// metres and rotation x y z w, little-endian.
        /// </param>
        /// <param name="timeUs">When, microseconds of the caller's clock.</param>
        public bool TryPush(HandSide hand, ArraySegment<byte> joints, long timeUs)
        {
            return Raw.TryPush(Joints(hand, joints, timeUs));
        }

        /// <summary>Sends a hand, waiting for room in the queue; else as <see cref="TryPush"/>.</summary>
        public Task PushAsync(HandSide hand, ArraySegment<byte> joints, long timeUs)
        {
            return Raw.PushAsync(Joints(hand, joints, timeUs));
        }

        /// <summary>No more input: what was sent is looked at, then the stream is done.</summary>
        public Task<OpAnswer> EndAsync()
        {
            return EndInputAsync();
        }

        private static WireMap Joints(HandSide hand, ArraySegment<byte> joints, long timeUs)
        {
            if (joints.Array == null || joints.Count != JointBytes)
            {
                throw new ArgumentException("a hand has exactly " + JointBytes + " bytes", nameof(joints));
            }
            return new WireMap
            {
                { "hand", OpArguments.Name(Hands, (int)hand, nameof(hand)) },
                { "joints", WireValue.Bin(joints) },
                { "t_us", timeUs },
            };
        }
    }

    /// <summary>A gesture.</summary>
    public sealed class GesturePart
    {
        private GesturePart(OpMap map)
        {
            Gesture = map.Text("gesture");
            Phase = map.Text("phase");
            Confidence = map.Number("confidence");
            Value = map.Value("value");
        }

        /// <summary>The gesture's name.</summary>
        public string Gesture { get; }
        /// <summary>Where it stands, such as its beginning or its end, by name.</summary>
        public string Phase { get; }
        /// <summary>From 0 to 1.</summary>
        public double Confidence { get; }
        /// <summary>How far, for gestures that measure something, as the server gives it; else nil.</summary>
        public WireValue Value { get; }

        internal static GesturePart Read(OpMap map)
        {
            return new GesturePart(map);
        }
    }
}
