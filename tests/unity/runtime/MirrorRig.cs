using System;
using System.IO;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using UnityEngine.UI;
using Vitrine;

/// <summary>A mirror in a fake player before a fake camera, with the fake server behind it.</summary>
internal sealed class MirrorRig : IDisposable
{
    internal const int Width = 64;
    internal const int Height = 48;

    internal MirrorRig(bool serverRuns = true)
    {
        Server = new FakeServer();
        if (!serverRuns) { Server.Kill(); }
        Unity = new FakeUnity();
        Client = new VitrineClient(Server.Options());
        FakeWebCam.SetFrames(Width, Height, Pattern(Width, Height, 1));
        Target = new GameObject("target").AddComponent<RawImage>();
        Label = new GameObject("label").AddComponent<Text>();
        var item = new GameObject("mirror");
        item.SetActive(false);
        Mirror = item.AddComponent<TryOnMirror>();
        Mirror.Client = Client;
        Mirror.Target = Target;
        Mirror.StatusLabel = Label;
        Mirror.Width = Width;
        Mirror.Height = Height;
        Mirror.FramesPerSecond = 0;
        Mirror.Mirror = false;
        Mirror.Product = "";
    }

    internal FakeServer Server { get; }
    internal FakeUnity Unity { get; }
    internal VitrineClient Client { get; }
    internal TryOnMirror Mirror { get; }
    internal RawImage Target { get; }
    internal Text Label { get; }

    /// <summary>What the target shows.</summary>
    internal byte[] Shown
    {
        get { return Target.texture == null ? new byte[0] : FakeGpu.Pixels(Target.texture); }
    }

    internal void Begin()
    {
        Mirror.gameObject.SetActive(true);
    }

    /// <summary>Begins, and waits until answers come.</summary>
    internal void BeginLive()
    {
        Begin();
        Until(() => Mirror.Status == MirrorStatus.Live && Mirror.IsDressed, "live");
    }

    internal void Until(Func<bool> condition, string what, double timeoutS = 10)
    {
        bool held = Unity.StepUntil(condition, timeoutS);
        Assert.IsTrue(held, what + " did not come; the mirror is " + Mirror.Status + " (" + Mirror.StatusText + ") " + FakeLog.Faults);
    }

    internal void UntilStatus(MirrorStatus status, double timeoutS = 10)
    {
        Until(() => Mirror.Status == status, status.ToString(), timeoutS);
    }

    internal void UntilShown(byte[] pixels, string what)
    {
        Until(() => Same(Shown, pixels), what);
    }

    /// <summary>What the fake server counted.</summary>
    internal long Count(string name)
    {
        using (VitrineReply reply = Client.CallAsync("test.counts").Result) { return reply.Data[name].AsInt(); }
    }

    /// <summary>A picture in which every pixel differs from its neighbours; rgba8, rows bottom first.</summary>
    internal static byte[] Pattern(int width, int height, int seed)
    {
        var pixels = new byte[width * height * 4];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int at = (y * width + x) * 4;
                pixels[at] = (byte)(x * 3 + seed);
                pixels[at + 1] = (byte)(y * 5 + seed);
                pixels[at + 2] = (byte)((x ^ y) + seed * 7);
                pixels[at + 3] = 255;
            }
        }
        return pixels;
    }

    /// <summary>The picture that <paramref name="from"/> looks up pixel by pixel: x, y of the result to x, y before.</summary>
    internal static byte[] Moved(byte[] pixels, int width, int toWidth, int toHeight, Func<int, int, int> x, Func<int, int, int> y)
    {
        var moved = new byte[toWidth * toHeight * 4];
        for (int row = 0; row < toHeight; row++)
        {
            for (int column = 0; column < toWidth; column++)
            {
                int from = y(column, row) * width + x(column, row);
                Array.Copy(pixels, from * 4, moved, (row * toWidth + column) * 4, 4);
            }
        }
        return moved;
    }

    internal static byte[] Mirrored(byte[] pixels, int width, int height)
    {
        return Moved(pixels, width, width, height, (x, y) => width - 1 - x, (x, y) => y);
    }

    /// <summary>The picture with a colour over its top quarter, as the fake server paints it.</summary>
    internal static byte[] Hat(byte[] pixels, int width, int height, byte r, byte g, byte b)
    {
        var dressed = (byte[])pixels.Clone();
        for (int at = (height - height / 4) * width * 4; at < dressed.Length; at += 4)
        {
            dressed[at] = r;
            dressed[at + 1] = g;
            dressed[at + 2] = b;
            dressed[at + 3] = 255;
        }
        return dressed;
    }

    internal static bool Same(byte[] one, byte[] other)
    {
        return one.AsSpan().SequenceEqual(other);
    }

    /// <summary>Threads of mirrors that this process has.</summary>
    internal static int Pumps()
    {
        int pumps = 0;
        foreach (string task in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                if (File.ReadAllText(task + "/comm").Trim() == "vitrine mirror") { pumps++; }
            }
            catch (IOException)
            {
                // It ended meanwhile.
            }
        }
        return pumps;
    }

    public void Dispose()
    {
        Client.Dispose();
        Unity.Dispose();
        Server.Dispose();
    }
}
