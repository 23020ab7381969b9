using System;

namespace Vitrine
{
    /// <summary>What a mirror's person wears: the component's three fields, or layers set by a script.</summary>
    internal sealed class MirrorWardrobe
    {
        private static readonly TryOnLayer[] Nothing = new TryOnLayer[0];

        private TryOnLayer[] _layers;
        private string _product;
        private string _size;
        private string _colour;
        private bool _changed = true;

        /// <summary>Layers of a script; they hold until a field differs from what it is now.</summary>
        internal void Set(TryOnLayer[] layers, string product, string size, string colour)
        {
            if (layers == null) { throw new ArgumentNullException(nameof(layers)); }
            if (layers.Length > MirrorSession.LayerLimit)
            {
                throw new ArgumentException("at most " + MirrorSession.LayerLimit + " layers can be worn", nameof(layers));
            }
            if (Array.IndexOf(layers, null) >= 0) { throw new ArgumentException("a layer is null", nameof(layers)); }
            _layers = (TryOnLayer[])layers.Clone();
            Remember(product, size, colour);
            _changed = true;
        }

        /// <summary>The fields count again.</summary>
        internal void Clear()
        {
            _changed |= _layers != null;
            _layers = null;
        }

        /// <summary>There is a new stream's session, which knows nothing yet.</summary>
        internal void Forget()
        {
            _changed = true;
        }

        /// <summary>Whether something else is worn than when it was last asked for. Allocates only then.</summary>
        internal bool TryChange(string product, string size, string colour, out TryOnLayer[] layers)
        {
            layers = null;
            if (product != _product || size != _size || colour != _colour)
            {
                _layers = null;
                Remember(product, size, colour);
                _changed = true;
            }
            if (!_changed)
            {
                return false;
            }
            _changed = false;
            layers = _layers ?? OfFields();
            return true;
        }

        private void Remember(string product, string size, string colour)
        {
            _product = product;
            _size = size;
            _colour = colour;
        }

        private TryOnLayer[] OfFields()
        {
            string product = Said(_product);
            return product == null ? Nothing : new[] { new TryOnLayer(product, Said(_size), Said(_colour)) };
        }

        private static string Said(string field)
        {
            return string.IsNullOrWhiteSpace(field) ? null : field.Trim();
        }
    }
}
