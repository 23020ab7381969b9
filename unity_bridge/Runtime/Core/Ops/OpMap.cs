using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>
    /// A map of an answer that is read key by key. A mandatory key that is missing, and any value of another type than
    /// the contract's, ends as <see cref="VitrineException"/> with the code <c>internal</c>.
    /// </summary>
    internal readonly struct OpMap
    {
        private readonly string _op;
        private readonly WireView _map;

        private OpMap(string op, VitrineReply reply, WireView map)
        {
            _op = op;
            _map = map;
            Reply = reply;
        }

        /// <summary>The answer that the map is a part of.</summary>
        internal VitrineReply Reply { get; }

        /// <summary>
        /// Reads an answer; it is disposed unless the result <paramref name="keeps"/> it and reading succeeded.
        /// </summary>
        internal static T Read<T>(string op, VitrineReply reply, OpReader<T> read, bool keeps) where T : class
        {
            bool kept = false;
            try
            {
                T result = read(new OpMap(op, reply, reply.Data));
                kept = keeps;
                return result;
            }
            catch (MsgPackException error) { throw Broken(op, null, error); }
            catch (KeyNotFoundException error) { throw Broken(op, null, error); }
            catch (OverflowException error) { throw Broken(op, null, error); }
            finally
            {
                if (!kept) { reply.Dispose(); }
            }
        }

        internal bool Has(string key)
        {
            WireView value;
            return _map.TryGet(key, out value);
        }

        internal string Text(string key)
        {
            return Expect(key, MsgPackType.Str).AsString();
        }

        internal string TextOrNull(string key)
        {
            return Has(key) ? Text(key) : null;
        }

        internal long Int(string key)
        {
            return Expect(key, MsgPackType.Int).AsInt();
        }

        internal long? IntOrNull(string key)
        {
            return Has(key) ? Int(key) : (long?)null;
        }

        internal int Int32(string key)
        {
            return Expect(key, MsgPackType.Int).Reader().ReadInt32();
        }

        internal double Number(string key)
        {
            return NumberOf(key, Find(key));
        }

        internal double? NumberOrNull(string key)
        {
            return Has(key) ? Number(key) : (double?)null;
        }

        internal byte[] Bytes(string key)
        {
            ArraySegment<byte> bytes = Expect(key, MsgPackType.Bin).AsBin();
            var copy = new byte[bytes.Count];
            Buffer.BlockCopy(bytes.Array, bytes.Offset, copy, 0, copy.Length);
            return copy;
        }

        /// <summary>The picture, valid as long as the answer.</summary>
        internal VitrineImage Image(string key)
        {
            return new VitrineImage(Reply, Expect(key, MsgPackType.Map));
        }

        internal bool TryImage(string key, out VitrineImage image)
        {
            bool has = Has(key);
            image = has ? Image(key) : default(VitrineImage);
            return has;
        }

        internal OpMap Map(string key)
        {
            return new OpMap(_op, Reply, Expect(key, MsgPackType.Map));
        }

        /// <summary>The value as it came, where the contract leaves its form open; nil when it is missing.</summary>
        internal WireValue Value(string key)
        {
            WireView value;
            return _map.TryGet(key, out value) ? value.ToValue() : WireValue.Nil;
        }

        /// <summary>The whole map as objects.</summary>
        internal WireMap ToMap()
        {
            return _map.ToValue().AsMap;
        }

        /// <summary>Reads every map of a list.</summary>
        internal IReadOnlyList<T> Items<T>(string key, OpReader<T> read) where T : class
        {
            MsgPackReader reader;
            int count = Open(key, out reader);
            var items = new List<T>();
            for (int i = 0; i < count; i++)
            {
                WireView item = Expect(key, MsgPackType.Map, _map.Next(ref reader));
                items.Add(read(new OpMap(_op, Reply, item)));
            }
            return items;
        }

        internal IReadOnlyList<string> Texts(string key)
        {
            MsgPackReader reader;
            int count = Open(key, out reader);
            var items = new List<string>();
            for (int i = 0; i < count; i++)
            {
                items.Add(Expect(key, MsgPackType.Str, _map.Next(ref reader)).AsString());
            }
            return items;
        }

        /// <summary>A text, or a list of texts; empty when the key is missing.</summary>
        internal IReadOnlyList<string> TextOrTexts(string key)
        {
            WireView value;
            if (!_map.TryGet(key, out value)) { return new string[0]; }
            return value.Type == MsgPackType.Str ? new[] { value.AsString() } : Texts(key);
        }

        /// <summary>A number, or a list of numbers.</summary>
        internal IReadOnlyList<double> Numbers(string key)
        {
            if (Find(key).Type != MsgPackType.Array) { return new[] { Number(key) }; }
            MsgPackReader reader;
            var items = new double[Open(key, out reader)];
            for (int i = 0; i < items.Length; i++)
            {
                items[i] = NumberOf(key, _map.Next(ref reader));
            }
            return items;
        }

        internal IReadOnlyList<WireValue> Values(string key)
        {
            return Expect(key, MsgPackType.Array).ToValue().AsArray;
        }

        internal IReadOnlyList<VitrineImage> Images(string key)
        {
            MsgPackReader reader;
            int count = Open(key, out reader);
            var items = new List<VitrineImage>();
            for (int i = 0; i < count; i++)
            {
                items.Add(new VitrineImage(Reply, Expect(key, MsgPackType.Map, _map.Next(ref reader))));
            }
            return items;
        }

        /// <summary>The keys of this map.</summary>
        internal IReadOnlyList<string> Keys()
        {
            MsgPackReader reader = _map.Reader();
            int count = reader.ReadMapHeader();
            var keys = new List<string>();
            for (int i = 0; i < count; i++)
            {
                keys.Add(reader.ReadString());
                reader.Skip();
            }
            return keys;
        }

        /// <summary>A map of numbers.</summary>
        internal IReadOnlyDictionary<string, double> NumbersByName(string key)
        {
            OpMap map = Map(key);
            var numbers = new Dictionary<string, double>();
            foreach (string name in map.Keys()) { numbers[name] = map.Number(name); }
            return numbers;
        }

        /// <summary>A map of counts.</summary>
        internal IReadOnlyDictionary<string, long> CountsByName(string key)
        {
            OpMap map = Map(key);
            var counts = new Dictionary<string, long>();
            foreach (string name in map.Keys()) { counts[name] = map.Int(name); }
            return counts;
        }

        /// <summary>What the server sent is not what the contract says.</summary>
        internal VitrineException Broken(string key)
        {
            return Broken(_op, key, null);
        }

        private static VitrineException Broken(string op, string key, Exception inner)
        {
            return new VitrineException(
                VitrineCodes.Internal, "The answer to " + op + " has no valid " + (key ?? "form")
                + "; install the same version of Vitrine at both ends.", null, inner);
        }

        private WireView Find(string key)
        {
            WireView value;
            if (!_map.TryGet(key, out value)) { throw Broken(key); }
            return value;
        }

        private WireView Expect(string key, MsgPackType type)
        {
            return Expect(key, type, Find(key));
        }

        private WireView Expect(string key, MsgPackType type, WireView value)
        {
            if (value.Type != type) { throw Broken(key); }
            return value;
        }

        private double NumberOf(string key, WireView value)
        {
            MsgPackType type = value.Type;
            double number = type == MsgPackType.Float || type == MsgPackType.Int ? value.AsDouble() : double.NaN;
            if (double.IsNaN(number) || double.IsInfinity(number)) { throw Broken(key); }
            return number;
        }

        // A message may hold no more values than this: a hostile list must not become gigabytes of objects.
        private int Open(string key, out MsgPackReader reader)
        {
            reader = Expect(key, MsgPackType.Array).Reader();
            int count = reader.ReadArrayHeader();
            if (count > WireCodec.MaxNodes) { throw Broken(key); }
            return count;
        }
    }
}
