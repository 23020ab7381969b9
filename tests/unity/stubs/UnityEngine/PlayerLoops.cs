using System;
using UnityEngine.Fakes;
using UnityEngine.PlayerLoop;

namespace UnityEngine.LowLevel
{
    public struct PlayerLoopSystem
    {
        public delegate void UpdateFunction();

        public Type type;
        public PlayerLoopSystem[] subSystemList;
        public UpdateFunction updateDelegate;
        public IntPtr updateFunction;
        public IntPtr loopConditionFunction;

        public override string ToString()
        {
            return type == null ? "" : type.Name;
        }
    }

    /// <summary>The order of a frame as data, of which callers get and give copies, as with the real one.</summary>
    public class PlayerLoop
    {
        private static PlayerLoopSystem _current = GetDefaultPlayerLoop();

        public static PlayerLoopSystem GetDefaultPlayerLoop()
        {
            return Of(
                null,
                Of(typeof(Initialization)),
                Of(typeof(EarlyUpdate), Of(typeof(EarlyUpdate.ScriptRunDelayedStartupFrame), FakeScene.Start)),
                Of(typeof(FixedUpdate)),
                Of(typeof(PreUpdate)),
                Of(
                    typeof(Update),
                    Of(typeof(Update.ScriptRunBehaviourUpdate), RunUpdate),
                    Of(typeof(Update.ScriptRunDelayedDynamicFrameRate), FakeScene.RunCoroutines),
                    Of(typeof(Update.ScriptRunDelayedTasks), RunPosts)),
                Of(typeof(PreLateUpdate), Of(typeof(PreLateUpdate.ScriptRunBehaviourLateUpdate), RunLateUpdate)),
                Of(typeof(PostLateUpdate)));
        }

        public static PlayerLoopSystem GetCurrentPlayerLoop()
        {
            return Copy(_current);
        }

        public static void SetPlayerLoop(PlayerLoopSystem loop)
        {
            _current = Copy(loop);
        }

        internal static void Run()
        {
            Run(_current);
        }

        private static void Run(PlayerLoopSystem system)
        {
            if (system.updateDelegate != null)
            {
                try
                {
                    system.updateDelegate();
                }
                catch (Exception error)
                {
                    Debug.LogException(error);
                }
            }
            if (system.subSystemList == null) { return; }
            for (int i = 0; i < system.subSystemList.Length; i++) { Run(system.subSystemList[i]); }
        }

        private static void RunUpdate()
        {
            FakeScene.Start(); // what was added since the frame began
            FakeScene.Send("Update");
        }

        private static void RunLateUpdate()
        {
            FakeScene.Send("LateUpdate");
        }

        private static void RunPosts()
        {
            FakeUnity.Current.RunPosts();
        }

        private static PlayerLoopSystem Of(Type type, PlayerLoopSystem.UpdateFunction update)
        {
            return new PlayerLoopSystem { type = type, updateDelegate = update };
        }

        private static PlayerLoopSystem Of(Type type, params PlayerLoopSystem[] below)
        {
            return new PlayerLoopSystem { type = type, subSystemList = below };
        }

        private static PlayerLoopSystem Copy(PlayerLoopSystem system)
        {
            if (system.subSystemList != null) { system.subSystemList = Array.ConvertAll(system.subSystemList, Copy); }
            return system;
        }
    }
}

namespace UnityEngine.PlayerLoop
{
    public struct Initialization { }

    public struct EarlyUpdate
    {
        public struct ScriptRunDelayedStartupFrame { }
    }

    public struct FixedUpdate { }

    public struct PreUpdate { }

    public struct Update
    {
        public struct ScriptRunBehaviourUpdate { }

        public struct ScriptRunDelayedDynamicFrameRate { }

        public struct ScriptRunDelayedTasks { }
    }

    public struct PreLateUpdate
    {
        public struct ScriptRunBehaviourLateUpdate { }
    }

    public struct PostLateUpdate { }
}
