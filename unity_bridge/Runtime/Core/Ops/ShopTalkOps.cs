using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>The ops <c>shop.*</c> that answer in parts.</summary>
    public static class ShopTalkOps
    {
        private static readonly StreamOp<TextPart, TextPart> DescribeOp =
            new StreamOp<TextPart, TextPart>(
                "shop.describe", new Op<TextPart>("shop.describe", TextPart.Read),
                new Op<TextPart>("shop.describe", TextPart.Read), StreamOp<TextPart, TextPart>.TextParts);
        private static readonly StreamOp<TextPart, GuideResult> GuideOp =
            new StreamOp<TextPart, GuideResult>(
                "shop.guide", new Op<TextPart>("shop.guide", TextPart.Read),
                new Op<GuideResult>("shop.guide", GuideResult.Read), StreamOp<TextPart, GuideResult>.TextParts);
        private static readonly StreamOp<OpAnswer, TurnResult> TurnOp =
            new StreamOp<OpAnswer, TurnResult>(
                "shop.turn", new Op<OpAnswer>("shop.turn", OpAnswer.Read),
                new Op<TurnResult>("shop.turn", TurnResult.Read), StreamOp<OpAnswer, TurnResult>.TextParts);

        /// <summary>Describes a product; the parts are pieces of the text, the result is all of it.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="product">The product's id.</param>
        /// <param name="tone">How it should sound; null: as the server chooses.</param>
        /// <param name="cancel">Ends the stream.</param>
        public static Task<VitrineStream<TextPart, TextPart>> DescribeAsync(
            this IVitrineCalls calls, string product, string tone = null,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap { { "product", OpArguments.Text(product, nameof(product)) } };
            arguments.AddText("tone", tone);
            return DescribeOp.OpenAsync(calls, arguments, cancel);
        }

        /// <summary>Asks the shop's guide, who remembers what was said before.</summary>
        public static Task<VitrineStream<TextPart, GuideResult>> GuideAsync(
            this IVitrineCalls calls, string text, CancellationToken cancel = default(CancellationToken))
        {
            return GuideOp.OpenAsync(calls, Said(text), cancel);
        }

        /// <summary>Asks the shop's guide; <paramref name="reset"/> makes it forget what was said before.</summary>
        public static Task<VitrineStream<TextPart, GuideResult>> GuideAsync(
            this IVitrineCalls calls, string text, bool reset, CancellationToken cancel = default(CancellationToken))
        {
            WireMap arguments = Said(text);
            arguments.Add("reset", reset);
            return GuideOp.OpenAsync(calls, arguments, cancel);
        }

        /// <summary>Answers one turn of a person.</summary>
        public static Task<VitrineStream<OpAnswer, TurnResult>> TurnAsync(
            this IVitrineCalls calls, ShopTurn turn, CancellationToken cancel = default(CancellationToken))
        {
            if (turn == null) { throw new ArgumentNullException(nameof(turn)); }
            return TurnOp.OpenAsync(calls, turn.ToMap(), cancel);
        }

        private static WireMap Said(string text)
        {
            return new WireMap { { "text", OpArguments.Text(text, nameof(text)) } };
        }
    }

    /// <summary>A text, or a piece of one.</summary>
    public sealed class TextPart
    {
        private TextPart(OpMap map)
        {
            Text = map.Text("text");
        }

        /// <summary>The text.</summary>
        public string Text { get; }

        internal static TextPart Read(OpMap map)
        {
            return new TextPart(map);
        }
    }

    /// <summary>What the guide answered.</summary>
    public sealed class GuideResult
    {
        private GuideResult(OpMap map)
        {
            Text = map.Text("text");
            Products = map.Texts("products");
            GroundedIn = map.Value("grounded_in");
        }

        /// <summary>The whole answer.</summary>
        public string Text { get; }
        /// <summary>Ids of the products that it speaks of.</summary>
        public IReadOnlyList<string> Products { get; }
        /// <summary>What it rests on, in the form that the server gives it.</summary>
        public WireValue GroundedIn { get; }

        internal static GuideResult Read(OpMap map)
        {
            return new GuideResult(map);
        }
    }

    /// <summary>What a turn led to.</summary>
    public sealed class TurnResult
    {
        private TurnResult(OpMap map)
        {
            Intent = map.Text("intent");
            Results = map.Values("results");
            Weights = map.NumbersByName("weights");
            Say = map.Text("say");
        }

        /// <summary>What is wanted, by name.</summary>
        public string Intent { get; }
        /// <summary>What was found, in the form that the server gives it.</summary>
        public IReadOnlyList<WireValue> Results { get; }
        /// <summary>How much each modality counted, by name.</summary>
        public IReadOnlyDictionary<string, double> Weights { get; }
        /// <summary>What to say.</summary>
        public string Say { get; }

        internal static TurnResult Read(OpMap map)
        {
            return new TurnResult(map);
        }
    }
}
