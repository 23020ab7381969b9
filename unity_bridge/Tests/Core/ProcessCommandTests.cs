using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;
using Vitrine;

/// <summary>Which command is chosen, and how its words reach a process.</summary>
[TestFixture]
public sealed class ProcessCommandTests
{
    [Test]
    public void TheSearchHasAnOrder()
    {
        var files = new FakeFiles();
        string problem;
        Assert.IsTrue(SidecarCommand.Find(null, files, out problem) == null, "none");
        Assert.IsTrue(problem.Contains("Window > Vitrine") && problem.Contains("VITRINE_PYTHON"), problem);
        files.Variables["PATH"] = "relative:.::/usr/bin:/opt/bin/";
        files.Files.Add("/opt/bin/vitrine");
        files.Files.Add("relative/vitrine");
        files.Files.Add("./vitrine");
        Chosen(files, null, "/opt/bin/vitrine");
        files.Files.Add("/home/me/.local/share/vitrine/python/bin/python");
        Chosen(files, "", "/home/me/.local/share/vitrine/python/bin/python", "-m", "sidecar");
        files.Files.Add("/usr/bin/my-interpreter");
        files.Variables["VITRINE_PYTHON"] = "my-interpreter";
        Chosen(files, null, "/usr/bin/my-interpreter", "-m", "sidecar");
        files.Files.Add("/home/me/env/bin/python3.11");
        Chosen(files, "~/env/bin/python3.11", "/home/me/env/bin/python3.11", "-m", "sidecar");
        Chosen(files, "/opt/bin/vitrine", "/opt/bin/vitrine");
    }

    [Test]
    public void WhatWasNamedButIsNotThereIsNotPassedOver()
    {
        var files = new FakeFiles();
        files.Files.Add("/home/me/.local/share/vitrine/python/bin/python");
        string problem;
        Assert.IsTrue(SidecarCommand.Find("/nowhere/python", files, out problem) == null, "configured");
        Assert.IsTrue(problem.Contains("settings"), problem);
        files.Variables["VITRINE_PYTHON"] = "/nowhere/python";
        Assert.IsTrue(SidecarCommand.Find(null, files, out problem) == null, "variable");
        Assert.IsTrue(problem.Contains("VITRINE_PYTHON"), problem);
    }

    [Test]
    public void TheSearchOnWindows()
    {
        var files = new FakeFiles { IsWindows = true };
        files.Variables["PATH"] = "bin;\"C:\\Program Files\\Python\\Scripts\";C:\\Tools\\";
        files.Files.Add(@"bin\vitrine.exe");
        files.Files.Add(@"C:\Tools\vitrine.exe");
        Chosen(files, null, @"C:\Tools\vitrine.exe");
        files.Files.Add(@"C:\Program Files\Python\Scripts\vitrine.exe");
        Chosen(files, null, @"C:\Program Files\Python\Scripts\vitrine.exe");
        files.Files.Add(@"C:\Users\me\AppData\Local\vitrine\python\Scripts\python.exe");
        Chosen(files, null, @"C:\Users\me\AppData\Local\vitrine\python\Scripts\python.exe", "-m", "sidecar");
        files.Files.Add(@"D:\env\Scripts\Python.exe");
        Chosen(files, "\"D:\\env\\Scripts\\Python\"", @"D:\env\Scripts\Python.exe", "-m", "sidecar");
        Chosen(files, @"C:\Tools\vitrine", @"C:\Tools\vitrine.exe");
    }

    [Test]
    public void TheWordsOfServe()
    {
        var options = new ProcessOptions { Arguments = new[] { "--port", "0" }, ParentPid = 42 };
        string words = string.Join(" ", SidecarLaunch.Words(options, "/run"));
        Assert.AreEqual("serve --port 0 --no-install --run-dir /run --parent-pid 42", words);
        options = new ProcessOptions { InstallModels = true };
        words = string.Join(" ", SidecarLaunch.Words(options, "/run"));
        Assert.AreEqual("serve --run-dir /run --parent-pid " + PeerIdentity.OwnPid, words);
        words = string.Join(" ", new SidecarCommand("p", "-m", "sidecar").Words("doctor", "--json"));
        Assert.AreEqual("-m sidecar doctor --json", words);
    }

    [Test]
    public void QuotingAsWindowsSplitsIt()
    {
        Quoted("plain", "plain");
        Quoted("", "\"\"");
        Quoted("a b", "\"a b\"");
        Quoted("tab\there", "\"tab\there\"");
        Quoted(@"C:\dir\", @"C:\dir\");
        Quoted(@"C:\my dir\", "\"C:\\my dir\\\\\"");
        Quoted("say \"hi\"", "\"say \\\"hi\\\"\"");
        Quoted("\\\"", "\"\\\\\\\"\"");
        Quoted(@"a\\b c", "\"a\\\\b c\"");
        Quoted("&|<>^%PATH%", "&|<>^%PATH%");
        Quoted("\u4f60 \u597d", "\"\u4f60 \u597d\"");
        Assert.AreEqual("\"C:\\P F\\python.exe\" -m", CommandLine.Join(@"C:\P F\python.exe", new[] { "-m" }));
        Assert.Throws<ArgumentException>(() => CommandLine.Join("a\"b", new string[0]));
        Assert.Throws<ArgumentException>(() => CommandLine.Join("a", new[] { "zero\0" }));
    }

    [Test]
    public void EveryWordComesBackFromTheLine()
    {
        var random = new Random(7);
        for (int i = 0; i < 2000; i++)
        {
            var words = new string[random.Next(1, 5)];
            for (int j = 0; j < words.Length; j++)
            {
                var word = new StringBuilder();
                for (int k = random.Next(0, 8); k > 0; k--) { word.Append("\\\" \ta\u4f60"[random.Next(6)]); }
                words[j] = word.ToString();
            }
            string line = CommandLine.Join(@"C:\p q\x.exe", words);
            List<string> back = Split(line.Substring(@"""C:\p q\x.exe""".Length));
            Assert.AreEqual(string.Join("|", words), string.Join("|", back), line);
        }
    }

    [Test]
    public void TheBlockOfVariablesIsSortedAndEnded()
    {
        var variables = new Dictionary<string, string> { { "b", "2" }, { "A", "1=1" }, { "_", "" } };
        Assert.AreEqual("A=1=1\0b=2\0_=\0\0", CommandLine.EnvironmentBlock(variables));
        Assert.AreEqual("\0\0", CommandLine.EnvironmentBlock(new Dictionary<string, string>()));
        variables["c"] = "a\0b";
        Assert.Throws<ArgumentException>(() => CommandLine.EnvironmentBlock(variables));
    }

    [Test]
    public void WindowsStructuresHaveTheirSizes()
    {
        if (IntPtr.Size != 8) { return; }
        Assert.AreEqual(24, Marshal.SizeOf(typeof(WindowsNative.SecurityAttributes)));
        Assert.AreEqual(112, Marshal.SizeOf(typeof(WindowsNative.StartupInfo)));
        Assert.AreEqual(24, Marshal.SizeOf(typeof(WindowsNative.ProcessInformation)));
        Assert.AreEqual(144, Marshal.SizeOf(typeof(WindowsNative.JobLimits)));
        Assert.AreEqual(16, (int)Marshal.OffsetOf(typeof(WindowsNative.JobLimits), "LimitFlags"));
        Assert.AreEqual(104, (int)Marshal.OffsetOf(typeof(WindowsNative.StartupInfo), "Attributes"));
    }

    [Test]
    public void ALogsLastWordsAreShort()
    {
        string path = Path.GetTempFileName();
        try
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            var text = new StringBuilder();
            for (int i = 0; i < 2000; i++) { text.Append("line ").Append(i).Append("\r\n\r\n"); }
            text.Append(home).Append("/packs \u001b[31mred\n").Append('x', 1000).Append('\n');
            File.WriteAllText(path, text.ToString());
            string[] lines = LogTail.Read(path).Split('\n');
            Assert.AreEqual(8, lines.Length);
            Assert.AreEqual("line 1994", lines[0]);
            Assert.AreEqual("~/packs [31mred", lines[6]);
            Assert.AreEqual(243, lines[7].Length);
        }
        finally
        {
            File.Delete(path);
        }
        Assert.AreEqual("", LogTail.Read(path));
    }

    private static void Chosen(FakeFiles files, string configured, string program, params string[] words)
    {
        string problem;
        SidecarCommand command = SidecarCommand.Find(configured, files, out problem);
        Assert.IsTrue(command != null && problem == null, "found, not: " + problem);
        Assert.AreEqual(program, command.Executable);
        Assert.AreEqual(string.Join(" ", words), string.Join(" ", command.Words()));
    }

    private static void Quoted(string word, string expected)
    {
        Assert.AreEqual("\"p\" " + expected, CommandLine.Join("p", new[] { word }));
    }

    // The published rules: 2n backslashes and a quote are n and a switch, 2n + 1 and a quote are n and the quote.
    private static List<string> Split(string line)
    {
        var words = new List<string>();
        int at = 0;
        while (true)
        {
            while (at < line.Length && (line[at] == ' ' || line[at] == '\t')) { at++; }
            if (at == line.Length) { return words; }
            var word = new StringBuilder();
            bool quoted = false;
            for (; at < line.Length && (quoted || (line[at] != ' ' && line[at] != '\t')); at++)
            {
                int backslashes = 0;
                while (at < line.Length && line[at] == '\\') { backslashes++; at++; }
                bool quote = at < line.Length && line[at] == '"';
                word.Append('\\', quote ? backslashes / 2 : backslashes);
                if (!quote) { at--; if (backslashes == 0) { word.Append(line[++at]); } continue; }
                if (backslashes % 2 == 1) { word.Append('"'); }
                else { quoted = !quoted; }
            }
            words.Add(word.ToString());
        }
    }

    private sealed class FakeFiles : IFileProbe
    {
        internal readonly HashSet<string> Files = new HashSet<string>();
        internal readonly Dictionary<string, string> Variables = new Dictionary<string, string>();

        public bool IsWindows { get; set; }

        public string Home
        {
            get { return IsWindows ? @"C:\Users\me" : "/home/me"; }
        }

        public string LocalData
        {
            get { return @"C:\Users\me\AppData\Local"; }
        }

        public bool IsFile(string path)
        {
            return Files.Contains(path);
        }

        public string Variable(string name)
        {
            string value;
            return Variables.TryGetValue(name, out value) ? value : null;
        }
    }
}
