using System;

namespace Vitrine
{
    /// <summary>Turns a picture by a quarter, for cameras that are mounted on their side.</summary>
    internal static unsafe class PixelTurn
    {
        // Reads go along rows and writes down columns: tiles keep both within the cache.
        private const int Tile = 16;

        /// <summary>
        /// Writes the rgba8 picture at <paramref name="source"/>, rows bottom first, turned clockwise by
        /// <paramref name="quarters"/> (1 or 3) to <paramref name="target"/>, whose width is <paramref name="height"/>.
        /// </summary>
        internal static void Quarter(IntPtr source, IntPtr target, int width, int height, int quarters)
        {
            for (int y = 0; y < height; y += Tile)
            {
                for (int x = 0; x < width; x += Tile)
                {
                    Turn(
                        (uint*)source, (uint*)target, width, height, quarters == 1,
                        x, Math.Min(x + Tile, width), y, Math.Min(y + Tile, height));
                }
            }
        }

        private static void Turn(
            uint* source, uint* target, int width, int height, bool clockwise, int left, int right, int bottom, int top)
        {
            for (int y = bottom; y < top; y++)
            {
                uint* row = source + (long)y * width;
                int column = clockwise ? y : height - 1 - y;
                for (int x = left; x < right; x++)
                {
                    int line = clockwise ? width - 1 - x : x;
                    target[(long)line * height + column] = row[x];
                }
            }
        }
    }
}
