using System;

namespace Vitrine
{
    /// <summary>Where the stream of a mirror stands.</summary>
    public enum MirrorSessionState
    {
        /// <summary>there is no connection</summary>
        Waiting,
        /// <summary>the stream is being opened</summary>
        Opening,
        /// <summary>frames may be sent</summary>
        Open,
        /// <summary>it failed and is opened again soon</summary>
        Pausing,
        /// <summary>it failed in a way that trying again does not mend; a change may</summary>
        Refused,
        /// <summary>disposed</summary>
        Closed
    }

    /// <summary>What can happen to the stream of a mirror.</summary>
    internal enum MirrorStep
    {
        LinkUp,
        LinkDown,
        Opened,
        Fail,
        Refuse,
        Due,
        Layers,
        Options,
        Close
    }

    /// <summary>The transitions as a table: a row a step, a column a state.</summary>
    internal static class MirrorTable
    {
        private const MirrorSessionState Wait = MirrorSessionState.Waiting;
        private const MirrorSessionState Ing = MirrorSessionState.Opening;
        private const MirrorSessionState Open = MirrorSessionState.Open;
        private const MirrorSessionState Paus = MirrorSessionState.Pausing;
        private const MirrorSessionState Refu = MirrorSessionState.Refused;
        private const MirrorSessionState Done = MirrorSessionState.Closed;
        private const MirrorSessionState None = (MirrorSessionState)(-1);

        private static readonly MirrorSessionState[,] Next =
        {
            // Waiting, Opening, Open, Pausing, Refused, Closed
            { Ing, None, None, None, None, None }, // LinkUp
            { Wait, Wait, Wait, Wait, Wait, None }, // LinkDown
            { None, Open, None, None, None, None }, // Opened
            { None, Paus, Paus, None, None, None }, // Fail
            { None, Refu, Refu, None, None, None }, // Refuse
            { None, None, None, Ing, Ing, None }, // Due
            { Wait, Ing, Open, Paus, Ing, Done }, // Layers: an open stream takes them as input
            { Wait, Ing, Ing, Paus, Ing, Done }, // Options: only a new stream has them
            { Done, Done, Done, Done, Done, Done }, // Close
        };

        /// <summary>Throws <see cref="LocalProtocolException"/> for a step that the state does not allow.</summary>
        internal static MirrorSessionState After(MirrorSessionState state, MirrorStep step)
        {
            MirrorSessionState next = Next[(int)step, (int)state];
            if (next == None)
            {
                throw new LocalProtocolException("the mirror cannot take the step " + step + " while " + state);
            }
            return next;
        }
    }
}
