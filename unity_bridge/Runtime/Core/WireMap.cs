using System.Collections;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>A map that keeps the order of its keys: <c>new WireMap { { "where", "engine" } }</c>.</summary>
    public sealed class WireMap : IEnumerable<KeyValuePair<string, WireValue>>
    {
        private readonly List<KeyValuePair<string, WireValue>> _pairs = new List<KeyValuePair<string, WireValue>>();

        /// <summary>Pairs in the map.</summary>
        public int Count
        {
            get { return _pairs.Count; }
        }

        /// <summary>The value of a key; throws <see cref="KeyNotFoundException"/> if there is none.</summary>
        public WireValue this[string key]
        {
            get
            {
                WireValue value;
                if (!TryGet(key, out value))
                {
                    throw new KeyNotFoundException("the map has no key " + key);
                }
                return value;
            }
        }

        /// <summary>Appends a pair.</summary>
        public void Add(string key, WireValue value)
        {
            _pairs.Add(new KeyValuePair<string, WireValue>(key, value));
        }

        /// <summary>Finds the value of a key.</summary>
        public bool TryGet(string key, out WireValue value)
        {
            for (int i = 0; i < _pairs.Count; i++)
            {
                if (_pairs[i].Key == key)
                {
                    value = _pairs[i].Value;
                    return true;
                }
            }
            value = WireValue.Nil;
            return false;
        }

        /// <inheritdoc/>
        public IEnumerator<KeyValuePair<string, WireValue>> GetEnumerator()
        {
            return _pairs.GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        internal KeyValuePair<string, WireValue> At(int index)
        {
            return _pairs[index];
        }
    }
}
