using System;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Vitrine;

/// <summary>Typed ops over a real socket and a real mapping, against fake_server.py.</summary>
[TestFixture]
public sealed class OpsServerTests : IDisposable
{
    private const int WaitMs = 5000;

    private readonly FakeServer _server = new FakeServer();

    public void Dispose()
    {
        _server.Dispose();
    }

    [Test]
    public void EchoBringsDataAndPixelsBack()
    {
        Run(async delegate(VitrineConnection c)
        {
            byte[] pixels = Pixels(160, 120, 3);
            var frame = new ImageFrame(160, 120, ImageFormat.Rgb8, RowOrder.Bottom, new ArraySegment<byte>(pixels));
            Task<EchoResult> sent = c.EchoAsync("\u4f60\u597d", frame, EchoWhere.Engine);
            // The frame was copied when the method returned.
            byte[] before = (byte[])pixels.Clone();
            Array.Clear(pixels, 0, pixels.Length);
            using (EchoResult echo = await sent)
            {
                Assert.AreEqual("\u4f60\u597d", echo.Data.AsString);
                Assert.AreEqual(RowOrder.Bottom, echo.Image.Order);
                Assert.AreEqual(before, echo.Image.ToArray());
                Assert.AreEqual(1.5, echo.Timing.TotalMs);
            }
        });
    }

    [Test]
    public void ALiveTryOnAnswersItsFrames()
    {
        Run(async delegate(VitrineConnection c)
        {
            using (TryOnStream mirror = await c.OpenTryOnAsync("sample-glasses-1"))
            {
                Assert.IsTrue(mirror.TryPushLayers(new[] { new TryOnLayer("sample-top-1") }), "layers");
                for (int i = 0; i < 20; i++)
                {
                    byte[] pixels = Pixels(40, 30, i);
                    var frame = new ImageFrame(40, 30, ImageFormat.Rgb8, RowOrder.Bottom, new ArraySegment<byte>(pixels));
                    Assert.IsTrue(mirror.TryPush(i, 1000 + i, frame), "pushed");
                    using (VitrineReply part = await Newest(mirror, i))
                    {
                        Assert.AreEqual(1000L + i, part.Data["t_us"].AsInt());
                        Assert.AreEqual(pixels, part.Image("image").ToArray());
                    }
                }
                TryOnSummary summary = await mirror.EndAsync();
                Assert.AreEqual(20L, summary.FramesIn);
                Assert.IsFalse(mirror.TryPush(20, 0, new ImageFrame(1, 1, ImageFormat.R8, RowOrder.Top, new ArraySegment<byte>(new byte[1]))), "ended");
            }
        });
    }

    [Test]
    public void ATokenStopsALiveTryOnAtTheServer()
    {
        Run(async delegate(VitrineConnection c)
        {
            using (var source = new CancellationTokenSource())
            using (TryOnStream mirror = await c.OpenTryOnAsync("sample-glasses-1", source.Token))
            {
                Task<TryOnFrame> next = mirror.NextAsync();
                source.Cancel();
                try
                {
                    await next;
                    throw new AssertionException("it was not cancelled");
                }
                catch (OperationCanceledException)
                {
                    using (VitrineReply counts = await c.CallAsync("test.counts"))
                    {
                        Assert.AreEqual(1L, counts.Data["cancels"].AsInt());
                    }
                }
            }
        });
    }

    [Test]
    public void WithoutAConnectionATypedOpSaysSo()
    {
        _server.Kill();
        using (VitrineConnection c = VitrineConnection.Start(_server.Options()))
        {
            Task<ServerStats> stats = c.StatsAsync();
            Assert.IsTrue(stats.IsFaulted, "at once");
            Assert.AreEqual(VitrineCodes.Unavailable, ((VitrineException)stats.Exception.InnerException).Code);
        }
    }

    private static async Task<VitrineReply> Newest(TryOnStream mirror, long number)
    {
        for (int i = 0; i < WaitMs; i++)
        {
            VitrineReply part;
            if (mirror.TryTakeNewest(out part))
            {
                WireView n;
                if (part.Data.TryGet("n", out n) && n.AsInt() == number) { return part; }
                part.Dispose();
            }
            await Task.Delay(1);
        }
        throw new AssertionException("frame " + number + " was not answered");
    }

    private void Run(Func<VitrineConnection, Task> test)
    {
        Task task = Task.Run(async delegate
        {
            using (VitrineConnection c = await VitrineConnection.ConnectAsync(_server.Options())) { await test(c); }
        });
        Assert.IsTrue(((IAsyncResult)task).AsyncWaitHandle.WaitOne(4 * WaitMs), "the test did not end in time");
        task.GetAwaiter().GetResult();
    }

    private static byte[] Pixels(int width, int height, int seed)
    {
        var pixels = new byte[width * height * 3];
        new Random(seed).NextBytes(pixels);
        return pixels;
    }
}
