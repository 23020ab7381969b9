using System;
using System.Collections.Generic;
using System.Threading;

namespace UnityEngine.Fakes
{
    /// <summary>One line of the Console.</summary>
    public sealed class FakeLog
    {
        private static readonly List<FakeLog> Lines = new List<FakeLog>();

        private FakeLog(LogType type, string text, Object context)
        {
            Type = type;
            Text = text;
            Context = context;
        }

        public LogType Type { get; }

        public string Text { get; }

        public Object Context { get; }

        /// <summary>All lines so far.</summary>
        public static FakeLog[] All
        {
            get { lock (Lines) { return Lines.ToArray(); } }
        }

        /// <summary>The errors and exceptions so far, as one text; empty when there were none.</summary>
        public static string Faults
        {
            get
            {
                string text = "";
                foreach (FakeLog line in All)
                {
                    if (line.Type == LogType.Error || line.Type == LogType.Exception) { text += line.Text + "\n"; }
                }
                return text;
            }
        }

        public static void Clear()
        {
            lock (Lines) { Lines.Clear(); }
        }

        internal static void Add(LogType type, object message, Object context)
        {
            var line = new FakeLog(type, Convert.ToString(message), context);
            lock (Lines) { Lines.Add(line); }
        }
    }

    /// <summary>What the player or the Editor would be.</summary>
    public static class FakeApplication
    {
        public static readonly List<string> OpenedUrls = new List<string>();

        private static readonly List<KeyValuePair<UserAuthorization, AsyncOperation>> Asked =
            new List<KeyValuePair<UserAuthorization, AsyncOperation>>();

        public static bool IsPlaying { get; set; }

        public static bool IsEditor { get; set; }

        public static bool IsBatchMode { get; set; }

        public static bool IsFocused { get; internal set; } = true;

        public static bool QuitAsked { get; internal set; }

        public static RuntimePlatform Platform { get; set; } = RuntimePlatform.LinuxPlayer;

        public static SystemLanguage Language { get; set; } = SystemLanguage.English;

        /// <summary>Where the paths of the application lie.</summary>
        public static string Folder { get; set; } = System.IO.Path.GetTempPath();

        /// <summary>What the person allowed.</summary>
        public static UserAuthorization Allowed { get; set; } = UserAuthorization.WebCam | UserAuthorization.Microphone;

        /// <summary>What the person will allow when asked; the answer comes at the end of the frame.</summary>
        public static UserAuthorization WillAllow { get; set; } = UserAuthorization.WebCam | UserAuthorization.Microphone;

        internal static CancellationTokenSource Exit { get; private set; } = new CancellationTokenSource();

        internal static void Ask(UserAuthorization mode, AsyncOperation asked)
        {
            Asked.Add(new KeyValuePair<UserAuthorization, AsyncOperation>(mode, asked));
        }

        internal static void AnswerAsked()
        {
            foreach (KeyValuePair<UserAuthorization, AsyncOperation> pair in Asked)
            {
                Allowed |= pair.Key & WillAllow;
                pair.Value.isDone = true;
            }
            Asked.Clear();
        }

        internal static void Reset()
        {
            IsEditor = IsBatchMode = QuitAsked = false;
            IsFocused = true;
            Platform = RuntimePlatform.LinuxPlayer;
            Language = SystemLanguage.English;
            Folder = System.IO.Path.GetTempPath();
            Allowed = WillAllow = UserAuthorization.WebCam | UserAuthorization.Microphone;
            Exit = new CancellationTokenSource();
            OpenedUrls.Clear();
            Asked.Clear();
            Application.Forget();
        }
    }

    internal static class FakeTime
    {
        internal static double Seconds { get; private set; }

        internal static double Delta { get; private set; }

        internal static int Frames { get; private set; }

        internal static void Advance(double seconds)
        {
            Seconds += seconds;
            Delta = seconds;
            Frames++;
        }

        internal static void Reset()
        {
            Seconds = Delta = 0;
            Frames = 0;
            Time.timeScale = 1;
        }
    }

    /// <summary>The main thread's context: what is posted runs once a frame, as Unity's own does.</summary>
    internal sealed class FakeContext : SynchronizationContext
    {
        private readonly Queue<KeyValuePair<SendOrPostCallback, object>> _posted = new Queue<KeyValuePair<SendOrPostCallback, object>>();
        private readonly int _thread = Thread.CurrentThread.ManagedThreadId;

        public override void Post(SendOrPostCallback d, object state)
        {
            lock (_posted) { _posted.Enqueue(new KeyValuePair<SendOrPostCallback, object>(d, state)); }
        }

        public override void Send(SendOrPostCallback d, object state)
        {
            if (Thread.CurrentThread.ManagedThreadId == _thread) { d(state); return; }
            using (var done = new ManualResetEvent(false))
            {
                Post(_ => { try { d(state); } finally { done.Set(); } }, null);
                done.WaitOne();
            }
        }

        public override SynchronizationContext CreateCopy()
        {
            return this;
        }

        /// <summary>What is posted meanwhile runs in the next frame.</summary>
        internal void Run()
        {
            int count;
            lock (_posted) { count = _posted.Count; }
            for (int i = 0; i < count; i++)
            {
                KeyValuePair<SendOrPostCallback, object> next;
                lock (_posted) { next = _posted.Dequeue(); }
                try
                {
                    next.Key(next.Value);
                }
                catch (Exception error)
                {
                    Debug.LogException(error);
                }
            }
        }
    }
}
