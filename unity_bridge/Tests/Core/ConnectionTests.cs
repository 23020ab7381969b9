using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>The whole client over a real socket and a real mapping, against fake_server.py.</summary>
[TestFixture]
public sealed class ConnectionTests : IDisposable
{
    private const int WaitMs = 5000;

    private static readonly FakeServer Shared = SharedServer();
    private FakeServer _server = Shared;

    public void Dispose()
    {
        if (_server != Shared) { _server.Dispose(); }
    }

    private static FakeServer SharedServer()
    {
        var server = new FakeServer();
        AppDomain.CurrentDomain.ProcessExit += delegate { server.Dispose(); };
        AppDomain.CurrentDomain.DomainUnload += delegate { server.Dispose(); };
        return server;
    }

    [Test]
    public void ThreeLinesEcho()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            using (VitrineReply reply = await c.CallAsync("server.echo", new WireMap { { "data", "\u4f60\u597d" } }))
            {
                Assert.AreEqual("\u4f60\u597d", reply.Data["data"].AsString());
                Assert.AreEqual(1.5, reply.Timing.TotalMs);
                Assert.AreEqual("fake", c.Welcome.ServerName);
            }
        });
    }

    [Test]
    public void NagleIsOff()
    {
        Run(async delegate
        {
            HashSet<string> before = Sockets();
            using (await VitrineConnection.ConnectAsync(_server.Options()))
            {
                HashSet<string> now = Sockets();
                now.ExceptWith(before);
                Assert.AreEqual(1, now.Count);
                foreach (string fd in now)
                {
                    int value, size = 4;
                    Assert.AreEqual(0, getsockopt(int.Parse(fd), 6, 1, out value, ref size));
                    Assert.AreEqual(1, value, "TCP_NODELAY");
                }
            }
        });
    }

    [Test]
    public void APictureGoesBothWaysThroughSharedMemory()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                Assert.IsTrue(c.UsesSharedMemory, "mapped");
                for (int i = 0; i < 20; i++)
                {
                    await EchoPicture(c, 160, 120, true);
                }
                WireMap counts = await Counts(c);
                Assert.AreEqual(20L, counts["shared"].AsInt);
                Assert.AreEqual(4L, counts["free"].AsInt, "all slots came back");
            }
        });
    }

    [Test]
    public void APictureLargerThanASlotGoesInline()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                await EchoPicture(c, 640, 560, false);
                Assert.AreEqual(1L, (await Counts(c))["inline"].AsInt);
            }
        });
    }

    [Test]
    public void WithoutSharedMemoryEverythingGoesInline()
    {
        Run(async delegate
        {
            VitrineOptions options = _server.Options();
            options.UseSharedMemory = false;
            using (var c = await VitrineConnection.ConnectAsync(options))
            {
                Assert.IsFalse(c.UsesSharedMemory, "not mapped");
                await EchoPicture(c, 160, 120, false);
            }
        });
    }

    [Test]
    public void NoFreeSlotSendsTheBytesInline()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            using (VitrineStream s = await c.OpenAsync("test.stream"))
            {
                // Four parts that are not read hold the server's four slots; the fifth picture must still come.
                for (int i = 0; i < 5; i++)
                {
                    Assert.IsTrue(s.TryPushImage(i, 0, Picture(40, 30, i)), "pushed");
                    await Task.Delay(20);
                }
                for (int i = 0; i < 5; i++)
                {
                    using (VitrineReply part = await s.ReadPartAsync())
                    {
                        VitrineImage image = part.Image("image");
                        Assert.AreEqual(i < 4, image.IsShared, "part " + i);
                        Assert.IsTrue(Vectors.Same(image.ToArray(), 0, 3600, Pixels(40, 30, i)), "pixels of part " + i);
                    }
                }
            }
        });
    }

    [Test]
    public void AFrameThatMustNotGoInlineIsNotSentWithoutASlot()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                // The server keeps what is pushed to this call: its four slots for the client are soon used up.
                var options = new StreamOptions { SlotsOnly = true };
                using (VitrineStream patient = await c.OpenAsync("test.hold", null, default(CancellationToken), options))
                using (VitrineStream hasty = await c.OpenAsync("test.hold"))
                {
                    for (int i = 0; i < 4; i++)
                    {
                        Assert.IsTrue(patient.TryPushImage(i, 0, Picture(40, 30, i)), "pushed");
                    }
                    Assert.IsFalse(patient.TryPushImage(4, 0, Picture(40, 30, 4)), "no slot is free");
                    Assert.IsTrue(hasty.TryPushImage(0, 0, Picture(40, 30, 4)), "inline");
                    Assert.IsTrue(patient.TryPushImage(5, 0, Picture(1000, 700, 5)), "larger than any slot");
                }
            }
        });
    }

    [Test]
    public void AStreamAnswersInOrderAndEnds()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                var seen = new List<long>();
                var options = new StreamOptions { PartReceived = part => seen.Add(part.Data["n"].AsInt()) };
                using (VitrineStream s = await c.OpenAsync("test.stream", null, default(CancellationToken), options))
                {
                    for (int i = 0; i < 50; i++)
                    {
                        Assert.IsTrue(s.TryPushImage(100 + i, i, Picture(8, 8, i)), "pushed");
                        await s.PushAsync(new WireMap { { "n", -1 } });
                    }
                    using (VitrineReply done = await s.EndAsync())
                    {
                        Assert.AreEqual(100L, done.Data["frames_in"].AsInt());
                    }
                    Assert.IsFalse(s.TryPush(new WireMap()), "no input after the end");
                }
                Assert.AreEqual(100, seen.Count);
                for (int i = 0; i < 100; i++) { Assert.AreEqual(i % 2 == 0 ? 100L + i / 2 : -1L, seen[i]); }
            }
        });
    }

    [Test]
    public void PartsAreReadOneByOneUntilNull()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                var arguments = new WireMap { { "parts", 5 } };
                using (VitrineStream s = await c.OpenAsync("test.count", arguments))
                {
                    for (int i = 0; i < 5; i++)
                    {
                        using (VitrineReply part = await s.ReadPartAsync()) { Assert.AreEqual((long)i, part.Number); }
                    }
                    Assert.IsTrue(await s.ReadPartAsync() == null, "the end");
                    Assert.AreEqual(5L, (await s.Completion).Data["parts"].AsInt());
                }
            }
        });
    }

    [Test]
    public void ASlowReaderLosesTheOldestOrTheStream()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                var frames = new StreamOptions { QueueParts = 2, DropOldest = true };
                using (VitrineStream s = await c.OpenAsync("test.count", new WireMap { { "parts", 10 } }, default(CancellationToken), frames))
                {
                    (await s.Completion).Dispose();
                    Assert.AreEqual(8L, s.Dropped);
                    using (VitrineReply part = await s.ReadPartAsync()) { Assert.AreEqual(8L, part.Number); }
                }
                var text = new StreamOptions { QueueParts = 2 };
                using (VitrineStream s = await c.OpenAsync("test.count", new WireMap { { "parts", 10 } }, default(CancellationToken), text))
                {
                    Assert.AreEqual(VitrineCodes.Overloaded, (await Fails(s.Completion)).Code);
                }
            }
        });
    }

    [Test]
    public void AFaultInACallbackEndsItsStreamOnly()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                var options = new StreamOptions { PartReceived = part => { throw new InvalidDataException("mine"); } };
                using (VitrineStream s = await c.OpenAsync("test.count", new WireMap { { "parts", 2 } }, default(CancellationToken), options))
                {
                    try
                    {
                        await s.Completion;
                        throw new AssertionException("the fault was lost");
                    }
                    catch (InvalidDataException error) { Assert.AreEqual("mine", error.Message); }
                }
                await EchoPicture(c, 8, 8, true);
            }
        });
    }

    [Test]
    public void ATokenCancelsAtTheServer()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            using (var source = new CancellationTokenSource())
            {
                Task<VitrineReply> call = c.CallAsync("test.hold", null, source.Token);
                VitrineStream stream = await c.OpenAsync("test.stream", null, source.Token);
                Assert.IsFalse(call.IsCompleted, "it waits");
                source.Cancel();
                await Cancelled(call);
                await Cancelled(stream.Completion);
                Assert.AreEqual(2L, (await Counts(c))["cancels"].AsInt);
                await Cancelled(c.CallAsync("test.hold", null, source.Token));
            }
        });
    }

    [Test]
    public void AnErrorCarriesCodeTextAndDelay()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                VitrineException error = await Fails(c.CallAsync("test.fail"));
                Assert.AreEqual(VitrineCodes.Overloaded, error.Code);
                Assert.AreEqual("Said by the fake server.", error.Message);
                Assert.AreEqual((int?)250, error.RetryMs);
                error = await Fails(c.CallAsync("server.echo", new WireMap { { "data", double.NaN } }));
                Assert.AreEqual(VitrineCodes.BadRequest, error.Code);
            }
        });
    }

    [Test]
    public void ACallThatCannotBeSentKeepsNoSlot()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                for (int i = 0; i < 10; i++)
                {
                    var arguments = new WireMap { { "image", Picture(8, 8, 1) }, { "bad", double.NaN } };
                    await Fails(c.CallAsync("server.echo", arguments));
                }
                await EchoPicture(c, 8, 8, true);
                Assert.AreEqual(1L, (await Counts(c))["shared"].AsInt);
            }
        });
    }

    [Test]
    public void ATornSlotFailsItsCallOnly()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                Assert.AreEqual(VitrineCodes.BadRequest, (await Fails(c.CallAsync("test.torn"))).Code);
                await EchoPicture(c, 8, 8, true);
                Assert.AreEqual(4L, (await Counts(c))["free"].AsInt, "its slot came back too");
            }
        });
    }

    [Test]
    public void AServerThatBreaksTheContractIsLeftAndTheConnectionMadeAgain()
    {
        foreach (string op in new[] { "test.gap", "test.garbage", "test.drop" })
        {
            Run(async delegate
            {
                using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
                {
                    Task<VitrineReply> other = c.CallAsync("test.hold");
                    Assert.AreEqual(VitrineCodes.Unavailable, (await Fails(c.CallAsync(op))).Code, op);
                    Assert.AreEqual(VitrineCodes.Unavailable, (await Fails(other)).Code, op);
                    await Ready(c);
                    await EchoPicture(c, 8, 8, true);
                }
            });
        }
    }

    [Test]
    public void AKilledServerFailsItsCallsAndANewOneIsFound()
    {
        _server = new FakeServer();
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                Task<VitrineReply> held = c.CallAsync("test.hold");
                _server.Kill();
                Assert.AreEqual(VitrineCodes.Unavailable, (await Fails(held)).Code);
                VitrineException error = await Fails(c.CallAsync("server.echo"));
                Assert.AreEqual(VitrineCodes.Unavailable, error.Code);
                Assert.IsTrue(error.RetryMs > 0, "says when to come back");
                _server.Begin();
                await Ready(c);
                await EchoPicture(c, 8, 8, true);
            }
        });
    }

    [Test]
    public void ADeadPeerIsNoticed()
    {
        Run(async delegate
        {
            VitrineOptions options = _server.Options();
            options.PingEveryMs = 50;
            options.DeadAfterMs = 300;
            using (var c = await VitrineConnection.ConnectAsync(options))
            {
                await Task.Delay(600); // answered pings keep it alive
                Assert.AreEqual(ConnectionState.Ready, c.State);
                long offset, roundTrip;
                Assert.IsTrue(c.TryGetClock(out offset, out roundTrip) && roundTrip > 0 && roundTrip < 100000, "clock " + roundTrip);
                Stopwatch watch = Stopwatch.StartNew();
                Assert.AreEqual(VitrineCodes.Unavailable, (await Fails(c.CallAsync("test.mute"))).Code);
                Assert.IsTrue(watch.ElapsedMilliseconds < 1500, "after " + watch.ElapsedMilliseconds + " ms");
                await Ready(c);
            }
        });
    }

    [Test]
    public void AWrongTokenAndAStrangerAreRefused()
    {
        Run(async delegate
        {
            VitrineEndpoint real = RunFile.Find(_server.RunFolder);
            var options = new VitrineOptions { Endpoint = new VitrineEndpoint("127.0.0.1", real.Port, "wrong") };
            Assert.AreEqual(VitrineCodes.Unauthorized, (await Fails(VitrineConnection.ConnectAsync(options))).Code);
            var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
            listener.Start();
            int port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
            options = new VitrineOptions { Endpoint = new VitrineEndpoint("127.0.0.1", port, "t"), ConnectTimeoutMs = 300 };
            Assert.AreEqual(VitrineCodes.Unavailable, (await Fails(VitrineConnection.ConnectAsync(options))).Code);
            listener.Stop();
            Assert.AreEqual(VitrineCodes.Unavailable, (await Fails(VitrineConnection.ConnectAsync(options))).Code);
        });
    }

    [Test]
    public void StartKeepsTryingUntilThereIsAServer()
    {
        _server = new FakeServer();
        _server.Kill();
        Run(async delegate
        {
            var states = new List<ConnectionState>();
            using (var c = VitrineConnection.Start(_server.Options(), states.Add))
            {
                await Task.Delay(150);
                Assert.IsTrue(c.LastError != null && c.LastError.Message.Contains("left over"), "says why");
                _server.Begin();
                await c.WhenReady;
                await EchoPicture(c, 8, 8, true);
            }
            Assert.IsTrue(states.Contains(ConnectionState.Waiting) && states.Contains(ConnectionState.Ready), "states are told");
        });
    }

    [Test]
    public void NewsAndPaceGoThrough()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                string news = null;
                c.NoteReceived += (topic, data) =>
                {
                    news = topic + " " + data["name"].AsString;
                    throw new InvalidDataException("a handler's fault");
                };
                Assert.IsTrue(c.TryPace(72, 13.9, 0), "sent");
                (await c.CallAsync("test.note")).Dispose();
                Assert.AreEqual("model pose-lite", news);
                Assert.AreEqual(1L, (await Counts(c))["pace"].AsInt);
            }
        });
    }

    [Test]
    public void ClosingIsQuickAndFailsWhatIsOpen()
    {
        Run(async delegate
        {
            var c = await VitrineConnection.ConnectAsync(_server.Options());
            Task<VitrineReply> held = c.CallAsync("test.mute"); // from here on the server says nothing
            await Task.Delay(50);
            Stopwatch watch = Stopwatch.StartNew();
            c.Dispose();
            Assert.IsTrue(watch.ElapsedMilliseconds < 300, "closed after " + watch.ElapsedMilliseconds + " ms");
            Assert.AreEqual(VitrineCodes.Unavailable, (await Fails(held)).Code);
            Assert.AreEqual(VitrineCodes.Unavailable, (await Fails(c.CallAsync("server.echo"))).Code);
        });
    }

    [Test]
    public void FramesAllocateNothing()
    {
        Run(async delegate
        {
            using (var c = await VitrineConnection.ConnectAsync(_server.Options()))
            {
                await Task.Run(() => MeasureFrames(c));
            }
        });
    }

    private static void MeasureFrames(VitrineConnection c)
    {
        const int frames = 500;
        var texture = new byte[40 * 30 * 3];
        var got = new AutoResetEvent(false);
        long receiver = 0, receiverStart = 0;
        int answered = 0;
        var options = new StreamOptions
        {
            PartReceived = part =>
            {
                part.Image("image").CopyTo(texture, 0);
                answered++;
                if (answered == 100) { receiverStart = GC.GetAllocatedBytesForCurrentThread(); }
                if (answered == 100 + frames) { receiver = GC.GetAllocatedBytesForCurrentThread() - receiverStart; }
                got.Set();
            },
        };
        using (VitrineStream s = c.OpenAsync("test.stream", null, default(CancellationToken), options).Result)
        {
            ImageFrame frame = Picture(40, 30, 1);
            long sender = 0;
            for (int i = 0; i < 100 + frames; i++)
            {
                if (i == 100) { sender = GC.GetAllocatedBytesForCurrentThread(); }
                Assert.IsTrue(s.TryPushImage(i, i, frame), "pushed");
                Assert.IsTrue(got.WaitOne(WaitMs), "answered");
            }
            sender = GC.GetAllocatedBytesForCurrentThread() - sender;
            Thread.Sleep(50);
            Console.WriteLine("     allocated over " + frames + " frames: sending " + sender + ", receiving " + receiver + " bytes");
            Assert.IsTrue(sender < frames && receiver < frames, "sending " + sender + ", receiving " + receiver + " bytes");
        }
    }

    private static async Task EchoPicture(VitrineConnection c, int width, int height, bool shared)
    {
        byte[] pixels = Pixels(width, height, width);
        var arguments = new WireMap { { "where", "engine" }, { "image", Picture(width, height, width) } };
        using (VitrineReply reply = await c.CallAsync("server.echo", arguments))
        {
            VitrineImage image = reply.Image("image");
            Assert.AreEqual(shared, image.IsShared, "shared");
            Assert.AreEqual(RowOrder.Bottom, image.Order);
            Assert.IsTrue(Vectors.Same(image.ToArray(), 0, pixels.Length, pixels), "the pixels came back as they were");
        }
    }

    private static byte[] Pixels(int width, int height, int seed)
    {
        var pixels = new byte[width * height * 3];
        new Random(seed).NextBytes(pixels);
        return pixels;
    }

    private static ImageFrame Picture(int width, int height, int seed)
    {
        return new ImageFrame(
            width, height, ImageFormat.Rgb8, RowOrder.Bottom, new ArraySegment<byte>(Pixels(width, height, seed)));
    }

    private static async Task<WireMap> Counts(VitrineConnection c)
    {
        // A slot is given back right after the call that follows; so ask twice.
        (await c.CallAsync("test.counts")).Dispose();
        using (VitrineReply reply = await c.CallAsync("test.counts")) { return reply.Data.ToValue().AsMap; }
    }

    private static async Task<VitrineException> Fails(Task call)
    {
        try
        {
            await call;
        }
        catch (VitrineException error)
        {
            return error;
        }
        throw new AssertionException("the call did not fail");
    }

    private static async Task Cancelled(Task call)
    {
        try
        {
            await call;
        }
        catch (OperationCanceledException)
        {
            return;
        }
        throw new AssertionException("the call was not cancelled");
    }

    private static async Task Ready(VitrineConnection c)
    {
        for (int i = 0; i < WaitMs / 10 && c.State != ConnectionState.Ready; i++) { await Task.Delay(10); }
        Assert.AreEqual(ConnectionState.Ready, c.State);
    }

    private static HashSet<string> Sockets()
    {
        var found = new HashSet<string>();
        foreach (string path in Directory.GetFileSystemEntries("/proc/self/fd"))
        {
            int value, size = 4;
            string fd = Path.GetFileName(path);
            if (getsockopt(int.Parse(fd), 6, 1, out value, ref size) == 0) { found.Add(fd); }
        }
        return found;
    }

    private static void Run(Func<Task> test)
    {
        Task task = Task.Run(test);
        Assert.IsTrue(((IAsyncResult)task).AsyncWaitHandle.WaitOne(4 * WaitMs), "the test did not end in time");
        task.GetAwaiter().GetResult();
    }

    [DllImport("libc")]
    private static extern int getsockopt(int fd, int level, int name, out int value, ref int size);
}
