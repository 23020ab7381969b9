using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>What to find in a picture.</summary>
    public enum SegmentTarget
    {
        /// <summary>people</summary>
        Person,
        /// <summary>the product that the picture is about</summary>
        Product,
        /// <summary>what people wear, by class</summary>
        Clothes
    }

    /// <summary>The ops <c>vision.*</c>: what is in a picture.</summary>
    public static class VisionOps
    {
        private static readonly string[] Targets = { "person", "product", "clothes" };
        private static readonly Op<IReadOnlyList<LabelScore>> ClassifyOp =
            new Op<IReadOnlyList<LabelScore>>("vision.classify", LabelScore.ReadList);
        private static readonly Op<SegmentResult> SegmentOp =
            new Op<SegmentResult>("vision.segment", SegmentResult.Read, true);
        private static readonly Op<IReadOnlyList<TextBox>> ReadOp =
            new Op<IReadOnlyList<TextBox>>("vision.read", TextBox.ReadList);

        /// <summary>What a picture shows, the likeliest first.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="image">The picture, which must keep still until this returns.</param>
        /// <param name="labels">What to choose from; null: the server's own labels.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<IReadOnlyList<LabelScore>> ClassifyAsync(
            this IVitrineCalls calls, in ImageFrame image, IReadOnlyList<string> labels = null,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap { { "image", OpArguments.Picture(image, nameof(image)) } };
            if (labels != null) { arguments.Add("labels", OpArguments.Texts(labels, nameof(labels))); }
            return ClassifyOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Where in a picture something is.</summary>
        public static Task<SegmentResult> SegmentAsync(
            this IVitrineCalls calls, in ImageFrame image, SegmentTarget what = SegmentTarget.Person,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap
            {
                { "image", OpArguments.Picture(image, nameof(image)) },
                { "what", OpArguments.Name(Targets, (int)what, nameof(what)) },
            };
            return SegmentOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Reads the text in a picture, such as a label's.</summary>
        public static Task<IReadOnlyList<TextBox>> ReadTextAsync(
            this IVitrineCalls calls, in ImageFrame image, CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap { { "image", OpArguments.Picture(image, nameof(image)) } };
            return ReadOp.CallAsync(calls, arguments, cancel);
        }
    }

    /// <summary>A label and how sure it is.</summary>
    public sealed class LabelScore
    {
        private LabelScore(OpMap map)
        {
            Label = map.Text("label");
            Score = map.Number("score");
        }

        /// <summary>The label.</summary>
        public string Label { get; }
        /// <summary>The higher, the surer.</summary>
        public double Score { get; }

        private static LabelScore Read(OpMap map)
        {
            return new LabelScore(map);
        }

        internal static IReadOnlyList<LabelScore> ReadList(OpMap map)
        {
            return map.Items("items", Read);
        }
    }

    /// <summary>Where something is in a picture.</summary>
    public sealed class SegmentResult : PictureResult
    {
        private readonly VitrineImage _mask;

        private SegmentResult(OpMap map) : base(map)
        {
            _mask = map.Image("mask");
            if (_mask.Format != ImageFormat.R8) { throw map.Broken("mask"); }
            Classes = map.Value("classes");
        }

        /// <summary>1 byte a pixel, the size of the picture: 255 where it is, or the class's number.</summary>
        public VitrineImage Mask
        {
            get { return Live(_mask); }
        }

        /// <summary>What the numbers stand for, in the form that the server gives it; nil without classes.</summary>
        public WireValue Classes { get; }

        internal static SegmentResult Read(OpMap map)
        {
            return new SegmentResult(map);
        }
    }

    /// <summary>A piece of text in a picture.</summary>
    public sealed class TextBox
    {
        private TextBox(OpMap map)
        {
            Text = map.Text("text");
            Box = map.Numbers("box");
            Score = map.Number("score");
        }

        /// <summary>The text.</summary>
        public string Text { get; }
        /// <summary>Where it is, pixels of the picture that was sent, as the server orders them.</summary>
        public IReadOnlyList<double> Box { get; }
        /// <summary>The higher, the surer.</summary>
        public double Score { get; }

        private static TextBox Read(OpMap map)
        {
            return new TextBox(map);
        }

        internal static IReadOnlyList<TextBox> ReadList(OpMap map)
        {
            return map.Items("items", Read);
        }
    }
}
