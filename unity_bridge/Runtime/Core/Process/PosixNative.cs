using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Vitrine
{
    /// <summary>What of the C library the Linux launcher calls. Only integers, pointers and arrays of them.</summary>
    internal static class PosixNative
    {
        // Larger than these opaque types are in any C library in use.
        internal const int ActionsBytes = 512;
        internal const int AttributesBytes = 1024;
        internal const int SignalSetBytes = 256;

        internal const int Kill = 9;
        internal const int Terminate = 15;
        internal const int NoHang = 1;
        private const uint OwnerFolder = 0x1c0; // 0700

        /// <summary>Makes the folder for its owner alone; one that is there stays as it is.</summary>
        internal static void MakeFolder(string path)
        {
            using (var memory = new PosixMemory())
            {
                // A failure shows where the folder is used.
                mkdir(memory.Text(path), OwnerFolder);
            }
        }

        [DllImport("libc")]
        internal static extern int posix_spawn(
            out int pid, IntPtr path, IntPtr actions, IntPtr attributes, IntPtr[] arguments, IntPtr[] variables);

        [DllImport("libc")]
        internal static extern int posix_spawn_file_actions_init(IntPtr actions);

        [DllImport("libc")]
        internal static extern int posix_spawn_file_actions_destroy(IntPtr actions);

        [DllImport("libc")]
        internal static extern int posix_spawn_file_actions_addopen(
            IntPtr actions, int descriptor, IntPtr path, int flags, uint mode);

        [DllImport("libc")]
        internal static extern int posix_spawn_file_actions_adddup2(IntPtr actions, int from, int to);

        [DllImport("libc")]
        internal static extern int posix_spawn_file_actions_addclose(IntPtr actions, int descriptor);

        [DllImport("libc")]
        internal static extern int posix_spawn_file_actions_addchdir_np(IntPtr actions, IntPtr path);

        [DllImport("libc")]
        internal static extern int posix_spawnattr_init(IntPtr attributes);

        [DllImport("libc")]
        internal static extern int posix_spawnattr_destroy(IntPtr attributes);

        [DllImport("libc")]
        internal static extern int posix_spawnattr_setflags(IntPtr attributes, short flags);

        [DllImport("libc")]
        internal static extern int posix_spawnattr_setsigmask(IntPtr attributes, IntPtr signals);

        [DllImport("libc")]
        internal static extern int posix_spawnattr_setsigdefault(IntPtr attributes, IntPtr signals);

        [DllImport("libc")]
        internal static extern int waitpid(int pid, out int status, int options);

        [DllImport("libc")]
        internal static extern int kill(int pid, int signal);

        [DllImport("libc")]
        internal static extern int getsid(int pid);

        [DllImport("libc")]
        private static extern int mkdir(IntPtr path, uint mode);
    }

    /// <summary>Native memory of one call: texts as UTF-8 with a zero at the end, lists of them, zeroed blocks.</summary>
    internal sealed class PosixMemory : IDisposable
    {
        private readonly List<IntPtr> _blocks = new List<IntPtr>();

        public void Dispose()
        {
            foreach (IntPtr block in _blocks)
            {
                Marshal.FreeHGlobal(block);
            }
            _blocks.Clear();
        }

        internal IntPtr Zeroed(int bytes)
        {
            IntPtr block = Marshal.AllocHGlobal(bytes);
            _blocks.Add(block);
            Marshal.Copy(new byte[bytes], 0, block, bytes);
            return block;
        }

        internal IntPtr Text(string text)
        {
            if (text.IndexOf('\0') >= 0)
            {
                throw new ArgumentException("a zero character in a path, an argument or a variable");
            }
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            IntPtr block = Zeroed(bytes.Length + 1);
            Marshal.Copy(bytes, 0, block, bytes.Length);
            return block;
        }

        internal IntPtr[] List(IReadOnlyList<string> texts)
        {
            var list = new IntPtr[texts.Count + 1];
            for (int i = 0; i < texts.Count; i++)
            {
                list[i] = Text(texts[i]);
            }
            return list;
        }
    }
}
