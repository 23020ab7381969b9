using System;
using Unity.Collections;
using Unity.Collections.LowLevel.Unsafe;
using UnityEngine;

namespace Vitrine
{
    /// <summary>Puts pictures of answers into textures, straight from where they lie.</summary>
    public static unsafe class TextureUpload
    {
        // What every graphics API on a PC takes.
        private const int LargestSide = 16384;

        /// <summary>
        /// Copies a raw picture (<c>rgba8</c>, <c>rgb8</c> or <c>r8</c>) into a texture and uploads it. The texture is
        /// used again while size and format stay, resized where the size differs, and made where it is null. On the
        /// main thread only; allocates nothing while the texture stays.
        /// </summary>
        /// <exception cref="VitrineException"><c>bad_request</c>: the picture is encoded, empty, or was overwritten
        /// while it was copied; <c>too_large</c>: no texture is that large.</exception>
        public static void ToTexture(this VitrineImage image, ref Texture2D texture)
        {
            TextureFormat format = FormatOf(image.Format);
            if (image.Width <= 0 || image.Height <= 0)
            {
                throw new VitrineException(VitrineCodes.BadRequest, "The picture is empty.");
            }
            if (image.Width > LargestSide || image.Height > LargestSide)
            {
                throw new VitrineException(VitrineCodes.TooLarge, "The picture is larger than a texture can be; ask for a smaller one.");
            }
            Fit(ref texture, image.Width, image.Height, format);
            NativeArray<byte> pixels = texture.GetRawTextureData<byte>();
            var at = (byte*)pixels.GetUnsafePtr();
            image.CopyTo((IntPtr)at, pixels.Length);
            if (image.Order == RowOrder.Top)
            {
                Flip(at, image.Height, image.ByteCount / image.Height);
            }
            texture.Apply(false);
        }

        private static void Fit(ref Texture2D texture, int width, int height, TextureFormat format)
        {
            if (texture != null && texture.format == format)
            {
                if (texture.width != width || texture.height != height) { texture.Reinitialize(width, height); }
                return;
            }
            if (texture != null) { UnityEngine.Object.Destroy(texture); }
            // One channel is a mask, not a colour.
            texture = new Texture2D(width, height, format, false, format == TextureFormat.R8)
            {
                name = "Vitrine picture", wrapMode = TextureWrapMode.Clamp
            };
        }

        private static TextureFormat FormatOf(ImageFormat format)
        {
            switch (format)
            {
                case ImageFormat.Rgba8: return TextureFormat.RGBA32;
                case ImageFormat.Rgb8: return TextureFormat.RGB24;
                case ImageFormat.R8: return TextureFormat.R8;
                default:
                    throw new VitrineException(
                        VitrineCodes.BadRequest, "The picture is encoded; ask for raw pixels with want {f: rgba8, o: bottom}.");
            }
        }

        private static void Flip(byte* pixels, int rows, int rowBytes)
        {
            const int Piece = 4096;
            byte* held = stackalloc byte[Piece];
            for (int low = 0, high = rows - 1; low < high; low++, high--)
            {
                byte* one = pixels + (long)low * rowBytes, other = pixels + (long)high * rowBytes;
                for (int x = 0; x < rowBytes; x += Piece)
                {
                    int count = Math.Min(Piece, rowBytes - x);
                    Buffer.MemoryCopy(one + x, held, count, count);
                    Buffer.MemoryCopy(other + x, one + x, count, count);
                    Buffer.MemoryCopy(held, other + x, count, count);
                }
            }
        }
    }
}
