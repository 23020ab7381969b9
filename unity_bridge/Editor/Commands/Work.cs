using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>How far long work is.</summary>
    public enum WorkState
    {
        /// <summary>never begun</summary>
        Idle,
        /// <summary>under way</summary>
        Running,
        /// <summary>ended well</summary>
        Done,
        /// <summary>failed; <see cref="Work.Problem"/> says what to do</summary>
        Failed,
        /// <summary>stopped by a person or a script reload</summary>
        Cancelled
    }

    /// <summary>
    /// One piece of long work at a time, off the main thread: its progress, its end and what went wrong. All members
    /// can be used from any thread; a view looks again when <see cref="Revision"/> changed.
    /// </summary>
    public sealed class Work
    {
        private static readonly string[] None = new string[0];
        private readonly object _lock = new object();
        private CancellationTokenSource _cancel;
        private int _revision;

        /// <summary>How far the work is.</summary>
        public WorkState State { get; private set; }

        /// <summary>The part that is done, 0 to 1; it never falls within one piece of work.</summary>
        public double Fraction { get; private set; }

        /// <summary>What is being done now, or how it ended.</summary>
        public string Text { get; private set; } = "";

        /// <summary>What to do after a failure; empty otherwise.</summary>
        public string Problem { get; private set; } = "";

        /// <summary>The last lines of the program that failed.</summary>
        public IReadOnlyList<string> LastLines { get; private set; } = None;

        /// <summary>Ends when the work ends, and never with an error.</summary>
        public Task Finished { get; private set; } = Task.FromResult(true);

        /// <summary>Grows with every change.</summary>
        public int Revision
        {
            get { return Volatile.Read(ref _revision); }
        }

        /// <summary>Whether work is under way.</summary>
        public bool IsRunning
        {
            get { return State == WorkState.Running; }
        }

        /// <summary>
        /// Begins work; false when some is under way. The body reports through this object; it fails with
        /// <see cref="WorkFailedException"/>. Its result is the closing text.
        /// </summary>
        public bool TryStart(string text, Func<CancellationToken, Task<string>> body)
        {
            lock (_lock)
            {
                if (State == WorkState.Running) { return false; }
                _cancel = new CancellationTokenSource();
                CancellationToken cancel = _cancel.Token;
                Set(WorkState.Running, text, "", None);
                Fraction = 0;
                Finished = Task.Run(() => RunAsync(body, cancel));
                return true;
            }
        }

        /// <summary>Tells how far the work is.</summary>
        public void Report(double fraction, string text)
        {
            lock (_lock)
            {
                if (State != WorkState.Running) { return; }
                Fraction = Math.Max(Fraction, Math.Min(1, fraction));
                Text = text;
                _revision++;
            }
        }

        /// <summary>Asks the work to stop; <see cref="Finished"/> tells when it has.</summary>
        public void Cancel()
        {
            CancellationTokenSource cancel;
            lock (_lock)
            {
                cancel = State == WorkState.Running ? _cancel : null;
            }
            if (cancel != null) { cancel.Cancel(); }
        }

        private async Task RunAsync(Func<CancellationToken, Task<string>> body, CancellationToken cancel)
        {
            try
            {
                string text = await body(cancel).ConfigureAwait(false);
                End(WorkState.Done, text, "", None);
            }
            catch (OperationCanceledException)
            {
                End(WorkState.Cancelled, "Stopped.", "", None);
            }
            catch (WorkFailedException error)
            {
                End(WorkState.Failed, "Failed.", error.Message, error.LastLines);
            }
            // The boundary of the task: nobody else would see what comes here.
            catch (Exception error)
            {
                End(WorkState.Failed, "Failed.", "An unforeseen error ended the work: " + error.Message
                    + " Try again; if it comes back, report it with Copy diagnostics.", None);
            }
        }

        private void End(WorkState state, string text, string problem, IReadOnlyList<string> lastLines)
        {
            lock (_lock)
            {
                if (state == WorkState.Done) { Fraction = 1; }
                Set(state, text, problem, lastLines);
            }
        }

        private void Set(WorkState state, string text, string problem, IReadOnlyList<string> lastLines)
        {
            State = state;
            Text = text;
            Problem = problem;
            LastLines = lastLines;
            _revision++;
        }
    }
}
