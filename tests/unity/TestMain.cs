using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Reflection;
using NUnit.Framework;

/// <summary>Runs every [Test] of this assembly: Tests.exe [part of a name]. Exit status 1 when one fails or none ran.</summary>
internal static class TestMain
{
    /// <summary>The folder of the repository's tests.</summary>
    internal static readonly string Folder = Environment.GetEnvironmentVariable("VITRINE_TESTS");

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
        ConnectionTests.StopServer();
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

/// <summary>Reading of vectors.</summary>
internal static class Vectors
{
    internal static Vitrine.WireMap Load(string path)
    {
        return Vitrine.JsonText.Parse(File.ReadAllText(Path.Combine(TestMain.Folder, path))).AsMap;
    }

    internal static byte[] Bytes(string hex)
    {
        hex = hex.Replace("-", "");
        var bytes = new byte[hex.Length / 2];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = Convert.ToByte(hex.Substring(2 * i, 2), 16);
        }
        return bytes;
    }

    internal static string Hex(byte[] bytes)
    {
        return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
    }

    internal static bool Same(byte[] one, int start, int count, byte[] other)
    {
        if (count != other.Length) { return false; }
        for (int i = 0; i < count; i++)
        {
            if (one[start + i] != other[i]) { return false; }
        }
        return true;
    }
}
