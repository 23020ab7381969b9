using System;
using System.IO;
using System.Runtime.CompilerServices;

/// <summary>Reading of vectors.</summary>
internal static class Vectors
{
    /// <summary>The folder of the repository's tests: the suites need a checkout, not only the package.</summary>
    internal static readonly string Folder = Environment.GetEnvironmentVariable("VITRINE_TESTS") ?? Beside();

    internal static Vitrine.WireMap Load(string path)
    {
        return Vitrine.JsonText.Parse(File.ReadAllText(Path.Combine(Folder, path))).AsMap;
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

    private static string Beside([CallerFilePath] string path = "")
    {
        return Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path), "..", "..", "..", "tests"));
    }
}
