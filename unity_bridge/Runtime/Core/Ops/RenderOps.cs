using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>The ops <c>render.*</c>: pictures that are made or changed.</summary>
    public static class RenderOps
    {
        private static readonly StreamOp<RenderStep, RenderResult> ImageOp =
            new StreamOp<RenderStep, RenderResult>(
                "render.image", new Op<RenderStep>("render.image", RenderStep.Read, true),
                new Op<RenderResult>("render.image", RenderResult.Read, true),
                StreamOp<RenderStep, RenderResult>.PictureParts, true);
        private static readonly StreamOp<RenderView, OpAnswer> ViewsOp =
            new StreamOp<RenderView, OpAnswer>(
                "render.views", new Op<RenderView>("render.views", RenderView.Read, true),
                new Op<OpAnswer>("render.views", OpAnswer.Read), StreamOp<RenderView, OpAnswer>.PictureParts);
        private static readonly Op<CutoutResult> CutoutOp =
            new Op<CutoutResult>("render.cutout", CutoutResult.Read, true);
        private static readonly Op<StylizeResult> StylizeOp =
            new Op<StylizeResult>("render.stylize", StylizeResult.Read, true);
        private static readonly Op<ReliefResult> ReliefOp = new Op<ReliefResult>("render.relief", ReliefResult.Read);

        /// <summary>Makes a picture; the parts are previews, of which unread ones may be dropped.</summary>
        public static Task<VitrineStream<RenderStep, RenderResult>> RenderImageAsync(
            this IVitrineCalls calls, RenderRequest request, CancellationToken cancel = default(CancellationToken))
        {
            if (request == null) { throw new ArgumentNullException(nameof(request)); }
            return ImageOp.OpenAsync(calls, request.ToMap(), cancel);
        }

        /// <summary>Cuts what a picture shows out of its background.</summary>
        public static Task<CutoutResult> CutoutAsync(
            this IVitrineCalls calls, in ImageFrame image, CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap { { "image", OpArguments.Picture(image, nameof(image)) } };
            return CutoutOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Redraws a picture in a style.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="image">The picture, which must keep still until this returns.</param>
        /// <param name="style">A style's name, or a picture in that style.</param>
        /// <param name="strength">How much; null: as the server chooses.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<StylizeResult> StylizeAsync(
            this IVitrineCalls calls, in ImageFrame image, NameOrImage style, double? strength = null,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap
            {
                { "image", OpArguments.Picture(image, nameof(image)) }, { "style", style.ToValue(nameof(style)) },
            };
            arguments.AddNumber("strength", strength);
            return StylizeOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Shows a thing from several sides, one part a view.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="source">A product's id, or a picture of the thing.</param>
        /// <param name="yawsDeg">Angles around the vertical, degrees.</param>
        /// <param name="cancel">Ends the stream.</param>
        public static Task<VitrineStream<RenderView, OpAnswer>> RenderViewsAsync(
            this IVitrineCalls calls, NameOrImage source, IReadOnlyList<double> yawsDeg,
            CancellationToken cancel = default(CancellationToken))
        {
            WireMap arguments = source.ToSource(nameof(source));
            arguments.Add("yaws_deg", OpArguments.Numbers(yawsDeg, nameof(yawsDeg)));
            return ViewsOp.OpenAsync(calls, arguments, cancel);
        }

        /// <summary>Shows a thing from so many sides all around, one part a view.</summary>
        public static Task<VitrineStream<RenderView, OpAnswer>> RenderViewsAsync(
            this IVitrineCalls calls, NameOrImage source, int count,
            CancellationToken cancel = default(CancellationToken))
        {
            WireMap arguments = source.ToSource(nameof(source));
            arguments.AddInt("count", OpArguments.AtLeastOne(count, nameof(count)));
            return ViewsOp.OpenAsync(calls, arguments, cancel);
        }

        /// <summary>Makes a flat relief of a picture.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="image">The picture, which must keep still until this returns.</param>
        /// <param name="heightM">How high it is to be, metres; null: as the server chooses.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<ReliefResult> ReliefAsync(
            this IVitrineCalls calls, in ImageFrame image, double? heightM = null,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap { { "image", OpArguments.Picture(image, nameof(image)) } };
            if (heightM.HasValue) { arguments.Add("height_m", OpArguments.Positive(heightM.Value, nameof(heightM))); }
            return ReliefOp.CallAsync(calls, arguments, cancel);
        }
    }

    /// <summary>A name, such as a product's id, or a picture; both convert to it by themselves.</summary>
    public readonly struct NameOrImage
    {
        private readonly string _name;
        private readonly ImageFrame _image;

        private NameOrImage(string name, in ImageFrame image)
        {
            _name = name;
            _image = image;
        }

        /// <summary>Whether it is neither.</summary>
        public bool IsNone
        {
            get { return _name == null && _image.ByteCount == 0; }
        }

        /// <summary>A name.</summary>
        public static implicit operator NameOrImage(string name)
        {
            return new NameOrImage(name, default(ImageFrame));
        }

        /// <summary>A picture.</summary>
        public static implicit operator NameOrImage(ImageFrame image)
        {
            return new NameOrImage(null, image);
        }

        internal WireValue ToValue(string argument)
        {
            return _name == null ? OpArguments.Picture(_image, argument) : OpArguments.Text(_name, argument);
        }

        internal WireMap ToSource(string argument)
        {
            return new WireMap { { _name == null ? "image" : "product", ToValue(argument) } };
        }
    }
}
