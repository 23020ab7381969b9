using System;
using System.Threading;

namespace Vitrine
{
    /// <summary>The codes of <see cref="Reason.Code"/>.</summary>
    public static class ReasonCodes
    {
        /// <summary>Nobody is in the picture.</summary>
        public const string NoPerson = "no_person";
        /// <summary>Several people are in the picture.</summary>
        public const string ManyPeople = "many_people";
        /// <summary>The face is covered, by a headset for one.</summary>
        public const string FaceCovered = "face_covered";
        /// <summary>The person is too small in the picture.</summary>
        public const string TooSmall = "too_small";
        /// <summary>The person faces away.</summary>
        public const string BackView = "back_view";
        /// <summary>The product has no pictures that can be fitted.</summary>
        public const string NoAssets = "no_assets";
        /// <summary>The product does not come in this size.</summary>
        public const string BadSize = "bad_size";
        /// <summary>It is too dark.</summary>
        public const string LowLight = "low_light";

        private static readonly string[] All =
        {
            NoPerson, ManyPeople, FaceCovered, TooSmall, BackView, NoAssets, BadSize, LowLight,
        };

        /// <summary>The constant that equals the text, so that a known code allocates nothing; else null.</summary>
        internal static string Known(ReadOnlySpan<byte> text)
        {
            for (int i = 0; i < All.Length; i++)
            {
                if (WireView.Same(text, All[i])) { return All[i]; }
            }
            return null;
        }
    }

    /// <summary>Why something could not be shown.</summary>
    public sealed class Reason
    {
        internal Reason(OpMap map)
        {
            Code = map.Text("code");
            Text = map.Text("text");
        }

        /// <summary>One of <see cref="ReasonCodes"/>; newer servers may send others.</summary>
        public string Code { get; }

        /// <summary>A plain sentence for the shopper, in the session's language.</summary>
        public string Text { get; }

        internal static Reason From(OpMap map)
        {
            return map.Has("reason") ? new Reason(map.Map("reason")) : null;
        }
    }

    /// <summary>The form in which pictures should come back.</summary>
    public sealed class Want
    {
        private readonly ImageFormat _format;
        private readonly RowOrder _order;

        /// <summary>Encoded pictures always have the top row first, whatever <paramref name="order"/> is.</summary>
        public Want(ImageFormat format, RowOrder order = RowOrder.Top)
        {
            if (format < ImageFormat.Rgb8 || format > ImageFormat.Webp)
            {
                throw new ArgumentOutOfRangeException(nameof(format));
            }
            _format = format;
            _order = ImageNames.Channels(format) > 0 ? order : RowOrder.Top;
        }

        /// <summary>What goes into a Unity texture as it is: RGBA, bottom row first.</summary>
        public static Want Texture
        {
            get { return new Want(ImageFormat.Rgba8, RowOrder.Bottom); }
        }

        internal WireMap ToMap()
        {
            return new WireMap
            {
                { "f", ImageNames.Of(_format) }, { "o", _order == RowOrder.Bottom ? "bottom" : "top" },
            };
        }
    }

    /// <summary>An answer whose keys the contract leaves to the server.</summary>
    public sealed class OpAnswer
    {
        internal OpAnswer(OpMap map)
        {
            Data = map.ToMap();
            Timing = map.Reply.Timing;
        }

        /// <summary>What was answered, copied.</summary>
        public WireMap Data { get; }

        /// <summary>Where the server spent the time.</summary>
        public CallTiming Timing { get; }

        internal static OpAnswer Read(OpMap map)
        {
            return new OpAnswer(map);
        }
    }

    /// <summary>
    /// A result with pictures, which lie in the answer's own memory: copy them out, then dispose the result.
    /// </summary>
    public abstract class PictureResult : IDisposable
    {
        private VitrineReply _reply;

        internal PictureResult(OpMap map)
        {
            _reply = map.Reply;
            Timing = map.Reply.Timing;
        }

        /// <summary>Where the server spent the time.</summary>
        public CallTiming Timing { get; }

        /// <summary>The answer itself, for keys that newer servers add; disposed with this result.</summary>
        public VitrineReply Reply
        {
            get
            {
                CheckLive();
                return _reply;
            }
        }

        /// <summary>Gives the pictures' memory back; a second call does nothing.</summary>
        public void Dispose()
        {
            // Answers are used again: only the first disposal may reach this one.
            VitrineReply reply = Interlocked.Exchange(ref _reply, null);
            if (reply != null) { reply.Dispose(); }
        }

        /// <summary>Passes a picture on, if its memory is still there.</summary>
        internal VitrineImage Live(in VitrineImage image)
        {
            CheckLive();
            return image;
        }

        internal void CheckLive()
        {
            if (Volatile.Read(ref _reply) == null) { throw new ObjectDisposedException(GetType().Name); }
        }
    }
}
