using System;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>What becomes of streams and their errors.</summary>
    internal static class MirrorStreams
    {
        /// <summary>Whether the same request would fail in the same way.</summary>
        internal static bool IsFinal(string code)
        {
            switch (code)
            {
                case VitrineCodes.BadRequest:
                case VitrineCodes.Unauthorized:
                case VitrineCodes.UnknownOp:
                case VitrineCodes.NotFound:
                case VitrineCodes.TooLarge:
                case VitrineCodes.UnsafeContent:
                    return true;
                default:
                    return false;
            }
        }

        /// <summary>Why a task ended, in the form that callers know.</summary>
        internal static VitrineException ErrorOf(Task task)
        {
            Exception error = task.Exception == null ? null : task.Exception.GetBaseException();
            return error as VitrineException
                ?? (error == null ? VitrineException.Unavailable("The server ended the stream.") : Unusable(error));
        }

        /// <summary>A fault that has no code of its own.</summary>
        internal static VitrineException Unusable(Exception error)
        {
            return new VitrineException(VitrineCodes.Internal, "The frame could not be sent.", null, error);
        }

        /// <summary>
        /// Looks at a stream's end, so that its error does not count as unobserved, and gives its result's memory back.
        /// </summary>
        internal static void Watch(VitrineStream stream)
        {
            stream.Completion.ContinueWith(DisposeResult, TaskContinuationOptions.ExecuteSynchronously);
        }

        /// <summary>Closes a stream that nobody waits for any more, when it comes.</summary>
        internal static void DisposeLate(Task<VitrineStream> opening)
        {
            opening.ContinueWith(DisposeStream, TaskContinuationOptions.ExecuteSynchronously);
        }

        private static void DisposeResult(Task<VitrineReply> ended)
        {
            if (ended.Exception == null && !ended.IsCanceled) { ended.Result.Dispose(); }
        }

        private static void DisposeStream(Task<VitrineStream> opened)
        {
            if (opened.Exception != null || opened.IsCanceled)
            {
                return;
            }
            Watch(opened.Result);
            opened.Result.Dispose();
        }
    }

    /// <summary>Where the pump's frames and layers go.</summary>
    internal interface IFrameSink
    {
        /// <summary>False: not now; try again.</summary>
        bool TryPush(WireMap data);

        /// <summary>False: not now; try again.</summary>
        bool TryPushImage(long number, long timeUs, in ImageFrame frame);
    }

    /// <summary>A stream as the pump sees it.</summary>
    internal sealed class StreamSink : IFrameSink
    {
        private readonly VitrineStream _stream;

        internal StreamSink(VitrineStream stream)
        {
            _stream = stream;
        }

        bool IFrameSink.TryPush(WireMap data)
        {
            return _stream.TryPush(data);
        }

        bool IFrameSink.TryPushImage(long number, long timeUs, in ImageFrame frame)
        {
            return _stream.TryPushImage(number, timeUs, frame);
        }
    }
}
