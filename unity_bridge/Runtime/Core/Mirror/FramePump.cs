using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Vitrine
{
    /// <summary>
    /// Sends frames from a thread of its own, so that copies, locks and sockets cost the main thread nothing: one frame
    /// waits, the newest wins. Allocates nothing a frame.
    /// </summary>
    internal sealed class FramePump : IDisposable
    {
        private const int RetryMs = 5;
        private const int StopMs = 200;
        private const int ReadLimit = 16;

        private readonly object _gate = new object();
        private readonly Thread _thread;
        private VitrineReply[] _read = new VitrineReply[ReadLimit];
        private VitrineReply[] _releasing = new VitrineReply[ReadLimit];
        private int _readCount;
        private IFrameSink _sink;
        private WireMap _input;
        private FrameSlot _frame;
        private IntPtr _turned;
        private int _turnedBytes;
        private long _number;
        private long _sent;
        private long _skipped;
        private Exception _error;
        private bool _blocked;
        private bool _closing;

        internal FramePump()
        {
            _thread = new Thread(Main) { IsBackground = true, Name = "vitrine mirror" };
            _thread.Start();
        }

        /// <summary>Frames sent so far.</summary>
        internal long Sent
        {
            get { lock (_gate) { return _sent; } }
        }

        /// <summary>Frames given back unsent: a newer one came first, or there was nowhere to send them.</summary>
        internal long Skipped
        {
            get { lock (_gate) { return _skipped; } }
        }

        /// <summary>The number of the last frame sent to this sink; -1 before the first.</summary>
        internal long LastNumber
        {
            get { lock (_gate) { return _number - 1; } }
        }

        internal bool IsAlive
        {
            get { return _thread.IsAlive; }
        }

        /// <summary>Begins to send to a new sink; numbers start at 0.</summary>
        internal void Attach(IFrameSink sink)
        {
            lock (_gate)
            {
                _sink = sink;
                _number = 0;
                _input = null;
                _error = null;
                _blocked = false;
            }
        }

        /// <summary>Stops sending; what waits is given back.</summary>
        internal void Detach()
        {
            lock (_gate)
            {
                _sink = null;
                _input = null;
                Drop();
            }
        }

        /// <summary>Takes over a frame, and gives it back to its pool when it was sent or not wanted.</summary>
        internal void Offer(FrameSlot frame)
        {
            lock (_gate)
            {
                Drop();
                _frame = frame;
                if (_sink == null || _closing)
                {
                    Drop();
                    return;
                }
                Monitor.Pulse(_gate);
            }
        }

        /// <summary>Sends input before the next frame; a later input takes the place of one that waits.</summary>
        internal void Send(WireMap input)
        {
            lock (_gate)
            {
                _input = _sink == null ? null : input;
                Monitor.Pulse(_gate);
            }
        }

        /// <summary>Disposes an answer on the pump's thread: giving its slot back takes a lock and a message.</summary>
        internal void Release(VitrineReply reply)
        {
            lock (_gate)
            {
                if (!_closing && _readCount < ReadLimit)
                {
                    _read[_readCount++] = reply;
                    Monitor.Pulse(_gate);
                    return;
                }
            }
            reply.Dispose();
        }

        /// <summary>The error that sending ended with since it was last asked for.</summary>
        internal bool TryTakeError(out Exception error)
        {
            lock (_gate)
            {
                error = _error;
                _error = null;
                return error != null;
            }
        }

        /// <summary>Ends the thread; waits for it a moment, since a push takes microseconds.</summary>
        public void Dispose()
        {
            lock (_gate)
            {
                _closing = true;
                _sink = null;
                _input = null;
                Drop();
                Monitor.Pulse(_gate);
            }
            if (Thread.CurrentThread != _thread)
            {
                _thread.Join(StopMs);
            }
        }

        private void Main()
        {
            Job job;
            while (TryTake(out job))
            {
                try
                {
                    Release(job.Replies);
                    Push(job);
                }
                catch (Exception error)
                {
                    // The one boundary: an exception that left this thread would end the application.
                    Fail(job, error);
                }
            }
            Marshal.FreeHGlobal(_turned);
        }

        private bool TryTake(out Job job)
        {
            lock (_gate)
            {
                if (_blocked && !_closing) { Monitor.Wait(_gate, RetryMs); }
                _blocked = false;
                while (!_closing && _frame == null && _input == null && _readCount == 0)
                {
                    Monitor.Wait(_gate);
                }
                job = new Job(_sink, _input, _frame, _number, _readCount);
                VitrineReply[] read = _read;
                _read = _releasing;
                _releasing = read;
                _readCount = 0;
                _input = null;
                _frame = null;
                return !_closing || job.Replies > 0;
            }
        }

        private void Release(int replies)
        {
            for (int i = 0; i < replies; i++)
            {
                VitrineReply reply = _releasing[i];
                _releasing[i] = null;
                reply.Dispose();
            }
        }

        private void Push(in Job job)
        {
            if (job.Sink == null)
            {
                return;
            }
            if (job.Input != null && !job.Sink.TryPush(job.Input))
            {
                PutBack(job, job.Input);
            }
            else if (job.Frame != null)
            {
                ImageFrame picture = Picture(job.Frame);
                if (job.Sink.TryPushImage(job.Number, job.Frame.TimeUs, picture)) { Count(job); }
                else { PutBack(job, null); }
            }
        }

        private ImageFrame Picture(FrameSlot frame)
        {
            int bytes = checked(frame.Width * frame.Height * 4);
            if (bytes > frame.Capacity)
            {
                throw new InvalidOperationException("the frame is larger than its buffer");
            }
            if ((frame.QuarterTurns & 1) == 0)
            {
                return new ImageFrame(frame.Width, frame.Height, ImageFormat.Rgba8, RowOrder.Bottom, frame.Pixels, bytes);
            }
            if (_turnedBytes < bytes)
            {
                Marshal.FreeHGlobal(_turned);
                _turned = IntPtr.Zero;
                _turnedBytes = 0;
                _turned = Marshal.AllocHGlobal(bytes);
                _turnedBytes = bytes;
            }
            PixelTurn.Quarter(frame.Pixels, _turned, frame.Width, frame.Height, frame.QuarterTurns & 3);
            return new ImageFrame(frame.Height, frame.Width, ImageFormat.Rgba8, RowOrder.Bottom, _turned, bytes);
        }

        private void Count(in Job job)
        {
            lock (_gate)
            {
                _sent++;
                if (_sink == job.Sink) { _number++; }
            }
            job.Frame.Return();
        }

        // What could not be sent waits on, unless something newer came meanwhile.
        private void PutBack(in Job job, WireMap input)
        {
            lock (_gate)
            {
                bool current = _sink == job.Sink;
                _blocked = current;
                if (current && _input == null) { _input = input; }
                if (job.Frame == null)
                {
                    return;
                }
                if (current && _frame == null)
                {
                    _frame = job.Frame;
                    return;
                }
                _skipped++;
            }
            job.Frame.Return();
        }

        private void Fail(in Job job, Exception error)
        {
            lock (_gate)
            {
                if (_sink == job.Sink) { _error = error; }
            }
            if (job.Frame != null) { job.Frame.Return(); }
        }

        private void Drop()
        {
            if (_frame != null)
            {
                _frame.Return();
                _frame = null;
                _skipped++;
            }
        }

        /// <summary>What the thread took to do, apart from the lock.</summary>
        private readonly struct Job
        {
            internal Job(IFrameSink sink, WireMap input, FrameSlot frame, long number, int replies)
            {
                Sink = sink;
                Input = input;
                Frame = frame;
                Number = number;
                Replies = replies;
            }

            internal IFrameSink Sink { get; }
            internal WireMap Input { get; }
            internal FrameSlot Frame { get; }
            internal long Number { get; }
            internal int Replies { get; }
        }
    }
}
