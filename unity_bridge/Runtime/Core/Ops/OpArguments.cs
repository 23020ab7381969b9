using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>Checks arguments that the server would refuse for certain, and writes those that are there.</summary>
    internal static class OpArguments
    {
        internal static void AddText(this WireMap map, string key, string value)
        {
            if (value != null) { map.Add(key, value); }
        }

        internal static void AddInt(this WireMap map, string key, long? value)
        {
            if (value.HasValue) { map.Add(key, value.Value); }
        }

        internal static void AddNumber(this WireMap map, string key, double? value)
        {
            if (value.HasValue) { map.Add(key, Finite(value.Value, key)); }
        }

        internal static void AddValue(this WireMap map, string key, in WireValue value)
        {
            if (value.Kind != WireKind.Nil) { map.Add(key, value); }
        }

        internal static void AddWant(this WireMap map, Want want)
        {
            if (want != null) { map.Add("want", want.ToMap()); }
        }

        /// <summary>Text that is not null or empty.</summary>
        internal static string Text(string value, string name)
        {
            if (string.IsNullOrEmpty(value)) { throw new ArgumentException(name + " is empty", name); }
            return value;
        }

        internal static double Finite(double value, string name)
        {
            if (double.IsNaN(value) || double.IsInfinity(value))
            {
                throw new ArgumentOutOfRangeException(name, name + " is not a finite number");
            }
            return value;
        }

        internal static double Positive(double value, string name)
        {
            if (Finite(value, name) <= 0) { throw new ArgumentOutOfRangeException(name, name + " is not above 0"); }
            return value;
        }

        internal static int? AtLeastOne(int? value, string name)
        {
            if (value < 1) { throw new ArgumentOutOfRangeException(name, name + " is below 1"); }
            return value;
        }

        internal static WireValue Picture(in ImageFrame value, string name)
        {
            if (value.ByteCount == 0) { throw new ArgumentException(name + " is no picture", name); }
            return WireValue.Image(value);
        }

        internal static WireValue Pictures(IReadOnlyList<ImageFrame> values, string name)
        {
            var items = new WireValue[NotEmpty(values, name)];
            for (int i = 0; i < items.Length; i++) { items[i] = Picture(values[i], name); }
            return WireValue.Array(items);
        }

        internal static WireValue Texts(IReadOnlyList<string> values, string name)
        {
            var items = new WireValue[NotEmpty(values, name)];
            for (int i = 0; i < items.Length; i++) { items[i] = Text(values[i], name); }
            return WireValue.Array(items);
        }

        internal static WireValue Numbers(IReadOnlyList<double> values, string name)
        {
            var items = new WireValue[NotEmpty(values, name)];
            for (int i = 0; i < items.Length; i++) { items[i] = Finite(values[i], name); }
            return WireValue.Array(items);
        }

        /// <summary>Layers as the wire's list; none at all is allowed and shows the person as they are.</summary>
        internal static WireValue Layers(IReadOnlyList<TryOnLayer> layers)
        {
            if (layers == null) { throw new ArgumentNullException(nameof(layers)); }
            var items = new WireValue[layers.Count];
            for (int i = 0; i < items.Length; i++)
            {
                if (layers[i] == null) { throw new ArgumentException("a layer is null", nameof(layers)); }
                items[i] = layers[i].ToMap();
            }
            return WireValue.Array(items);
        }

        /// <summary>The wire's name of an enumeration's value.</summary>
        internal static string Name(string[] names, int value, string name)
        {
            if (value < 0 || value >= names.Length) { throw new ArgumentOutOfRangeException(name); }
            return names[value];
        }

        private static int NotEmpty<T>(IReadOnlyList<T> values, string name)
        {
            if (values == null) { throw new ArgumentNullException(name); }
            if (values.Count == 0) { throw new ArgumentException(name + " is empty", name); }
            return values.Count;
        }
    }
}
