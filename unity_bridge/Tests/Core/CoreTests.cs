using System;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using NUnit.Framework;
using Vitrine;

/// <summary>The clock filter, delays, JSON, discovery and the shared mapping.</summary>
[TestFixture]
public sealed class CoreTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "vitrine-tests-" + Guid.NewGuid().ToString("N"));

    public CoreTests()
    {
        Directory.CreateDirectory(_folder);
    }

    public void Dispose()
    {
        Directory.Delete(_folder, true);
    }

    [Test]
    public void TheSampleWithTheShortestRoundTripCounts()
    {
        var sync = new ClockSync(3);
        Assert.IsFalse(sync.IsKnown, "no sample yet");
        Assert.IsTrue(sync.Add(new Pong(0, 5900, 5950), 1050), "slow one: 900 up, 100 down");
        Assert.AreEqual(5400L, sync.OffsetUs);
        Assert.IsTrue(sync.Add(new Pong(2000, 7050, 7060), 2110), "quick one");
        Assert.AreEqual(5000L, sync.OffsetUs);
        Assert.AreEqual(100L, sync.RoundTripUs);
        Assert.IsTrue(sync.Add(new Pong(2500, 8300, 8300), 3300), "a slower one after it");
        Assert.AreEqual(5000L, sync.OffsetUs);
        Assert.AreEqual(5100L, sync.ToServerUs(100));
        Assert.AreEqual(100L, sync.ToClientUs(5100));
        Assert.IsFalse(sync.Add(new Pong(10, 20, 19), 30), "the server's time runs backwards");
        Assert.IsFalse(sync.Add(new Pong(10, 20, 120), 30), "a negative round trip");
        for (int i = 0; i < 3; i++) { sync.Add(new Pong(3000, 9200, 9200), 3400); }
        Assert.AreEqual(6000L, sync.OffsetUs);
    }

    [Test]
    public void DelaysDoubleUpToTheirLimitAndChanceSpreadsThem()
    {
        var backoff = new Backoff(100, 1000);
        Assert.AreEqual(50, backoff.NextMs(0));
        Assert.AreEqual(150, backoff.NextMs(0.5));
        Assert.AreEqual(200, backoff.NextMs(0));
        Assert.AreEqual(400, backoff.NextMs(0));
        Assert.AreEqual(500, backoff.NextMs(0));
        for (int i = 0; i < 100; i++) { Assert.IsTrue(backoff.NextMs(0.999) <= 1000, "never longer than the limit"); }
        backoff.Reset();
        Assert.AreEqual(50, backoff.NextMs(0));
    }

    [Test]
    public void JsonReadsAndRefuses()
    {
        WireMap map = JsonText.Parse(" {\"a\": [1, -2.5, true, null, \"x\\u00e9\\n\"], \"b\": 18446744073709551615} ").AsMap;
        Assert.AreEqual(-2.5, map["a"].AsArray[1].AsDouble);
        Assert.AreEqual("x\u00e9\n", map["a"].AsArray[4].AsString);
        Assert.AreEqual(ulong.MaxValue, map["b"].AsUInt);
        foreach (string bad in new[] { "", "{", "[1,", "{\"a\" 1}", "tru", "1 2", "\"a", "\"\\q\"", "\"\\u12\"", "-", "\"\u0001\"", new string('[', 100) })
        {
            Assert.Throws<FormatException>(() => JsonText.Parse(bad));
        }
    }

    [Test]
    public void ALiveServerOfOursIsFound()
    {
        Publish(Self(), "127.0.0.1");
        VitrineEndpoint endpoint = RunFile.Find(_folder);
        Assert.AreEqual(48710, endpoint.Port);
        Assert.AreEqual("secret", endpoint.Token);
        Assert.IsTrue(RunFile.IsAlive(endpoint), "this process lives");
        Assert.IsFalse(endpoint.ToString().Contains("secret"), "the token is never printed");
    }

    [Test]
    public void NoTokenForAnythingElse()
    {
        Assert.IsTrue(Missing().Contains("not running"), "no file");
        Publish(Self(), "10.0.0.1");
        Missing();
        Publish(Self().Replace("\"started\": ", "\"started\": 1"), "127.0.0.1");
        Assert.IsTrue(Missing().Contains("left over"), "another start time: the pid was used again");
        Publish("\"pid\": 4194304, \"started\": 1.0", "127.0.0.1");
        Assert.IsTrue(Missing().Contains("left over"), "no such process");
        Publish("\"pid\": 1.5, \"started\": 1.0", "127.0.0.1");
        Assert.IsTrue(Missing().Contains("broken"), "a pid that is none");
        System.IO.File.WriteAllText(RunPath(), "{");
        chmod(RunPath(), 0x180);
        Assert.IsTrue(Missing().Contains("broken"), "not JSON");
        Publish(Self(), "127.0.0.1");
        chmod(RunPath(), 0x1a4);
        Assert.IsTrue(Missing().Contains("another user"), "readable by others (0644)");
    }

    [Test]
    public void APictureGoesThroughASlotAndATornOneIsNoticed()
    {
        string path = Path.Combine(_folder, "map");
        using (var file = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.SetLength(4 * 4096);
            var offer = new ShmOffer { Name = Link(file), Bytes = 4 * 4096, SlotBytes = 4096, Up = 2, Down = 2 };
            string why;
            int pid = Process.GetCurrentProcess().Id;
            Assert.IsTrue(SharedMap.TryOpen(offer, pid + 1, out why) == null, "a map of another process is not opened");
            SharedMap map = SharedMap.TryOpen(offer, pid, out why);
            Assert.IsTrue(map != null, "the map opens: " + why);
            WriteAndRead(map, file);
            Assert.IsTrue(map.TryAddUser(), "a reader holds it");
            map.Release();
            map.Release();
            Assert.IsFalse(map.TryAddUser(), "closed with its last user");
            offer.Bytes = 8 * 4096;
            Assert.IsTrue(SharedMap.TryOpen(offer, pid, out why) == null, "smaller than offered");
        }
    }

    [Test]
    public unsafe void WhatIsOverwrittenWhileItIsCopiedIsNoticed()
    {
        const int side = 590;
        using (var file = new FileStream(Path.Combine(_folder, "hammer"), FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.SetLength(2 << 20);
            var offer = new ShmOffer { Name = Link(file), Bytes = 2 << 20, SlotBytes = 1 << 20, Up = 1, Down = 1 };
            string why;
            SharedMap map = SharedMap.TryOpen(offer, Process.GetCurrentProcess().Id, out why);
            long written = 0;
            bool stop = false;
            var writer = new Thread(delegate()
            {
                var two = new[] { new byte[side * side * 3], new byte[side * side * 3] };
                for (int i = 0; i < two[1].Length; i++) { two[1][i] = 1; }
                for (ulong sequence = 1; !Volatile.Read(ref stop); sequence++)
                {
                    var pixels = new ArraySegment<byte>(two[sequence & 1]);
                    map.Write(
                        new ShmReference(0, (uint)pixels.Count, sequence),
                        new ImageFrame(side, side, ImageFormat.Rgb8, RowOrder.Top, pixels));
                    Volatile.Write(ref written, (long)sequence);
                    Thread.SpinWait(200);
                }
            });
            writer.Start();
            var got = new byte[side * side * 3];
            int whole = 0, noticed = 0, torn = 0;
            Stopwatch watch = Stopwatch.StartNew();
            while (watch.ElapsedMilliseconds < 400 || (noticed == 0 && watch.ElapsedMilliseconds < 5000))
            {
                ulong sequence = (ulong)Volatile.Read(ref written);
                try
                {
                    fixed (byte* target = got) { map.Read(new ShmReference(0, (uint)got.Length, sequence), target); }
                }
                catch (VitrineException)
                {
                    noticed++;
                    continue;
                }
                whole++;
                for (int i = 0; i < got.Length; i += 1000) { if (got[i] != (byte)(sequence & 1)) { torn++; break; } }
            }
            Volatile.Write(ref stop, true);
            writer.Join();
            // With the writer at rest a read must succeed; whether one did between two writes is the scheduler's choice.
            fixed (byte* target = got) { map.Read(new ShmReference(0, (uint)got.Length, (ulong)written), target); }
            Assert.AreEqual((byte)(written & 1), got[got.Length - 1]);
            map.Release();
            Console.WriteLine("     " + whole + " whole, " + noticed + " noticed");
            Assert.AreEqual(0, torn);
            Assert.IsTrue(noticed > 0, whole + " whole, " + noticed + " noticed");
        }
    }

    [Test]
    public void PicturesMustHaveTheirExactSize()
    {
        Assert.Throws<ArgumentException>(() => Frame(new byte[11]));
        Assert.Throws<ArgumentException>(() => Frame(new byte[13]));
        Assert.Throws<ArgumentException>(() => ImageFrame.Encoded(ImageFormat.Rgb8, new ArraySegment<byte>(new byte[3])));
        Assert.AreEqual(12, Frame(new byte[12]).ByteCount);
    }

    [Test]
    public void ClosingCodesBecomeErrorsThatSayWhatToDo()
    {
        Assert.AreEqual(VitrineCodes.Unauthorized, CloseCodes.Explain(1008).Code);
        Assert.AreEqual(VitrineCodes.TooLarge, CloseCodes.Explain(1009).Code);
        Assert.AreEqual(VitrineCodes.Overloaded, CloseCodes.Explain(4008).Code);
        Assert.AreEqual(VitrineCodes.Internal, CloseCodes.Explain(4000).Code);
        Assert.AreEqual(VitrineCodes.Unavailable, CloseCodes.Explain(1006).Code);
    }

    private static unsafe void WriteAndRead(SharedMap map, FileStream file)
    {
        var pixels = new byte[12];
        new Random(3).NextBytes(pixels);
        var reference = new ShmReference(1, 12, 7);
        map.Write(reference, Frame(pixels));
        var header = new byte[76];
        file.Position = 4096;
        Assert.AreEqual(76, file.Read(header, 0, 76));
        Assert.AreEqual(7L, BitConverter.ToInt64(header, 0));
        Assert.AreEqual(12, BitConverter.ToInt32(header, 8));
        Assert.IsTrue(Vectors.Same(header, 64, 12, pixels), "the payload stands after 64 bytes");
        var got = new byte[12];
        fixed (byte* target = got)
        {
            map.Read(reference, target);
            Assert.IsTrue(Vectors.Same(got, 0, 12, pixels), "what was written is read");
            IntPtr at = (IntPtr)target;
            foreach (ShmReference stale in new[] { new ShmReference(1, 12, 6), new ShmReference(1, 11, 7), new ShmReference(0, 12, 7) })
            {
                ShmReference wrong = stale;
                Assert.AreEqual(
                    VitrineCodes.BadRequest, Assert.Throws<VitrineException>(() => map.Read(wrong, (byte*)at)).Code);
            }
        }
    }

    private static ImageFrame Frame(byte[] pixels)
    {
        return new ImageFrame(2, 2, ImageFormat.Rgb8, RowOrder.Top, new ArraySegment<byte>(pixels));
    }

    private static string Link(FileStream file)
    {
        return "/proc/" + Process.GetCurrentProcess().Id + "/fd/" + file.SafeFileHandle.DangerousGetHandle();
    }

    private static string Self()
    {
        double startedS;
        int pid = Process.GetCurrentProcess().Id;
        Assert.IsTrue(PeerIdentity.TryGetStart(pid, out startedS), "this process has a start time");
        return "\"pid\": " + pid + ", \"started\": " + startedS.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
    }

    private void Publish(string process, string host)
    {
        System.IO.File.WriteAllText(
            RunPath(), "{" + process + ", \"host\": \"" + host + "\", \"port\": 48710, \"token\": \"secret\", \"version\": \"0.1.0\"}");
        chmod(RunPath(), 0x180);
    }

    private string Missing()
    {
        VitrineException error = Assert.Throws<VitrineException>(() => RunFile.Find(_folder));
        Assert.AreEqual(VitrineCodes.Unavailable, error.Code);
        return error.Message;
    }

    private string RunPath()
    {
        return Path.Combine(_folder, "run.json");
    }

    [DllImport("libc")]
    private static extern int chmod(string path, uint mode);
}
