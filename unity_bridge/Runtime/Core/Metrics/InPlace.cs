namespace Vitrine
{
    /// <summary>Sorting without garbage: Mono's own makes a delegate each time.</summary>
    internal static class InPlace
    {
        private static readonly int[] Gaps = { 301, 132, 57, 23, 10, 4, 1 }; // Ciura's, for some hundred values

        internal static void Sort(double[] values, int count)
        {
            for (int g = 0; g < Gaps.Length; g++)
            {
                int gap = Gaps[g];
                for (int i = gap; i < count; i++)
                {
                    double value = values[i];
                    int at = i;
                    for (; at >= gap && values[at - gap] > value; at -= gap) { values[at] = values[at - gap]; }
                    values[at] = value;
                }
            }
        }
    }
}
