using System;

namespace Vitrine
{
    /// <summary>The codes of a <c>fail</c>, as the wire contract names them.</summary>
    public static class VitrineCodes
    {
        /// <summary>An argument is wrong; the message says which.</summary>
        public const string BadRequest = "bad_request";
        /// <summary>The token or the profile does not allow this.</summary>
        public const string Unauthorized = "unauthorized";
        /// <summary>The server knows no such op.</summary>
        public const string UnknownOp = "unknown_op";
        /// <summary>What was named does not exist or is not installed.</summary>
        public const string NotFound = "not_found";
        /// <summary>The model is still being loaded.</summary>
        public const string ModelLoading = "model_loading";
        /// <summary>The latency budget ran out before the work began.</summary>
        public const string Deadline = "deadline";
        /// <summary>A newer call with the same key took its place.</summary>
        public const string Superseded = "superseded";
        /// <summary>The call was cancelled.</summary>
        public const string Cancelled = "cancelled";
        /// <summary>Too much at once; <see cref="VitrineException.RetryMs"/> says when to come back.</summary>
        public const string Overloaded = "overloaded";
        /// <summary>A message or a picture is larger than allowed.</summary>
        public const string TooLarge = "too_large";
        /// <summary>The content was refused as unsafe.</summary>
        public const string UnsafeContent = "unsafe_content";
        /// <summary>No server, or the connection or a worker was lost.</summary>
        public const string Unavailable = "unavailable";
        /// <summary>A fault of the server.</summary>
        public const string Internal = "internal";
    }

    /// <summary>
    /// The one exception that calls end with: a code of the wire contract and a sentence that says what to do.
    /// </summary>
    public sealed class VitrineException : Exception
    {
        /// <summary>Makes an error with a code of <see cref="VitrineCodes"/>.</summary>
        public VitrineException(string code, string message, int? retryMs = null, Exception inner = null)
            : base(message, inner)
        {
            Code = code;
            RetryMs = retryMs;
        }

        /// <summary>One of <see cref="VitrineCodes"/>; newer servers may send others.</summary>
        public string Code { get; }

        /// <summary>Milliseconds after which a retry makes sense; null where the server did not say.</summary>
        public int? RetryMs { get; }

        internal static VitrineException Unavailable(string message, Exception inner = null)
        {
            return new VitrineException(VitrineCodes.Unavailable, message, null, inner);
        }
    }

    /// <summary>Our own code asked for a step that the state does not allow; nothing was changed.</summary>
    public sealed class LocalProtocolException : InvalidOperationException
    {
        /// <summary>Names the event, the role and the state.</summary>
        public LocalProtocolException(string message) : base(message)
        {
        }
    }

    /// <summary>The server broke the wire contract; the connection cannot go on.</summary>
    public sealed class RemoteProtocolException : Exception
    {
        /// <summary>Names the event, the role and the state.</summary>
        public RemoteProtocolException(string message, Exception inner = null) : base(message, inner)
        {
        }
    }
}
