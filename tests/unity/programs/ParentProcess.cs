using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Vitrine;

/// <summary>
/// An application that owns a sidecar: ParentProcess.exe MODE RUN_FOLDER [words for serve]...
/// hold: starts it and waits to be killed. begin: the same, but tells as soon as the process is there. quit: starts it
/// and ends as an application should. reload: starts it in one application domain, throws that away without a word as
/// the Editor does when scripts change, and finds it again in the next; reload-early: the same while it still starts.
/// Prints the sidecar's process id, a line each time that it is asked for.
/// </summary>
public static class ParentProcess
{
    private const string Memory = "memory";
    private const int ForeverMs = 120000;

    private static int Main(string[] arguments)
    {
        switch (arguments[0])
        {
            case "hold": Started(arguments, null); Thread.Sleep(ForeverMs); return 1;
            case "begin": Begun(arguments, null); Thread.Sleep(ForeverMs); return 1;
            case "quit": Started(arguments, null).Dispose(); return 0;
            case "reload": return Reload(arguments, StartInDomain);
            case "reload-early": return Reload(arguments, BeginInDomain);
            default: throw new ArgumentException("unknown mode " + arguments[0]);
        }
    }

    private static int Reload(string[] arguments, CrossAppDomainDelegate start)
    {
        string text = InDomain(arguments, "", start);
        text = InDomain(arguments, text, FindInDomain);
        return text.Length == 0 ? 0 : 1;
    }

    // What a domain keeps in its memory is carried over as the Editor's session does.
    private static string InDomain(string[] arguments, string text, CrossAppDomainDelegate run)
    {
        AppDomain domain = AppDomain.CreateDomain("scripts");
        domain.SetData(Memory, text);
        domain.SetData("arguments", arguments);
        domain.DoCallBack(run);
        text = (string)domain.GetData(Memory);
        AppDomain.Unload(domain);
        return text;
    }

    private static void StartInDomain()
    {
        Started(Arguments(), new DomainMemory());
    }

    private static void BeginInDomain()
    {
        Begun(Arguments(), new DomainMemory());
    }

    private static void FindInDomain()
    {
        using (VitrineProcess process = Make(Arguments(), new DomainMemory()))
        {
            Console.WriteLine(process.Reattach() && process.IsOurs ? process.Pid : 0);
            Console.WriteLine(process.StartAsync().GetAwaiter().GetResult().Pid);
            Console.WriteLine(process.State);
        }
    }

    private static VitrineProcess Started(string[] arguments, IProcessMemory memory)
    {
        VitrineProcess process = Make(arguments, memory);
        Console.WriteLine(process.StartAsync().GetAwaiter().GetResult().Pid);
        return process;
    }

    private static void Begun(string[] arguments, IProcessMemory memory)
    {
        VitrineProcess process = Make(arguments, memory);
        Task<VitrineEndpoint> start = process.StartAsync();
        while (process.Pid == 0 && !start.IsCompleted) { Thread.Sleep(1); }
        Console.WriteLine(process.Pid);
    }

    private static VitrineProcess Make(string[] arguments, IProcessMemory memory)
    {
        var words = new List<string>(arguments);
        words.RemoveRange(0, 2);
        return new VitrineProcess(new ProcessOptions { RunFolder = arguments[1], Arguments = words }, memory);
    }

    private static string[] Arguments()
    {
        return (string[])AppDomain.CurrentDomain.GetData("arguments");
    }

    private sealed class DomainMemory : IProcessMemory
    {
        public void Save(string text)
        {
            AppDomain.CurrentDomain.SetData(Memory, text);
        }

        public string Load()
        {
            return (string)AppDomain.CurrentDomain.GetData(Memory);
        }
    }
}
