using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Vitrine
{
    /// <summary>
    /// Reads JSON text into values, without reflection. A number with a point or an exponent becomes a float, any other
    /// an integer. Throws <see cref="FormatException"/> for what is not JSON or nests deeper than 32.
    /// </summary>
    public struct JsonText
    {
        private readonly string _text;
        private int _at;

        private JsonText(string text)
        {
            _text = text;
            _at = 0;
        }

        /// <summary>Parses one whole value.</summary>
        public static WireValue Parse(string text)
        {
            var json = new JsonText(text);
            WireValue value = json.Value(0);
            json.Blank();
            if (json._at != text.Length)
            {
                throw json.Wrong("text follows the value");
            }
            return value;
        }

        private WireValue Value(int depth)
        {
            if (depth > MsgPackReader.MaxDepth) { throw Wrong("nested too deep"); }
            Blank();
            switch (Peek())
            {
                case '{': return Object(depth);
                case '[': return List(depth);
                case '"': return Text();
                case 't': Word("true"); return true;
                case 'f': Word("false"); return false;
                case 'n': Word("null"); return WireValue.Nil;
                default: return Number();
            }
        }

        private WireValue Object(int depth)
        {
            var map = new WireMap();
            _at++;
            Blank();
            if (TryTake('}')) { return map; }
            do
            {
                Blank();
                string key = Text();
                Blank();
                Take(':');
                map.Add(key, Value(depth + 1));
                Blank();
            }
            while (TryTake(','));
            Take('}');
            return map;
        }

        private WireValue List(int depth)
        {
            var values = new List<WireValue>();
            _at++;
            Blank();
            if (TryTake(']')) { return WireValue.Array(values.ToArray()); }
            do
            {
                values.Add(Value(depth + 1));
                Blank();
            }
            while (TryTake(','));
            Take(']');
            return WireValue.Array(values.ToArray());
        }

        private string Text()
        {
            Take('"');
            var text = new StringBuilder();
            while (Peek() != '"')
            {
                char next = _text[_at++];
                if (next < ' ') { throw Wrong("a control character in a string"); }
                text.Append(next == '\\' ? Escaped() : next);
            }
            _at++;
            return text.ToString();
        }

        private char Escaped()
        {
            char next = Peek();
            _at++;
            switch (next)
            {
                case '"': case '\\': case '/': return next;
                case 'b': return '\b';
                case 'f': return '\f';
                case 'n': return '\n';
                case 'r': return '\r';
                case 't': return '\t';
                case 'u': return Unicode();
                default: throw Wrong("an unknown escape");
            }
        }

        private char Unicode()
        {
            ushort code;
            if (_at + 4 > _text.Length || !ushort.TryParse(
                _text.Substring(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code))
            {
                throw Wrong("a broken escape");
            }
            _at += 4;
            return (char)code;
        }

        private WireValue Number()
        {
            int start = _at;
            while (_at < _text.Length && "+-0123456789.eE".IndexOf(_text[_at]) >= 0) { _at++; }
            string digits = _text.Substring(start, _at - start);
            long signed;
            ulong unsigned;
            double real;
            if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out signed)) { return signed; }
            if (ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out unsigned))
            {
                return WireValue.UInt(unsigned);
            }
            if (double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out real))
            {
                // Mono's parser loses the sign of a zero.
                return real == 0 && digits[0] == '-' ? -0.0 : real;
            }
            throw Wrong("a broken number");
        }

        private void Word(string word)
        {
            if (string.CompareOrdinal(_text, _at, word, 0, word.Length) != 0) { throw Wrong("an unknown word"); }
            _at += word.Length;
        }

        private void Blank()
        {
            while (_at < _text.Length && " \t\r\n".IndexOf(_text[_at]) >= 0) { _at++; }
        }

        private char Peek()
        {
            if (_at >= _text.Length) { throw Wrong("the text is cut short"); }
            return _text[_at];
        }

        private bool TryTake(char wanted)
        {
            if (_at < _text.Length && _text[_at] == wanted)
            {
                _at++;
                return true;
            }
            return false;
        }

        private void Take(char wanted)
        {
            if (!TryTake(wanted)) { throw Wrong("expected " + wanted); }
        }

        private FormatException Wrong(string what)
        {
            return new FormatException("not JSON at character " + _at + ": " + what);
        }
    }
}
