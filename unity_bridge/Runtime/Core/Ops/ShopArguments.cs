using System;

namespace Vitrine
{
    /// <summary>What a person did with a product.</summary>
    public enum ShopEventKind
    {
        /// <summary>looked at it</summary>
        View,
        /// <summary>stayed with it</summary>
        Dwell,
        /// <summary>liked it</summary>
        Like,
        /// <summary>disliked it</summary>
        Dislike,
        /// <summary>rated it</summary>
        Rate,
        /// <summary>put it into the cart</summary>
        Cart,
        /// <summary>took it out of the cart</summary>
        Uncart,
        /// <summary>bought it</summary>
        Buy
    }

    /// <summary>What to search for; a text converts to it by itself.</summary>
    public sealed class ShopQuery
    {
        /// <summary>Words.</summary>
        public string Text { get; set; }
        /// <summary>A picture of something alike; it must keep still until the call returns.</summary>
        public ImageFrame? Image { get; set; }
        /// <summary>Conditions by attribute.</summary>
        public WireMap Filters { get; set; }
        /// <summary>At most so many, 1 or more; null: as the server chooses.</summary>
        public int? Count { get; set; }

        /// <summary>A search for words.</summary>
        public static implicit operator ShopQuery(string text)
        {
            return new ShopQuery { Text = OpArguments.Text(text, nameof(text)) };
        }

        internal WireMap ToMap()
        {
            var map = new WireMap();
            map.AddText("text", Text);
            if (Image.HasValue) { map.Add("image", OpArguments.Picture(Image.Value, nameof(Image))); }
            map.AddValue("filters", Filters);
            map.AddInt("k", OpArguments.AtLeastOne(Count, nameof(Count)));
            return map;
        }
    }

    /// <summary>One turn of a person: any of speech, words, a picture, a gesture and what is looked at.</summary>
    public sealed class ShopTurn
    {
        /// <summary>Words.</summary>
        public string Text { get; set; }
        /// <summary>Speech: 16 kHz mono, 2 bytes a sample, signed, little-endian.</summary>
        public ArraySegment<byte> Audio { get; set; }
        /// <summary>A picture; it must keep still until the call returns.</summary>
        public ImageFrame? Image { get; set; }
        /// <summary>A gesture, by name or as <c>gesture.watch</c> answered it.</summary>
        public WireValue Gesture { get; set; }
        /// <summary>What is looked at, such as a product's id.</summary>
        public WireValue Focus { get; set; }

        internal WireMap ToMap()
        {
            var map = new WireMap();
            map.AddText("text", Text);
            if (Audio.Array != null) { map.Add("audio", SpeechStream.Samples(Audio, nameof(Audio))); }
            if (Image.HasValue) { map.Add("image", OpArguments.Picture(Image.Value, nameof(Image))); }
            map.AddValue("gesture", Gesture);
            map.AddValue("focus", Focus);
            if (map.Count == 0) { throw new ArgumentException("the turn holds nothing"); }
            return map;
        }
    }
}
