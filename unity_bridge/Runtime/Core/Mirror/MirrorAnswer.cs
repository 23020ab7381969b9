namespace Vitrine
{
    /// <summary>How many frames went which way since the mirror was made.</summary>
    public readonly struct MirrorCounters
    {
        internal MirrorCounters(long sent, long answered, long superseded, long skipped, long failed)
        {
            Sent = sent;
            Answered = answered;
            Superseded = superseded;
            Skipped = skipped;
            Failed = failed;
        }

        /// <summary>Sent to the server.</summary>
        public long Sent { get; }

        /// <summary>Answered and taken.</summary>
        public long Answered { get; }

        /// <summary>Sent, and replaced by a newer one before it was answered or taken.</summary>
        public long Superseded { get; }

        /// <summary>Not sent: every buffer was busy, or a newer frame came first.</summary>
        public long Skipped { get; }

        /// <summary>Streams that failed, and frames or answers that could not be used.</summary>
        public long Failed { get; }
    }

    /// <summary>The newest answer of a mirror's stream; hand its reply back when the picture was copied.</summary>
    public readonly struct MirrorAnswer
    {
        internal MirrorAnswer(VitrineReply reply, in TryOnPart part)
        {
            Reply = reply;
            Part = part;
            string code = part.ReasonCode;
            Verdict = code == null ? MirrorStatus.Live : MirrorTexts.OfReason(code);
        }

        /// <summary>The answer's memory.</summary>
        public VitrineReply Reply { get; }

        /// <summary>What it says.</summary>
        public TryOnPart Part { get; }

        /// <summary><see cref="MirrorStatus.Live"/>, or the reason why a layer cannot be shown.</summary>
        public MirrorStatus Verdict { get; }
    }
}
