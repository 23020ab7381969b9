using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Reflection;
using System.Threading;

namespace UnityEngine.Fakes
{
    /// <summary>
    /// A player (or an Editor) whose frames a test runs by hand on its own thread. Making one forgets everything of the
    /// one before; disposing it quits as a player does.
    /// </summary>
    public sealed class FakeUnity : IDisposable
    {
        /// <summary>A frame at 72 Hz.</summary>
        public const double Frame = 1 / 72.0;

        private static readonly List<Action> ResetHooks = new List<Action>();
        private static readonly List<Action> Begins = new List<Action>();
        private static readonly List<Action> Ends = new List<Action>();
        private static int _mainThread;

        private readonly FakeContext _context;
        private readonly SynchronizationContext _before;
        private bool _gone;

        /// <summary>
        /// <paramref name="playing"/>: false for edit mode. Runs the [RuntimeInitializeOnLoadMethod] methods of every
        /// loaded assembly of the project.
        /// </summary>
        public FakeUnity(bool playing = true)
        {
            _mainThread = Thread.CurrentThread.ManagedThreadId;
            FakeApplication.IsPlaying = false;
            FakeScene.Clear();
            Reset();
            FakeApplication.IsPlaying = playing;
            _before = SynchronizationContext.Current;
            _context = new FakeContext();
            SynchronizationContext.SetSynchronizationContext(_context);
            Current = this;
            if (playing) { RunInitializers(); }
        }

        /// <summary>The one that runs; null when there is none.</summary>
        public static FakeUnity Current { get; private set; }

        /// <summary>Called at the end of each frame, after LateUpdate: what the GPU finished.</summary>
        public static event Action FrameEnded
        {
            add { Ends.Add(value); }
            remove { Ends.Remove(value); }
        }

        /// <summary>Called before each frame: what a camera or a device brings.</summary>
        public static event Action FrameBegan
        {
            add { Begins.Add(value); }
            remove { Begins.Remove(value); }
        }

        /// <summary>The time of the scene, seconds.</summary>
        public double Now
        {
            get { return FakeTime.Seconds; }
        }

        /// <summary>Statics of a fake that a new player must find fresh: registered once by the fake's own file.</summary>
        public static void OnReset(Action hook)
        {
            ResetHooks.Add(hook);
        }

        /// <summary>The engine refuses most of its members on other threads.</summary>
        public static void CheckThread(string member)
        {
            if (_mainThread != 0 && Thread.CurrentThread.ManagedThreadId != _mainThread)
            {
                throw new UnityException(member + " can only be called from the main thread.");
            }
        }

        /// <summary>Runs one frame that took <paramref name="seconds"/>.</summary>
        public void Step(double seconds = Frame)
        {
            CheckThread("Step");
            FakeTime.Advance(seconds);
            Call(Begins);
            LowLevel.PlayerLoop.Run();
            FakeScene.DestroyDoomed();
            Call(Ends);
            FakeApplication.AnswerAsked();
        }

        /// <summary>Runs some frames.</summary>
        public void Steps(int count, double seconds = Frame)
        {
            for (int i = 0; i < count; i++) { Step(seconds); }
        }

        /// <summary>
        /// Runs frames, about a millisecond of real time apart, until the condition holds; false after
        /// <paramref name="timeoutS"/> seconds of real time.
        /// </summary>
        public bool StepUntil(Func<bool> condition, double timeoutS = 10, double seconds = Frame)
        {
            Stopwatch watch = Stopwatch.StartNew();
            while (!condition())
            {
                if (watch.Elapsed.TotalSeconds > timeoutS) { return false; }
                Step(seconds);
                Thread.Sleep(1);
            }
            return true;
        }

        /// <summary>The window lost or got the focus.</summary>
        public void SetFocus(bool focused)
        {
            FakeApplication.IsFocused = focused;
            Application.RaiseFocus(focused);
            FakeScene.Send("OnApplicationFocus", focused);
        }

        /// <summary>
        /// Quits: Application.quitting, then every component is disabled and destroyed. Only the statics stay.
        /// </summary>
        public void Quit()
        {
            if (_gone) { return; }
            _gone = true;
            FakeScene.Send("OnApplicationQuit");
            Application.RaiseQuitting();
            FakeApplication.Exit.Cancel();
            FakeScene.Clear();
            FakeApplication.IsPlaying = false;
            SynchronizationContext.SetSynchronizationContext(_before);
            Current = null;
            _mainThread = 0;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            Quit();
        }

        internal void RunPosts()
        {
            _context.Run();
        }

        // No garbage here: suites count the bytes of a frame.
        private static void Call(List<Action> hooks)
        {
            for (int i = 0; i < hooks.Count; i++)
            {
                try
                {
                    hooks[i]();
                }
                catch (Exception error)
                {
                    Debug.LogException(error);
                }
            }
        }

        private static void Reset()
        {
            FakeTime.Reset();
            FakeApplication.Reset();
            FakeLog.Clear();
            FakeAssets.Reset();
            FakeXr.Reset();
            FakeProfiler.Reset();
            LowLevel.PlayerLoop.SetPlayerLoop(LowLevel.PlayerLoop.GetDefaultPlayerLoop());
            foreach (Action hook in ResetHooks) { hook(); }
        }

        private static void RunInitializers()
        {
            var order = new[]
            {
                RuntimeInitializeLoadType.SubsystemRegistration, RuntimeInitializeLoadType.AfterAssembliesLoaded,
                RuntimeInitializeLoadType.BeforeSplashScreen, RuntimeInitializeLoadType.BeforeSceneLoad,
                RuntimeInitializeLoadType.AfterSceneLoad,
            };
            foreach (RuntimeInitializeLoadType type in order)
            {
                foreach (MethodInfo method in Initializers(type)) { FakeMessages.Guard(() => method.Invoke(null, null)); }
            }
        }

        private static IEnumerable<MethodInfo> Initializers(RuntimeInitializeLoadType wanted)
        {
            foreach (Assembly assembly in AppDomain.CurrentDomain.GetAssemblies())
            {
                if (!assembly.GetName().Name.StartsWith("Vitrine", StringComparison.Ordinal)) { continue; }
                foreach (Type type in assembly.GetTypes())
                {
                    foreach (MethodInfo method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
                    {
                        object[] found = method.GetCustomAttributes(typeof(RuntimeInitializeOnLoadMethodAttribute), false);
                        if (found.Length > 0 && ((RuntimeInitializeOnLoadMethodAttribute)found[0]).loadType == wanted)
                        {
                            yield return method;
                        }
                    }
                }
            }
        }
    }
}
