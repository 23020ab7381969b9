using System;
using System.Diagnostics;
using System.Reflection;
using NUnit.Framework;

/// <summary>Runs every [Test] of this assembly: Tests.exe [part of a name]. Exit status 1 when one fails or none ran.</summary>
internal static class TestMain
{
    private static int Main(string[] arguments)
    {
        string wanted = arguments.Length > 0 ? arguments[0] : "";
        int ran = 0, failed = 0;
        foreach (Type type in Assembly.GetExecutingAssembly().GetTypes())
        {
            if (!type.IsDefined(typeof(TestFixtureAttribute), false)) { continue; }
            foreach (MethodInfo method in type.GetMethods())
            {
                string name = type.Name + "." + method.Name;
                if (!method.IsDefined(typeof(TestAttribute), false) || !name.Contains(wanted)) { continue; }
                ran++;
                failed += Run(name, method, Activator.CreateInstance(type)) ? 0 : 1;
            }
        }
        Console.WriteLine(ran + " tests, " + failed + " failed");
        return failed == 0 && ran > 0 ? 0 : 1;
    }

    private static bool Run(string name, MethodInfo method, object fixture)
    {
        Stopwatch watch = Stopwatch.StartNew();
        try
        {
            method.Invoke(fixture, null);
            Console.WriteLine("ok   " + name + " " + watch.ElapsedMilliseconds + " ms");
            return true;
        }
        catch (TargetInvocationException error)
        {
            Console.WriteLine("FAIL " + name + " " + error.InnerException);
            return false;
        }
        finally
        {
            var disposable = fixture as IDisposable;
            if (disposable != null) { disposable.Dispose(); }
        }
    }
}
