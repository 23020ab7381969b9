using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>
    /// The answer to one frame of a live try-on, read where it lies, without allocating: for components that poll <see
    /// cref="TryOnStream.TryTakeNewest"/> each frame. Valid until the reply is disposed.
    /// </summary>
    public readonly struct TryOnPart
    {
        private readonly VitrineReply _reply;

        private TryOnPart(VitrineReply reply, long number, long timeUs, double confidence)
        {
            _reply = reply;
            Number = number;
            TimeUs = timeUs;
            Confidence = confidence;
        }

        /// <summary>The number that the frame was pushed with.</summary>
        public long Number { get; }

        /// <summary>The time that the frame was pushed with, microseconds.</summary>
        public long TimeUs { get; }

        /// <summary>From 0 to 1; 0 where nothing could be shown.</summary>
        public double Confidence { get; }

        /// <summary>
        /// A code of <see cref="ReasonCodes"/> if something could not be shown, else null; allocates only for codes
        /// that this version does not know.
        /// </summary>
        public string ReasonCode
        {
            get
            {
                WireView code;
                if (!TryReason("code", out code)) { return null; }
                MsgPackReader reader = code.Reader();
                return ReasonCodes.Known(reader.ReadStringSpan()) ?? TextOrNull(code);
            }
        }

        /// <summary>The reason as a sentence for the shopper, a new string; null if there is none.</summary>
        public string ReadReasonText()
        {
            WireView text;
            return TryReason("text", out text) ? TextOrNull(text) : null;
        }

        /// <summary>The picture; false if there is none, or none that is valid. Nothing is copied yet.</summary>
        public bool TryGetImage(out VitrineImage image)
        {
            image = default(VitrineImage);
            try
            {
                return _reply.TryGetImage("image", out image);
            }
            catch (MsgPackException) { return false; }
            catch (KeyNotFoundException) { return false; }
            catch (OverflowException) { return false; }
        }

        /// <summary>Reads a reply of <c>tryon.stream</c>; false if it is not what the contract says.</summary>
        public static bool TryRead(VitrineReply reply, out TryOnPart part)
        {
            if (reply == null) { throw new ArgumentNullException(nameof(reply)); }
            part = default(TryOnPart);
            try
            {
                WireView number, time, confidence;
                if (!Find(reply.Data, "n", MsgPackType.Int, out number)
                    || !Find(reply.Data, "t_us", MsgPackType.Int, out time)
                    || !reply.Data.TryGet("confidence", out confidence))
                {
                    return false;
                }
                double certain = confidence.AsDouble();
                part = new TryOnPart(reply, number.AsInt(), time.AsInt(), certain);
                return !double.IsNaN(certain) && !double.IsInfinity(certain);
            }
            catch (MsgPackException)
            {
                return false;
            }
        }

        /// <summary>The picture of an answer, which may lack it only where it says why.</summary>
        internal static bool ReadImage(OpMap map, bool mayLack, out VitrineImage image)
        {
            bool has = map.TryImage("image", out image);
            if (!has && !mayLack) { throw map.Broken("image"); }
            return has;
        }

        private bool TryReason(string key, out WireView text)
        {
            text = default(WireView);
            try
            {
                WireView reason;
                return Find(_reply.Data, "reason", MsgPackType.Map, out reason)
                    && Find(reason, key, MsgPackType.Str, out text);
            }
            catch (MsgPackException)
            {
                return false;
            }
        }

        private static bool Find(WireView map, string key, MsgPackType type, out WireView value)
        {
            return map.TryGet(key, out value) && value.Type == type;
        }

        private static string TextOrNull(WireView text)
        {
            try
            {
                return text.AsString();
            }
            catch (MsgPackException)
            {
                return null;
            }
        }
    }
}
