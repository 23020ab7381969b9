using System;
using System.Collections;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>One thing to try on: a product of the catalogue, or a picture of one.</summary>
    public sealed class TryOnLayer
    {
        private readonly string _product;
        private readonly ImageFrame _image;
        private readonly string _kind;
        private readonly string _size;
        private readonly string _colour;

        /// <summary>A product, in its own size and colour unless others are given.</summary>
        /// <param name="product">The product's id, such as <c>sample-top-1</c>.</param>
        /// <param name="size">A size of the product's chart, such as <c>M</c>.</param>
        /// <param name="colour">A colour of the product, or <c>#rrggbb</c>.</param>
        public TryOnLayer(string product, string size = null, string colour = null)
        {
            _product = OpArguments.Text(product, nameof(product));
            _size = size;
            _colour = colour;
        }

        /// <summary>
        /// A picture of a product alone; its bytes must keep still as long as the layer is sent with calls.
        /// </summary>
        /// <param name="image">The picture, with alpha or on a plain background.</param>
        /// <param name="kind">What it is: <c>glasses</c> or <c>top</c>; newer servers know more.</param>
        /// <param name="size">A size, where the kind has some.</param>
        /// <param name="colour">A colour <c>#rrggbb</c>.</param>
        public TryOnLayer(in ImageFrame image, string kind, string size = null, string colour = null)
        {
            OpArguments.Picture(image, nameof(image));
            _image = image;
            _kind = OpArguments.Text(kind, nameof(kind));
            _size = size;
            _colour = colour;
        }

        /// <summary>The product's id; null for a picture.</summary>
        public string Product
        {
            get { return _product; }
        }

        /// <summary>What the picture shows; null for a product.</summary>
        public string Kind
        {
            get { return _kind; }
        }

        /// <summary>The size; null for the product's own.</summary>
        public string Size
        {
            get { return _size; }
        }

        /// <summary>The colour; null for the product's own.</summary>
        public string Colour
        {
            get { return _colour; }
        }

        internal WireMap ToMap()
        {
            var map = new WireMap();
            map.AddText("product", _product);
            if (_product == null) { map.Add("image", _image); }
            map.AddText("kind", _kind);
            map.AddText("size", _size);
            map.AddText("colour", _colour);
            return map;
        }
    }

    /// <summary>
    /// Measures of a body, cm by zone: <c>new BodyMeasures { { "chest", 96 }, { "waist", 80 } }</c>.
    /// </summary>
    public sealed class BodyMeasures : IEnumerable<KeyValuePair<string, double>>
    {
        private readonly List<KeyValuePair<string, double>> _zones = new List<KeyValuePair<string, double>>();

        /// <summary>Zones in it.</summary>
        public int Count
        {
            get { return _zones.Count; }
        }

        /// <summary>Adds a zone, cm above 0; throws <see cref="ArgumentException"/> for one that is there.</summary>
        public void Add(string zone, double cm)
        {
            OpArguments.Text(zone, nameof(zone));
            OpArguments.Positive(cm, nameof(cm));
            foreach (KeyValuePair<string, double> other in _zones)
            {
                if (other.Key == zone) { throw new ArgumentException(zone + " is there already", nameof(zone)); }
            }
            _zones.Add(new KeyValuePair<string, double>(zone, cm));
        }

        /// <inheritdoc/>
        public IEnumerator<KeyValuePair<string, double>> GetEnumerator()
        {
            return _zones.GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        internal WireMap ToMap()
        {
            var map = new WireMap();
            foreach (KeyValuePair<string, double> zone in _zones) { map.Add(zone.Key, zone.Value); }
            return map;
        }
    }
}
