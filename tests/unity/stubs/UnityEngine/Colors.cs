using System;

namespace UnityEngine
{
    public struct Color : IEquatable<Color>
    {
        public float r, g, b, a;

        public Color(float r, float g, float b, float a)
        {
            this.r = r;
            this.g = g;
            this.b = b;
            this.a = a;
        }

        public Color(float r, float g, float b) : this(r, g, b, 1) { }

        public static Color white { get { return new Color(1, 1, 1); } }

        public static Color black { get { return new Color(0, 0, 0); } }

        public static Color clear { get { return new Color(0, 0, 0, 0); } }

        public static Color red { get { return new Color(1, 0, 0); } }

        public static Color green { get { return new Color(0, 1, 0); } }

        public static Color blue { get { return new Color(0, 0, 1); } }

        public static Color gray { get { return new Color(0.5f, 0.5f, 0.5f); } }

        public static Color yellow { get { return new Color(1, 0.92f, 0.016f); } }

        public static Color Lerp(Color a, Color b, float t)
        {
            return new Color(Mathf.Lerp(a.r, b.r, t), Mathf.Lerp(a.g, b.g, t), Mathf.Lerp(a.b, b.b, t), Mathf.Lerp(a.a, b.a, t));
        }

        public static bool operator ==(Color lhs, Color rhs) { return lhs.Equals(rhs); }

        public static bool operator !=(Color lhs, Color rhs) { return !lhs.Equals(rhs); }

        public bool Equals(Color other) { return r == other.r && g == other.g && b == other.b && a == other.a; }

        public override bool Equals(object other) { return other is Color && Equals((Color)other); }

        public override int GetHashCode() { return r.GetHashCode() ^ g.GetHashCode() << 2 ^ b.GetHashCode() >> 2 ^ a.GetHashCode() >> 1; }

        public override string ToString() { return "RGBA" + Texts.Of(r, g, b, a); }
    }

    public struct Color32
    {
        public byte r, g, b, a;

        public Color32(byte r, byte g, byte b, byte a)
        {
            this.r = r;
            this.g = g;
            this.b = b;
            this.a = a;
        }

        public static implicit operator Color32(Color c)
        {
            return new Color32(Byte(c.r), Byte(c.g), Byte(c.b), Byte(c.a));
        }

        public static implicit operator Color(Color32 c)
        {
            return new Color(c.r / 255f, c.g / 255f, c.b / 255f, c.a / 255f);
        }

        public override string ToString() { return "RGBA(" + r + ", " + g + ", " + b + ", " + a + ")"; }

        private static byte Byte(float value)
        {
            return (byte)Math.Round(Mathf.Clamp01(value) * 255);
        }
    }
}
