using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>The ops <c>shop.*</c> with one answer; <see cref="ShopTalkOps"/> has those in parts.</summary>
    public static class ShopOps
    {
        private static readonly string[] EventKinds =
        {
            "view", "dwell", "like", "dislike", "rate", "cart", "uncart", "buy",
        };

        private static readonly Op<Understanding> UnderstandOp =
            new Op<Understanding>("shop.understand", Understanding.Read);
        private static readonly Op<IReadOnlyList<TextScore>> CompleteOp =
            new Op<IReadOnlyList<TextScore>>("shop.complete", TextScore.ReadList);
        private static readonly Op<IReadOnlyList<ProductHit>> SearchOp =
            new Op<IReadOnlyList<ProductHit>>("shop.search", ProductHit.ReadList);
        private static readonly Op<IReadOnlyList<ProductHit>> RecommendOp =
            new Op<IReadOnlyList<ProductHit>>("shop.recommend", ProductHit.ReadList);
        private static readonly Op<ProductComparison> CompareOp =
            new Op<ProductComparison>("shop.compare", ProductComparison.Read);
        private static readonly Op<ShopReceipt> EventOp = new Op<ShopReceipt>("shop.event", ShopReceipt.Read);
        private static readonly Op<ProductRecord> ProductOp =
            new Op<ProductRecord>("shop.product", ProductRecord.Read, true);

        /// <summary>What a sentence asks for.</summary>
        public static Task<Understanding> UnderstandAsync(
            this IVitrineCalls calls, string text, CancellationToken cancel = default(CancellationToken))
        {
            return UnderstandOp.CallAsync(calls, With("text", text), cancel);
        }

        /// <summary>How what is being typed may go on, the likeliest first.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="prefix">What was typed; may be empty.</param>
        /// <param name="count">At most so many, 1 or more; null: as the server chooses.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<IReadOnlyList<TextScore>> CompleteAsync(
            this IVitrineCalls calls, string prefix, int? count = null,
            CancellationToken cancel = default(CancellationToken))
        {
            if (prefix == null) { throw new ArgumentNullException(nameof(prefix)); }
            var arguments = new WireMap { { "prefix", prefix } };
            arguments.AddInt("k", OpArguments.AtLeastOne(count, nameof(count)));
            return CompleteOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Searches the catalogue; a plain text converts to a query.</summary>
        public static Task<IReadOnlyList<ProductHit>> SearchAsync(
            this IVitrineCalls calls, ShopQuery query, CancellationToken cancel = default(CancellationToken))
        {
            if (query == null) { throw new ArgumentNullException(nameof(query)); }
            return SearchOp.CallAsync(calls, query.ToMap(), cancel);
        }

        /// <summary>Products that this person may like.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="count">At most so many, 1 or more; null: as the server chooses.</param>
        /// <param name="filters">Conditions by attribute; null for none.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<IReadOnlyList<ProductHit>> RecommendAsync(
            this IVitrineCalls calls, int? count = null, WireMap filters = null,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap();
            arguments.AddInt("k", OpArguments.AtLeastOne(count, nameof(count)));
            arguments.AddValue("filters", filters);
            return RecommendOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>Products side by side.</summary>
        public static Task<ProductComparison> CompareAsync(
            this IVitrineCalls calls, IReadOnlyList<string> products,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap { { "products", OpArguments.Texts(products, nameof(products)) } };
            return CompareOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>
        /// Says what the person did with a product. With a profile that consents it is kept on disk when this ends,
        /// else for the session only.
        /// </summary>
        /// <param name="calls">The client.</param>
        /// <param name="kind">What was done.</param>
        /// <param name="product">The product's id.</param>
        /// <param name="value">A rating, or how long; null where the kind says all.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<ShopReceipt> ShopEventAsync(
            this IVitrineCalls calls, ShopEventKind kind, string product, double? value = null,
            CancellationToken cancel = default(CancellationToken))
        {
            var arguments = new WireMap
            {
                { "kind", OpArguments.Name(EventKinds, (int)kind, nameof(kind)) },
                { "product", OpArguments.Text(product, nameof(product)) },
            };
            arguments.AddNumber("value", value);
            return EventOp.CallAsync(calls, arguments, cancel);
        }

        /// <summary>A product's record and pictures.</summary>
        public static Task<ProductRecord> ProductAsync(
            this IVitrineCalls calls, string product, CancellationToken cancel = default(CancellationToken))
        {
            return ProductOp.CallAsync(calls, With("product", product), cancel);
        }

        private static WireMap With(string key, string value)
        {
            return new WireMap { { key, OpArguments.Text(value, key) } };
        }
    }
}
