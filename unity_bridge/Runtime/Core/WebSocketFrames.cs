using System;

namespace Vitrine
{
    /// <summary>What a whole WebSocket message is (RFC 6455, section 5.2).</summary>
    internal enum WebSocketOpcode
    {
        Continuation = 0,
        Text = 1,
        Binary = 2,
        Close = 8,
        Ping = 9,
        Pong = 10
    }

    /// <summary>
    /// Cuts a server's byte stream into WebSocket messages, without I/O: fill <see cref="Space"/>, say how much with
    /// <see cref="Filled"/>, then take messages until there is none. Throws <see cref="RemoteProtocolException"/>.
    /// </summary>
    internal sealed class WebSocketReader
    {
        private const int KeptBytes = 4 << 20;

        private readonly int _limit;
        private byte[] _buffer;
        private int _start;
        private int _end;
        private int _wanted;
        private byte[] _fragments = new byte[0];
        private int _fragmentBytes;
        private bool _inFragments;

        internal WebSocketReader(int limit)
        {
            _limit = limit;
            _buffer = new byte[64 * 1024];
        }

        /// <summary>Where to put the next bytes; invalidates the message taken last.</summary>
        internal ArraySegment<byte> Space()
        {
            if (_start == _end)
            {
                _start = _end = 0;
            }
            int needed = Math.Max(_wanted, _end - _start + 1);
            if (needed > _buffer.Length - _start || _end == _buffer.Length)
            {
                MakeRoom(needed);
            }
            return new ArraySegment<byte>(_buffer, _end, _buffer.Length - _end);
        }

        internal void Filled(int count)
        {
            _end += count;
        }

        /// <summary>Takes one message; its bytes are valid until <see cref="Space"/> is asked for.</summary>
        internal bool TryTake(out WebSocketOpcode opcode, out ArraySegment<byte> payload)
        {
            bool final;
            while (TryTakeFrame(out opcode, out final, out payload))
            {
                if (opcode >= WebSocketOpcode.Close)
                {
                    if (!final || payload.Count > 125)
                    {
                        throw Broken("a control frame is fragmented or too long");
                    }
                    return true;
                }
                if (opcode != WebSocketOpcode.Continuation && opcode != WebSocketOpcode.Binary)
                {
                    throw Broken("a frame is not binary");
                }
                if ((opcode == WebSocketOpcode.Continuation) != _inFragments)
                {
                    throw Broken("a continuation is out of place");
                }
                if (final && !_inFragments)
                {
                    return true;
                }
                Append(payload);
                _inFragments = !final;
                if (final)
                {
                    opcode = WebSocketOpcode.Binary;
                    payload = new ArraySegment<byte>(_fragments, 0, _fragmentBytes);
                    _fragmentBytes = 0;
                    return true;
                }
            }
            return false;
        }

        private bool TryTakeFrame(out WebSocketOpcode opcode, out bool final, out ArraySegment<byte> payload)
        {
            opcode = WebSocketOpcode.Continuation;
            final = false;
            payload = default(ArraySegment<byte>);
            int have = _end - _start;
            _wanted = 2;
            if (have < 2) { return false; }
            byte first = _buffer[_start];
            byte second = _buffer[_start + 1];
            int code = first & 0x0f;
            bool known = code <= 2 || (code >= 8 && code <= 10);
            if ((first & 0x70) != 0 || (second & 0x80) != 0 || !known)
            {
                throw Broken("a frame is masked, compressed or of an unknown kind");
            }
            int header = second < 126 ? 2 : second == 126 ? 4 : 10;
            _wanted = header;
            if (have < header) { return false; }
            ulong length = second < 126 ? second : BigEndian(_start + 2, header - 2);
            if (length > (ulong)(_limit - _fragmentBytes))
            {
                throw Broken("a message is larger than " + _limit + " bytes");
            }
            _wanted = header + (int)length;
            if (have < _wanted) { return false; }
            opcode = (WebSocketOpcode)code;
            final = (first & 0x80) != 0;
            payload = new ArraySegment<byte>(_buffer, _start + header, (int)length);
            _start += _wanted;
            _wanted = 0;
            return true;
        }

        private void Append(ArraySegment<byte> payload)
        {
            int needed = _fragmentBytes + payload.Count;
            if (needed > _fragments.Length)
            {
                Array.Resize(ref _fragments, Math.Max(needed, Math.Min(_limit, 2 * _fragments.Length)));
            }
            Buffer.BlockCopy(payload.Array, payload.Offset, _fragments, _fragmentBytes, payload.Count);
            _fragmentBytes = needed;
        }

        // A huge buffer is given up once it is empty, so that one large answer does not stay in memory for ever.
        private void MakeRoom(int needed)
        {
            int have = _end - _start;
            byte[] target = _buffer;
            if (needed > target.Length || (target.Length > KeptBytes && needed <= KeptBytes / 2))
            {
                target = new byte[Math.Max(needed, 64 * 1024)];
            }
            Buffer.BlockCopy(_buffer, _start, target, 0, have);
            _buffer = target;
            _start = 0;
            _end = have;
        }

        private ulong BigEndian(int at, int width)
        {
            ulong value = 0;
            for (int i = 0; i < width; i++)
            {
                value = (value << 8) | _buffer[at + i];
            }
            return value;
        }

        private static RemoteProtocolException Broken(string what)
        {
            return new RemoteProtocolException("the server broke the WebSocket protocol: " + what);
        }
    }

    /// <summary>Puts a client's frame header before a payload and masks it in place (RFC 6455, section 5.3).</summary>
    internal static unsafe class WebSocketWriter
    {
        /// <summary>Bytes that must be free before the payload.</summary>
        internal const int Headroom = 14;

        /// <summary>Answers where the frame begins; it ends where the payload does.</summary>
        internal static int Frame(WebSocketOpcode opcode, byte[] buffer, int payloadStart, int payloadLength, uint mask)
        {
            Mask(buffer, payloadStart, payloadLength, mask);
            int at = payloadStart - 4;
            for (int i = 0; i < 4; i++)
            {
                buffer[at + i] = (byte)(mask >> (8 * i));
            }
            int width = payloadLength < 126 ? 0 : payloadLength <= ushort.MaxValue ? 2 : 8;
            for (int i = 0; i < width; i++)
            {
                buffer[--at] = i < 4 ? (byte)(payloadLength >> (8 * i)) : (byte)0;
            }
            int small = width == 0 ? payloadLength : width == 2 ? 126 : 127;
            buffer[--at] = (byte)(0x80 | small);
            buffer[--at] = (byte)(0x80 | (int)opcode);
            return at;
        }

        private static void Mask(byte[] buffer, int start, int length, uint mask)
        {
            if (length == 0)
            {
                return;
            }
            ulong wide = ((ulong)mask << 32) | mask;
            fixed (byte* at = &buffer[start])
            {
                int i = 0;
                for (; i <= length - 8; i += 8)
                {
                    *(ulong*)(at + i) ^= wide;
                }
                for (; i < length; i++)
                {
                    at[i] ^= (byte)(mask >> (8 * (i & 3)));
                }
            }
        }
    }
}
