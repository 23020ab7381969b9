using System;
using System.Collections.Generic;
using System.Globalization;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine.Editor
{
    /// <summary>One figure and its name.</summary>
    public readonly struct Figure
    {
        /// <summary>Makes a figure.</summary>
        public Figure(string name, string value)
        {
            Name = name;
            Value = value;
        }

        /// <summary>What is measured.</summary>
        public string Name { get; }

        /// <summary>The value with its unit.</summary>
        public string Value { get; }
    }

    /// <summary>
    /// The live figures of the window: what the running game measures, and what the server tells of itself. It asks at
    /// most once a second, and never while an answer is awaited.
    /// </summary>
    public sealed class LatencyPanelModel
    {
        private const long EveryUs = 1000 * 1000;
        private const int AnswerMs = 2000;
        private static readonly Figure[] None = new Figure[0];
        private readonly Func<IVitrineCalls> _calls;
        private readonly Func<IReadOnlyList<Figure>> _game;
        private readonly IVitrineClock _clock;
        private Task _asked = Task.FromResult(true);
        private long _nextUs = long.MinValue;
        private int _revision;

        /// <summary>
        /// <paramref name="calls"/> gives the connection, null while there is none; <paramref name="game"/> the figures
        /// of the running game, empty while none runs.
        /// </summary>
        public LatencyPanelModel(Func<IVitrineCalls> calls, Func<IReadOnlyList<Figure>> game, IVitrineClock clock)
        {
            _calls = calls;
            _game = game;
            _clock = clock;
        }

        /// <summary>Grows with every change.</summary>
        public int Revision
        {
            get { return Volatile.Read(ref _revision); }
        }

        /// <summary>The figures of the game; empty while none runs.</summary>
        public IReadOnlyList<Figure> Game { get; private set; } = None;

        /// <summary>The figures of the server; empty while none answers.</summary>
        public IReadOnlyList<Figure> Server { get; private set; } = None;

        /// <summary>What to read when there are no figures.</summary>
        public string Text { get; private set; } = "No server runs.";

        /// <summary>Called often, on the main thread; asks when it is time.</summary>
        public void Poll()
        {
            if (!_asked.IsCompleted || _clock.NowUs < _nextUs) { return; }
            _nextUs = _clock.NowUs + EveryUs;
            Game = _game();
            IVitrineCalls calls = _calls();
            if (calls == null)
            {
                Set(None, "No server answers. Start it above, or wait until it has loaded its models.");
                return;
            }
            _asked = AskAsync(calls);
        }

        private async Task AskAsync(IVitrineCalls calls)
        {
            using (var cancel = new CancellationTokenSource(AnswerMs))
            {
                try
                {
                    long began = _clock.NowUs;
                    using (await calls.EchoAsync(default(WireValue), null, EchoWhere.Gateway, cancel.Token).ConfigureAwait(false))
                    {
                        long ended = _clock.NowUs;
                        ServerStats stats = await calls.StatsAsync(cancel.Token).ConfigureAwait(false);
                        Set(Figures(stats, (ended - began) / 1000.0), "");
                    }
                }
                catch (VitrineException error)
                {
                    Set(None, error.Message);
                }
                catch (OperationCanceledException)
                {
                    Set(None, "The server does not answer within two seconds.");
                }
            }
        }

        private static IReadOnlyList<Figure> Figures(ServerStats stats, double roundTripMs)
        {
            CallCounters counted = stats.Counters;
            var figures = new List<Figure>
            {
                new Figure("Small call, there and back", Ms(roundTripMs)),
                new Figure("Runs on", stats.Providers.Count == 0 ? "no model loaded" : string.Join(", ", stats.Providers)),
                new Figure("Up for", Whole(stats.UptimeS) + " s"),
                new Figure("Connections", Whole(stats.Sessions)),
                new Figure("Frames in, out, replaced", Three(counted.FramesIn, counted.FramesOut, counted.Superseded)),
                new Figure("Calls done of", Whole(counted.Done) + " of " + Whole(counted.Calls)),
            };
            long waiting = 0;
            foreach (KeyValuePair<string, long> queue in stats.Queues) { waiting += queue.Value; }
            figures.Add(new Figure("Jobs that wait", Whole(waiting)));
            foreach (WorkerStats worker in stats.Workers)
            {
                string again = worker.Restarts > 0 ? ", restarted " + Whole(worker.Restarts) + " times" : "";
                figures.Add(new Figure("Worker " + worker.Name, worker.State + ", " + Sizes.Of(worker.RssBytes) + again));
            }
            foreach (ModelStats model in stats.Models)
            {
                if (model.Runs == 0) { continue; }
                figures.Add(new Figure(model.Name, Ms(model.P50Ms) + " p50, " + Ms(model.P95Ms) + " p95 on " + model.Provider));
            }
            return figures;
        }

        private void Set(IReadOnlyList<Figure> server, string text)
        {
            Server = server;
            Text = text;
            Interlocked.Increment(ref _revision);
        }

        private static string Three(long one, long two, long three)
        {
            return Whole(one) + ", " + Whole(two) + ", " + Whole(three);
        }

        private static string Ms(double value)
        {
            return value.ToString("0.00", CultureInfo.InvariantCulture) + " ms";
        }

        private static string Whole(double value)
        {
            return value.ToString("0", CultureInfo.InvariantCulture);
        }
    }
}
