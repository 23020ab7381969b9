using System;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>The op <c>speech.listen</c>: speech to text while it is spoken.</summary>
    public static class SpeechOps
    {
        private static readonly StreamOp<SpeechPart, OpAnswer> ListenOp =
            new StreamOp<SpeechPart, OpAnswer>(
                "speech.listen", new Op<SpeechPart>("speech.listen", SpeechPart.Read),
                new Op<OpAnswer>("speech.listen", OpAnswer.Read), StreamOp<SpeechPart, OpAnswer>.TextParts);

        /// <summary>Begins to listen: push sound, read what was understood.</summary>
        public static Task<SpeechStream> ListenAsync(
            this IVitrineCalls calls, CancellationToken cancel = default(CancellationToken))
        {
            if (calls == null) { throw new ArgumentNullException(nameof(calls)); }
            return calls.DeliverAsync(OpenAsync(calls, cancel));
        }

        private static async Task<SpeechStream> OpenAsync(IVitrineCalls calls, CancellationToken cancel)
        {
            VitrineStream stream = await ListenOp.OpenRawAsync(calls, null, cancel).ConfigureAwait(false);
            return new SpeechStream(calls, stream, ListenOp);
        }
    }

    /// <summary>
    /// Speech that is being listened to. Nothing is dropped: more than 2 s of sound that waits to be read ends it with
    /// <c>overloaded</c>.
    /// </summary>
    public sealed class SpeechStream : VitrineStream<SpeechPart, OpAnswer>
    {
        internal SpeechStream(IVitrineCalls calls, VitrineStream stream, StreamOp<SpeechPart, OpAnswer> op)
            : base(calls, stream, op)
        {
        }

        /// <summary>
        /// Sends sound and returns at once; false when too much waits already or the stream takes no more input.
        /// </summary>
        /// <param name="pcm">16 kHz mono, 2 bytes a sample, signed, little-endian.</param>
        public bool TryPush(ArraySegment<byte> pcm)
        {
            return Raw.TryPush(Sound(pcm));
        }

        /// <summary>Sends sound, waiting for room in the queue; else as <see cref="TryPush"/>.</summary>
        public Task PushAsync(ArraySegment<byte> pcm)
        {
            return Raw.PushAsync(Sound(pcm));
        }

        /// <summary>No more sound: what was sent is understood, then the stream is done.</summary>
        public Task<OpAnswer> EndAsync()
        {
            return EndInputAsync();
        }

        /// <summary>Whole samples, at least one.</summary>
        internal static WireValue Samples(ArraySegment<byte> pcm, string name)
        {
            if (pcm.Array == null || pcm.Count == 0 || pcm.Count % 2 != 0)
            {
                throw new ArgumentException("sound is 2 bytes a sample, at least one sample", name);
            }
            return WireValue.Bin(pcm);
        }

        private static WireMap Sound(ArraySegment<byte> pcm)
        {
            return new WireMap { { "pcm", Samples(pcm, nameof(pcm)) } };
        }
    }

    /// <summary>What was understood: so far, or for good.</summary>
    public sealed class SpeechPart
    {
        private SpeechPart(OpMap map)
        {
            IsFinal = map.Has("final");
            Text = map.Text(IsFinal ? "final" : "partial");
            if (IsFinal)
            {
                Lang = map.Text("lang");
                StartUs = map.Int("t0_us");
                EndUs = map.Int("t1_us");
            }
        }

        /// <summary>False: the sentence still goes on, and the next part may say it otherwise.</summary>
        public bool IsFinal { get; }
        /// <summary>The text.</summary>
        public string Text { get; }
        /// <summary>The language, such as <c>zh</c> or <c>en</c>; null until final.</summary>
        public string Lang { get; }
        /// <summary>When the sentence began, microseconds of sound from the stream's start; 0 until final.</summary>
        public long StartUs { get; }
        /// <summary>When it ended; 0 until final.</summary>
        public long EndUs { get; }

        internal static SpeechPart Read(OpMap map)
        {
            return new SpeechPart(map);
        }
    }
}
