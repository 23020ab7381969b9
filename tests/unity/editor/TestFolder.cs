using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using NUnit.Framework;

namespace Vitrine.Editor.Tests
{
    /// <summary>A folder that is gone after the test.</summary>
    internal sealed class TestFolder : IDisposable
    {
        internal TestFolder()
        {
            Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), "vitrine-editor-" + Guid.NewGuid().ToString("N"));
            Directory.CreateDirectory(Path);
        }

        internal string Path { get; }

        internal string Write(string name, string text)
        {
            string path = System.IO.Path.Combine(Path, name);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path));
            File.WriteAllText(path, text);
            return path;
        }

        public void Dispose()
        {
            if (Directory.Exists(Path)) { Directory.Delete(Path, true); }
        }
    }

    /// <summary>Waits with a limit.</summary>
    internal static class Wait
    {
        internal static void For(Work work)
        {
            Assert.IsTrue(work.Finished.Wait(20000), "the work does not end: " + work.Text);
        }

        internal static void Until(Func<bool> condition, string what)
        {
            for (int i = 0; i < 4000; i++)
            {
                if (condition()) { return; }
                Thread.Sleep(5);
            }
            throw new AssertionException("never came: " + what);
        }
    }

    /// <summary>A clock that the test moves.</summary>
    internal sealed class HandClock : IVitrineClock
    {
        private long _nowUs = 1000000;

        public long NowUs
        {
            get { return Interlocked.Read(ref _nowUs); }
        }

        internal void Pass(int milliseconds)
        {
            Interlocked.Add(ref _nowUs, milliseconds * 1000L);
        }

        public bool Wait(WaitHandle until, int milliseconds)
        {
            return until.WaitOne(1);
        }
    }

    internal static class TestPython
    {
        /// <summary>The Python of the suite, which has the sidecar.</summary>
        internal static string File
        {
            get
            {
                string python = Environment.GetEnvironmentVariable("VITRINE_PYTHON");
                Assert.IsTrue(!string.IsNullOrEmpty(python), "set VITRINE_PYTHON to a Python that has the sidecar");
                return python;
            }
        }

        internal static Command Script(string code, params string[] arguments)
        {
            var all = new List<string> { "-c", code };
            all.AddRange(arguments);
            return new Command(File, all.ToArray()) { TimeoutMs = 20000 };
        }
    }
}
