using System;
using System.Threading;

namespace Vitrine
{
    /// <summary>
    /// Work that other threads leave for the main thread, which runs it once a frame for as long as its budget lasts.
    /// Bounded: an application that slept a while finds no more than the capacity waiting, and takes it in budget by
    /// budget instead of freezing. <see cref="TryPost"/> may be called from any thread, the rest from the main thread.
    /// </summary>
    public sealed class MainThreadQueue
    {
        private const int FirstSlots = 64;

        private readonly object _gate = new object();
        private readonly IVitrineClock _clock;
        private readonly int _capacity;
        private Item[] _items = new Item[FirstSlots];
        private int _head;
        private int _count;
        private bool _closed;
        private bool _running;
        private long _refused;

        /// <summary>A queue for at most <paramref name="capacity"/> items.</summary>
        /// <param name="clock">What the budget is measured with.</param>
        /// <param name="capacity">Items that may wait.</param>
        public MainThreadQueue(IVitrineClock clock, int capacity = 1024)
        {
            if (clock == null) { throw new ArgumentNullException(nameof(clock)); }
            if (capacity < 1) { throw new ArgumentOutOfRangeException(nameof(capacity)); }
            _clock = clock;
            _capacity = capacity;
        }

        /// <summary>Takes the fault of an item, on its thread; the items after it run all the same.</summary>
        public Action<Exception> Faulted { get; set; }

        /// <summary>Items that wait.</summary>
        public int Waiting
        {
            get { lock (_gate) { return _count; } }
        }

        /// <summary>Items that were refused because too many waited.</summary>
        public long Refused
        {
            get { return Interlocked.Read(ref _refused); }
        }

        /// <summary>Items that ran.</summary>
        public long Completed { get; private set; }

        /// <summary>Microseconds of the last <see cref="Run"/>.</summary>
        public long LastRunUs { get; private set; }

        /// <summary>Microseconds of the longest <see cref="Run"/>.</summary>
        public long LongestRunUs { get; private set; }

        /// <summary>Microseconds of the longest single item: what makes a <see cref="Run"/> go beyond its budget.</summary>
        public long LongestItemUs { get; private set; }

        /// <summary>Leaves work; false when too much waits already or the queue was closed.</summary>
        public bool TryPost(Action<object> action, object state)
        {
            if (action == null) { throw new ArgumentNullException(nameof(action)); }
            lock (_gate)
            {
                if (_closed) { return false; }
                if (_count < _capacity)
                {
                    MakeRoom();
                    _items[(_head + _count) % _items.Length] = new Item(action, state);
                    _count++;
                    return true;
                }
            }
            Interlocked.Increment(ref _refused);
            return false;
        }

        /// <summary>
        /// Runs what waits, in order, until the budget is used up; at least one item, so that a budget too small for it
        /// still gets everything done. What is left meanwhile waits for the next frame. Answers how many ran; throws
        /// nothing.
        /// </summary>
        public int Run(long budgetUs)
        {
            if (_running) { return 0; }
            _running = true;
            long began = _clock.NowUs, now = began;
            int ran = 0;
            try
            {
                Item item;
                for (int left = Waiting; left > 0 && TryTake(out item); left--)
                {
                    Call(item);
                    ran++;
                    long after = _clock.NowUs;
                    LongestItemUs = Math.Max(LongestItemUs, after - now);
                    now = after;
                    if (now - began >= budgetUs) { break; }
                }
            }
            finally
            {
                _running = false;
            }
            Completed += ran;
            LastRunUs = now - began;
            LongestRunUs = Math.Max(LongestRunUs, LastRunUs);
            return ran;
        }

        /// <summary>Takes no more work and runs what waits on a thread of the pool: nobody may wait for ever.</summary>
        public void Close()
        {
            lock (_gate)
            {
                if (_closed) { return; }
                _closed = true;
            }
            ThreadPool.UnsafeQueueUserWorkItem(Drain, this);
        }

        private static void Drain(object queue)
        {
            var self = (MainThreadQueue)queue;
            Item item;
            while (self.TryTake(out item)) { self.Call(item); }
        }

        // The boundary to code that is not ours: its fault is handed on and keeps nothing else from running.
        private void Call(Item item)
        {
            try
            {
                item.Action(item.State);
            }
            catch (Exception error)
            {
                Action<Exception> faulted = Faulted;
                if (faulted != null) { faulted(error); }
            }
        }

        private bool TryTake(out Item item)
        {
            lock (_gate)
            {
                if (_count == 0)
                {
                    item = default(Item);
                    return false;
                }
                item = _items[_head];
                _items[_head] = default(Item);
                _head = (_head + 1) % _items.Length;
                _count--;
                return true;
            }
        }

        private void MakeRoom()
        {
            if (_count < _items.Length) { return; }
            var larger = new Item[Math.Max(_items.Length * 2, 1)];
            for (int i = 0; i < _count; i++) { larger[i] = _items[(_head + i) % _items.Length]; }
            _items = larger;
            _head = 0;
        }

        private readonly struct Item
        {
            internal Item(Action<object> action, object state)
            {
                Action = action;
                State = state;
            }

            internal Action<object> Action { get; }

            internal object State { get; }
        }
    }
}
