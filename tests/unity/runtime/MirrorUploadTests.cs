using System;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>Pictures of answers become textures: every raw format, both row orders.</summary>
[TestFixture]
public sealed class MirrorUploadTests : IDisposable
{
    private readonly FakeServer _server = new FakeServer();
    private readonly FakeUnity _unity = new FakeUnity();
    private readonly VitrineConnection _connection;
    private Texture2D _texture;

    public MirrorUploadTests()
    {
        _connection = VitrineConnection.ConnectAsync(_server.Options()).Result;
    }

    public void Dispose()
    {
        _connection.Dispose();
        _unity.Dispose();
        _server.Dispose();
    }

    [Test]
    public void BothRowOrdersStandUpright()
    {
        byte[] rows = Bytes(5 * 3 * 4);
        Upload(new ImageFrame(5, 3, ImageFormat.Rgba8, RowOrder.Bottom, new ArraySegment<byte>(rows)));
        Assert.AreEqual(rows, FakeGpu.Pixels(_texture));
        Texture2D first = _texture;
        byte[] flipped = MirrorRig.Moved(rows, 5, 5, 3, (x, y) => x, (x, y) => 2 - y);
        Upload(new ImageFrame(5, 3, ImageFormat.Rgba8, RowOrder.Top, new ArraySegment<byte>(rows)));
        Assert.AreEqual(flipped, FakeGpu.Pixels(_texture));
        Assert.IsTrue(ReferenceEquals(first, _texture), "used again");
    }

    [Test]
    public void RowsLongerThanAPieceAreFlippedToo()
    {
        byte[] rows = Bytes(1500 * 5 * 4);
        Upload(new ImageFrame(1500, 5, ImageFormat.Rgba8, RowOrder.Top, new ArraySegment<byte>(rows)));
        Assert.AreEqual(MirrorRig.Moved(rows, 1500, 1500, 5, (x, y) => x, (x, y) => 4 - y), FakeGpu.Pixels(_texture));
    }

    [Test]
    public void EveryRawFormatIsTaken()
    {
        Upload(new ImageFrame(2, 1, ImageFormat.Rgb8, RowOrder.Bottom, new ArraySegment<byte>(new byte[] { 1, 2, 3, 4, 5, 6 })));
        Assert.AreEqual(TextureFormat.RGB24, _texture.format);
        Assert.AreEqual(new byte[] { 1, 2, 3, 255, 4, 5, 6, 255 }, FakeGpu.Pixels(_texture));
        Texture2D colours = _texture;
        Upload(new ImageFrame(3, 1, ImageFormat.R8, RowOrder.Top, new ArraySegment<byte>(new byte[] { 7, 8, 9 })));
        Assert.AreEqual(TextureFormat.R8, _texture.format);
        Assert.AreEqual(new byte[] { 7, 8, 9 }, _texture.GetRawTextureData());
        _unity.Step();
        Assert.IsTrue(colours == null, "a texture that does not fit is not left behind");
    }

    [Test]
    public void AnotherSizeKeepsTheTexture()
    {
        Upload(new ImageFrame(5, 3, ImageFormat.Rgba8, RowOrder.Bottom, new ArraySegment<byte>(Bytes(60))));
        Texture2D first = _texture;
        Upload(new ImageFrame(2, 7, ImageFormat.Rgba8, RowOrder.Bottom, new ArraySegment<byte>(Bytes(56))));
        Assert.IsTrue(ReferenceEquals(first, _texture), "what shows it goes on showing it");
        Assert.AreEqual("2x7", _texture.width + "x" + _texture.height);
        Assert.AreEqual(Bytes(56), FakeGpu.Pixels(_texture));
    }

    [Test]
    public void EncodedAndOverwrittenPicturesAreRefused()
    {
        var png = new ArraySegment<byte>(new byte[] { 1, 2, 3 });
        var refused = Assert.Throws<VitrineException>(() => Upload(ImageFrame.Encoded(ImageFormat.Png, png)));
        Assert.AreEqual(VitrineCodes.BadRequest, refused.Code);
        Assert.IsTrue(refused.Message.Contains("want"), refused.Message);
        Assert.IsTrue(_texture == null, "nothing was made");
    }

    private void Upload(ImageFrame frame)
    {
        using (VitrineReply reply = _connection.CallAsync("server.echo", new WireMap { { "image", frame } }).Result)
        {
            reply.Image("image").ToTexture(ref _texture);
        }
    }

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        for (int i = 0; i < count; i++) { bytes[i] = (byte)(i * 11 + i / 256); }
        return bytes;
    }
}
