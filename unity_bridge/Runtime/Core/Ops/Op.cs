using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>Makes a result of an answer's map; throws for what the contract does not allow.</summary>
    internal delegate T OpReader<T>(OpMap map) where T : class;

    /// <summary>One op with one answer: its name and how the answer is read.</summary>
    internal sealed class Op<T> where T : class
    {
        private readonly string _name;
        private readonly OpReader<T> _read;
        private readonly bool _keepsReply;

        /// <summary>
        /// <paramref name="keepsReply"/>: the result holds pictures, so the reply is its own to dispose; else it is
        /// disposed once read.
        /// </summary>
        internal Op(string name, OpReader<T> read, bool keepsReply = false)
        {
            _name = name;
            _read = read;
            _keepsReply = keepsReply;
        }

        /// <summary>
        /// Sends the call before it returns, so arguments may change afterwards; reads the answer off the main thread.
        /// </summary>
        internal Task<T> CallAsync(IVitrineCalls calls, WireMap arguments, CancellationToken cancel)
        {
            if (calls == null) { throw new ArgumentNullException(nameof(calls)); }
            return calls.DeliverAsync(RunAsync(calls, arguments, cancel));
        }

        /// <summary>Reads an answer, and disposes it unless the result keeps it.</summary>
        internal T Read(VitrineReply reply)
        {
            return OpMap.Read(_name, reply, _read, _keepsReply);
        }

        private async Task<T> RunAsync(IVitrineCalls calls, WireMap arguments, CancellationToken cancel)
        {
            VitrineReply reply = await calls.CallAsync(_name, arguments, cancel).ConfigureAwait(false);
            return Read(reply);
        }
    }

    /// <summary>One op that answers in parts: its name, and how a part and the result are read.</summary>
    internal sealed class StreamOp<TPart, TDone> where TPart : class where TDone : class
    {
        /// <summary>Texts are small, and none may be lost while the game hangs for some seconds.</summary>
        internal const int TextParts = 256;

        /// <summary>Pictures that wait without a slot take memory of their own, so there are fewer.</summary>
        internal const int PictureParts = 32;

        private readonly string _name;
        private readonly Op<TPart> _part;
        private readonly Op<TDone> _done;
        private readonly int _queueParts;
        private readonly bool _dropOldest;

        internal StreamOp(string name, Op<TPart> part, Op<TDone> done, int queueParts, bool dropOldest = false)
        {
            _name = name;
            _part = part;
            _done = done;
            _queueParts = queueParts;
            _dropOldest = dropOldest;
        }

        internal TPart ReadPart(VitrineReply reply)
        {
            return _part.Read(reply);
        }

        internal TDone ReadDone(VitrineReply reply)
        {
            return _done.Read(reply);
        }

        /// <summary>Sends the call before it returns, as <see cref="Op{T}.CallAsync"/> does.</summary>
        internal Task<VitrineStream> OpenRawAsync(IVitrineCalls calls, WireMap arguments, CancellationToken cancel)
        {
            var options = new StreamOptions { QueueParts = _queueParts, DropOldest = _dropOldest };
            return calls.OpenAsync(_name, arguments, cancel, options);
        }

        internal Task<VitrineStream<TPart, TDone>> OpenAsync(
            IVitrineCalls calls, WireMap arguments, CancellationToken cancel)
        {
            if (calls == null) { throw new ArgumentNullException(nameof(calls)); }
            return calls.DeliverAsync(RunAsync(calls, arguments, cancel));
        }

        private async Task<VitrineStream<TPart, TDone>> RunAsync(
            IVitrineCalls calls, WireMap arguments, CancellationToken cancel)
        {
            VitrineStream stream = await OpenRawAsync(calls, arguments, cancel).ConfigureAwait(false);
            return new VitrineStream<TPart, TDone>(calls, stream, this);
        }
    }
}
