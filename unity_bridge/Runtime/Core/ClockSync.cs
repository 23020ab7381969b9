using System;

namespace Vitrine
{
    /// <summary>
    /// How far the server's clock is ahead of the client's, from pings as in NTP: of the last samples the one with the
    /// shortest round trip counts, since its error is the smallest (RFC 5905, the clock filter). Microseconds. Pure.
    /// </summary>
    public sealed class ClockSync
    {
        private readonly long[] _offsets;
        private readonly long[] _roundTrips;
        private int _count;
        private int _next;

        /// <summary>Looks at the last <paramref name="window"/> samples.</summary>
        public ClockSync(int window = 16)
        {
            if (window < 1) { throw new ArgumentOutOfRangeException(nameof(window)); }
            _offsets = new long[window];
            _roundTrips = new long[window];
        }

        /// <summary>Whether there was a sample.</summary>
        public bool IsKnown
        {
            get { return _count > 0; }
        }

        /// <summary>Server's time less client's time.</summary>
        public long OffsetUs { get; private set; }

        /// <summary>The round trip of the sample that counts; the offset is wrong by at most half of it.</summary>
        public long RoundTripUs { get; private set; }

        /// <summary>
        /// Takes a pong that was read at <paramref name="c3"/>. A sample whose times run backwards is ignored: false.
        /// </summary>
        public bool Add(in Pong pong, long c3)
        {
            long roundTrip = (c3 - pong.C0) - (pong.S2 - pong.S1);
            if (c3 < pong.C0 || pong.S2 < pong.S1 || roundTrip < 0)
            {
                return false;
            }
            _offsets[_next] = ((pong.S1 - pong.C0) + (pong.S2 - c3)) / 2;
            _roundTrips[_next] = roundTrip;
            _next = (_next + 1) % _offsets.Length;
            _count = Math.Min(_count + 1, _offsets.Length);
            PickBest();
            return true;
        }

        /// <summary>The server's time at a time of the client.</summary>
        public long ToServerUs(long clientUs)
        {
            return clientUs + OffsetUs;
        }

        /// <summary>The client's time at a time of the server.</summary>
        public long ToClientUs(long serverUs)
        {
            return serverUs - OffsetUs;
        }

        private void PickBest()
        {
            int best = 0;
            for (int i = 1; i < _count; i++)
            {
                if (_roundTrips[i] < _roundTrips[best]) { best = i; }
            }
            OffsetUs = _offsets[best];
            RoundTripUs = _roundTrips[best];
        }
    }
}
