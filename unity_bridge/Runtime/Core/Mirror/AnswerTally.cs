using System;

namespace Vitrine
{
    /// <summary>Which frames of a stream were answered, by their numbers.</summary>
    internal sealed class AnswerTally
    {
        /// <summary>The newest frame that was answered on this stream; -1 before the first.</summary>
        internal long LastNumber { get; private set; } = -1;

        /// <summary>Answers taken, on all streams.</summary>
        internal long Answered { get; private set; }

        /// <summary>Frames that a newer one took the place of, on all streams.</summary>
        internal long Superseded { get; private set; }

        /// <summary>Another stream, whose numbers begin at 0.</summary>
        internal void Begin()
        {
            LastNumber = -1;
        }

        /// <summary>An answer came; frames before it that were not answered never will be.</summary>
        internal void Add(long number, long lastSent)
        {
            Answered++;
            // It may be here before the pump has counted its frame; beyond that one none can be answered.
            long last = Math.Min(number, lastSent + 1);
            if (last > LastNumber)
            {
                Superseded += last - LastNumber - 1;
                LastNumber = last;
            }
        }

        /// <summary>An answer was dropped for a newer one before it was used.</summary>
        internal void Replace()
        {
            Answered--;
            Superseded++;
        }
    }
}
