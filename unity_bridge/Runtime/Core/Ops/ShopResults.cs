using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>What a sentence asks for.</summary>
    public sealed class Understanding
    {
        private Understanding(OpMap map)
        {
            Lang = map.Text("lang");
            Intent = map.Text("intent");
            Slots = map.Items("slots", SlotValue.Read);
        }

        /// <summary>The language: <c>zh</c> or <c>en</c>.</summary>
        public string Lang { get; }
        /// <summary>What is wanted, by name.</summary>
        public string Intent { get; }
        /// <summary>The particulars.</summary>
        public IReadOnlyList<SlotValue> Slots { get; }

        internal static Understanding Read(OpMap map)
        {
            return new Understanding(map);
        }
    }

    /// <summary>A particular of a sentence.</summary>
    public sealed class SlotValue
    {
        private SlotValue(OpMap map)
        {
            Name = map.Text("name");
            Value = map.Value("value");
            Start = map.Int("start");
            End = map.Int("end");
            Score = map.Number("score");
        }

        /// <summary>What it is, such as a colour.</summary>
        public string Name { get; }
        /// <summary>Its value.</summary>
        public WireValue Value { get; }
        /// <summary>Where it begins, code points: not chars, of which some signs take two.</summary>
        public long Start { get; }
        /// <summary>Where it has ended, code points.</summary>
        public long End { get; }
        /// <summary>The higher, the surer.</summary>
        public double Score { get; }

        internal static SlotValue Read(OpMap map)
        {
            return new SlotValue(map);
        }
    }

    /// <summary>A text and how likely it is.</summary>
    public sealed class TextScore
    {
        private TextScore(OpMap map)
        {
            Text = map.Text("text");
            Score = map.Number("score");
        }

        /// <summary>The text.</summary>
        public string Text { get; }
        /// <summary>The higher, the likelier.</summary>
        public double Score { get; }

        private static TextScore Read(OpMap map)
        {
            return new TextScore(map);
        }

        internal static IReadOnlyList<TextScore> ReadList(OpMap map)
        {
            return map.Items("items", Read);
        }
    }

    /// <summary>A product that was found.</summary>
    public sealed class ProductHit
    {
        private ProductHit(OpMap map)
        {
            Product = map.Text("product");
            Score = map.Number("score");
            Why = map.TextOrTexts("why");
        }

        /// <summary>The product's id.</summary>
        public string Product { get; }
        /// <summary>The higher, the better.</summary>
        public double Score { get; }
        /// <summary>Why it was found; may be empty.</summary>
        public IReadOnlyList<string> Why { get; }

        internal static ProductHit Read(OpMap map)
        {
            return new ProductHit(map);
        }

        internal static IReadOnlyList<ProductHit> ReadList(OpMap map)
        {
            return map.Items("items", Read);
        }
    }

    /// <summary>Products side by side.</summary>
    public sealed class ProductComparison
    {
        private ProductComparison(OpMap map)
        {
            Rows = map.Items("rows", ComparisonRow.Read);
            Say = map.Text("say");
        }

        /// <summary>One attribute a row.</summary>
        public IReadOnlyList<ComparisonRow> Rows { get; }
        /// <summary>The difference in words.</summary>
        public string Say { get; }

        internal static ProductComparison Read(OpMap map)
        {
            return new ProductComparison(map);
        }
    }

    /// <summary>One attribute of several products.</summary>
    public sealed class ComparisonRow
    {
        private ComparisonRow(OpMap map)
        {
            Attribute = map.Text("attribute");
            Values = map.Values("values");
        }

        /// <summary>The attribute.</summary>
        public string Attribute { get; }
        /// <summary>Its value of each product, in the order that was asked for.</summary>
        public IReadOnlyList<WireValue> Values { get; }

        internal static ComparisonRow Read(OpMap map)
        {
            return new ComparisonRow(map);
        }
    }

    /// <summary>An event that was taken.</summary>
    public sealed class ShopReceipt
    {
        private ShopReceipt(OpMap map)
        {
            Sequence = map.Int("seq");
        }

        /// <summary>The event's number, rising.</summary>
        public long Sequence { get; }

        internal static ShopReceipt Read(OpMap map)
        {
            return new ShopReceipt(map);
        }
    }

    /// <summary>A product's record and pictures.</summary>
    public sealed class ProductRecord : PictureResult
    {
        private readonly IReadOnlyList<VitrineImage> _images;

        private ProductRecord(OpMap map) : base(map)
        {
            _images = map.Has("images") ? map.Images("images") : new VitrineImage[0];
            Data = new WireMap();
            foreach (string key in map.Keys())
            {
                if (key != "images") { Data.Add(key, map.Value(key)); }
            }
        }

        /// <summary>The record's keys, without the pictures.</summary>
        public WireMap Data { get; }

        /// <summary>The pictures.</summary>
        public IReadOnlyList<VitrineImage> Images
        {
            get
            {
                CheckLive();
                return _images;
            }
        }

        internal static ProductRecord Read(OpMap map)
        {
            return new ProductRecord(map);
        }
    }
}
