using System;
using System.Collections.Generic;
using UnityEngine;
using UnityEngine.LowLevel;
using UnityEngine.PlayerLoop;

namespace Vitrine
{
    /// <summary>
    /// Calls the clients once a frame, ahead of every script's Update, without a game object: one system in the player
    /// loop, there only while there are clients. Main thread.
    /// </summary>
    internal static class ClientLoop
    {
        private static readonly List<VitrineClient> Clients = new List<VitrineClient>();

        internal static void Add(VitrineClient client)
        {
            Clients.Add(client);
            if (Clients.Count == 1) { Insert(); }
        }

        internal static void Remove(VitrineClient client)
        {
            if (Clients.Remove(client) && Clients.Count == 0) { Remove(); }
        }

        /// <summary>The engine may have set its own loop again while clients lived on: Play began without a reload.</summary>
        internal static void Restore()
        {
            if (Clients.Count > 0) { Insert(); }
        }

        private static void Run()
        {
            for (int i = Clients.Count - 1; i >= 0; i--)
            {
                if (i < Clients.Count) { Clients[i].Pump(); }
            }
        }

        // Removed first: with domain reload off, an older one may still be in the loop.
        private static void Insert()
        {
            Remove();
            PlayerLoopSystem loop = UnityEngine.LowLevel.PlayerLoop.GetCurrentPlayerLoop();
            int at = IndexOf(loop.subSystemList, typeof(PreUpdate));
            if (at < 0)
            {
                Debug.LogWarning("Vitrine: the player loop has no PreUpdate. Call VitrineClient.Pump once a frame.");
                return;
            }
            PlayerLoopSystem[] before = loop.subSystemList[at].subSystemList ?? new PlayerLoopSystem[0];
            var after = new PlayerLoopSystem[before.Length + 1];
            before.CopyTo(after, 0);
            after[before.Length] = new PlayerLoopSystem { type = typeof(VitrineUpdate), updateDelegate = Run };
            loop.subSystemList[at].subSystemList = after;
            UnityEngine.LowLevel.PlayerLoop.SetPlayerLoop(loop);
        }

        private static void Remove()
        {
            PlayerLoopSystem loop = UnityEngine.LowLevel.PlayerLoop.GetCurrentPlayerLoop();
            int at = IndexOf(loop.subSystemList, typeof(PreUpdate));
            int own = at < 0 ? -1 : IndexOf(loop.subSystemList[at].subSystemList, typeof(VitrineUpdate));
            if (own < 0) { return; }
            var left = new List<PlayerLoopSystem>(loop.subSystemList[at].subSystemList);
            left.RemoveAt(own);
            loop.subSystemList[at].subSystemList = left.ToArray();
            UnityEngine.LowLevel.PlayerLoop.SetPlayerLoop(loop);
        }

        private static int IndexOf(PlayerLoopSystem[] systems, Type type)
        {
            for (int i = 0; systems != null && i < systems.Length; i++)
            {
                if (systems[i].type == type) { return i; }
            }
            return -1;
        }

        /// <summary>The name of the system in the player loop and in the Profiler.</summary>
        private struct VitrineUpdate
        {
        }
    }
}
