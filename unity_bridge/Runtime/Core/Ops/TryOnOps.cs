using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>What a stream of try-on answers.</summary>
    public enum TryOnOutput
    {
        /// <summary>the whole picture with what is worn</summary>
        Composite,
        /// <summary>only what is worn, with alpha, to lay over the camera's own picture</summary>
        Overlay
    }

    /// <summary>Options of <see cref="TryOnOps.OpenTryOnAsync(IVitrineCalls, IReadOnlyList{TryOnLayer}, TryOnOptions,
    /// CancellationToken)"/>.</summary>
    public sealed class TryOnOptions
    {
        /// <summary>The whole picture, or what is worn alone.</summary>
        public TryOnOutput Output { get; set; }

        /// <summary>Whether answers are flipped left to right, as a mirror shows them.</summary>
        public bool Mirror { get; set; }

        /// <summary>The form of the answers; null: that of the frames.</summary>
        public Want Want { get; set; }
    }

    /// <summary>The ops <c>tryon.*</c>.</summary>
    public static class TryOnOps
    {
        private static readonly string[] Outputs = { "composite", "overlay" };
        private static readonly Op<TryOnResult> StillOp = new Op<TryOnResult>("tryon.still", TryOnResult.Read, true);
        private static readonly Op<SizeAdvice> FitOp = new Op<SizeAdvice>("tryon.fit", SizeAdvice.Read);
        private static readonly StreamOp<TryOnFrame, TryOnSummary> StreamOp =
            new StreamOp<TryOnFrame, TryOnSummary>(
                "tryon.stream", new Op<TryOnFrame>("tryon.stream", TryOnFrame.Read, true),
                new Op<TryOnSummary>("tryon.stream", TryOnSummary.Read), 1, true);
        private static readonly StreamOp<TryOnView, OpAnswer> ViewsOp =
            new StreamOp<TryOnView, OpAnswer>(
                "tryon.views", new Op<TryOnView>("tryon.views", TryOnView.Read, true),
                new Op<OpAnswer>("tryon.views", OpAnswer.Read), StreamOp<TryOnView, OpAnswer>.PictureParts);

        /// <summary>Tries a product on in one picture.</summary>
        public static Task<TryOnResult> TryOnAsync(
            this IVitrineCalls calls, in ImageFrame image, string product,
            CancellationToken cancel = default(CancellationToken))
        {
            return TryOnAsync(calls, image, new[] { new TryOnLayer(product) }, null, cancel);
        }

        /// <summary>Tries things on in one picture, in the order in which they are put on.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="image">The person; the picture must keep still until this returns.</param>
        /// <param name="layers">What to put on; empty shows the person as they are.</param>
        /// <param name="want">The form of the answer; null: that of the picture.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<TryOnResult> TryOnAsync(
            this IVitrineCalls calls, in ImageFrame image, IReadOnlyList<TryOnLayer> layers, Want want = null,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap
            {
                { "image", OpArguments.Picture(image, nameof(image)) }, { "layers", OpArguments.Layers(layers) },
            };
            arguments.AddWant(want);
            return StillOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Opens a live try-on of one product: push frames, take the newest answer.</summary>
        public static Task<TryOnStream> OpenTryOnAsync(
            this IVitrineCalls calls, string product, CancellationToken cancel = default(CancellationToken))
        {
            return OpenTryOnAsync(calls, new[] { new TryOnLayer(product) }, null, cancel);
        }

        /// <summary>Opens a live try-on; layers may be changed while it runs.</summary>
        public static Task<TryOnStream> OpenTryOnAsync(
            this IVitrineCalls calls, IReadOnlyList<TryOnLayer> layers, TryOnOptions options = null,
            CancellationToken cancel = default(CancellationToken))
        {
            if (calls == null) { throw new ArgumentNullException(nameof(calls)); }
            var arguments = new WireMap { { "layers", OpArguments.Layers(layers) } };
            if (options != null)
            {
                arguments.Add("output", OpArguments.Name(Outputs, (int)options.Output, nameof(options)));
                arguments.Add("mirror", options.Mirror);
                arguments.AddWant(options.Want);
            }
            return calls.DeliverAsync(OpenAsync(calls, arguments, cancel));
        }

        /// <summary>Which size of a product fits a body.</summary>
        public static Task<SizeAdvice> FitAsync(
            this IVitrineCalls calls, string product, BodyMeasures body,
            CancellationToken cancel = default(CancellationToken))
        {
            if (body == null) { throw new ArgumentNullException(nameof(body)); }
            if (body.Count == 0) { throw new ArgumentException("no measure is given", nameof(body)); }
            var arguments = new WireMap
            {
                { "product", OpArguments.Text(product, nameof(product)) }, { "body", body.ToMap() },
            };
            return FitOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Which size of a product fits the person in the pictures.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="product">The product's id.</param>
        /// <param name="images">Pictures of one person, head to foot.</param>
        /// <param name="heightCm">How tall the person is, cm.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<SizeAdvice> FitAsync(
            this IVitrineCalls calls, string product, IReadOnlyList<ImageFrame> images, double heightCm,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap
            {
                { "product", OpArguments.Text(product, nameof(product)) },
                { "images", OpArguments.Pictures(images, nameof(images)) },
                { "height_cm", OpArguments.Positive(heightCm, nameof(heightCm)) },
            };
            return FitOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Shows the person with what is worn from several sides, one part a view.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="images">Pictures of one person.</param>
        /// <param name="layers">What to put on.</param>
        /// <param name="yawsDeg">Angles around the vertical, degrees; null: as the server chooses.</param>
        /// <param name="cancel">Ends the stream.</param>
        public static Task<VitrineStream<TryOnView, OpAnswer>> TryOnViewsAsync(
            this IVitrineCalls calls, IReadOnlyList<ImageFrame> images, IReadOnlyList<TryOnLayer> layers,
            IReadOnlyList<double> yawsDeg = null, CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap
            {
                { "images", OpArguments.Pictures(images, nameof(images)) }, { "layers", OpArguments.Layers(layers) },
            };
            if (yawsDeg != null) { arguments.Add("yaws_deg", OpArguments.Numbers(yawsDeg, nameof(yawsDeg))); }
            return ViewsOp.OpenAsync(calls, arguments, cancel);
        }

        private static async Task<TryOnStream> OpenAsync(
            IVitrineCalls calls, WireMap arguments, CancellationToken cancel)
        {
            VitrineStream stream = await StreamOp.OpenRawAsync(calls, arguments, cancel).ConfigureAwait(false);
            return new TryOnStream(calls, stream, StreamOp);
        }
    }
}
