using System;
using System.Globalization;

namespace UnityEngine
{
    public struct Mathf
    {
        public const float PI = (float)Math.PI, Deg2Rad = PI / 180, Rad2Deg = 180 / PI, Infinity = float.PositiveInfinity;

        public static float Abs(float f) { return Math.Abs(f); }

        public static float Sin(float f) { return (float)Math.Sin(f); }

        public static float Cos(float f) { return (float)Math.Cos(f); }

        public static float Atan2(float y, float x) { return (float)Math.Atan2(y, x); }

        public static float Sqrt(float f) { return (float)Math.Sqrt(f); }

        public static float Min(float a, float b) { return Math.Min(a, b); }

        public static int Min(int a, int b) { return Math.Min(a, b); }

        public static float Max(float a, float b) { return Math.Max(a, b); }

        public static int Max(int a, int b) { return Math.Max(a, b); }

        public static float Clamp(float value, float min, float max) { return value < min ? min : value > max ? max : value; }

        public static int Clamp(int value, int min, int max) { return value < min ? min : value > max ? max : value; }

        public static float Clamp01(float value) { return Clamp(value, 0, 1); }

        public static float Lerp(float a, float b, float t) { return a + (b - a) * Clamp01(t); }

        public static int RoundToInt(float f) { return (int)Math.Round(f); }

        public static int FloorToInt(float f) { return (int)Math.Floor(f); }

        public static int CeilToInt(float f) { return (int)Math.Ceiling(f); }

        public static bool Approximately(float a, float b)
        {
            return Abs(b - a) < Max(1e-6f * Max(Abs(a), Abs(b)), float.Epsilon * 8);
        }
    }

    public struct Vector2 : IEquatable<Vector2>
    {
        public float x, y;

        public Vector2(float x, float y)
        {
            this.x = x;
            this.y = y;
        }

        public static Vector2 zero { get { return new Vector2(0, 0); } }

        public static Vector2 one { get { return new Vector2(1, 1); } }

        public float magnitude { get { return Mathf.Sqrt(x * x + y * y); } }

        public static Vector2 operator +(Vector2 a, Vector2 b) { return new Vector2(a.x + b.x, a.y + b.y); }

        public static Vector2 operator -(Vector2 a, Vector2 b) { return new Vector2(a.x - b.x, a.y - b.y); }

        public static Vector2 operator *(Vector2 a, float d) { return new Vector2(a.x * d, a.y * d); }

        public static bool operator ==(Vector2 a, Vector2 b) { return (a - b).magnitude < 1e-5f; }

        public static bool operator !=(Vector2 a, Vector2 b) { return !(a == b); }

        public bool Equals(Vector2 other) { return x == other.x && y == other.y; }

        public override bool Equals(object other) { return other is Vector2 && Equals((Vector2)other); }

        public override int GetHashCode() { return x.GetHashCode() ^ y.GetHashCode() << 2; }

        public override string ToString() { return Texts.Of(x, y); }
    }

    public struct Vector3 : IEquatable<Vector3>
    {
        public float x, y, z;

        public Vector3(float x, float y, float z)
        {
            this.x = x;
            this.y = y;
            this.z = z;
        }

        public Vector3(float x, float y) : this(x, y, 0) { }

        public static Vector3 zero { get { return new Vector3(0, 0, 0); } }

        public static Vector3 one { get { return new Vector3(1, 1, 1); } }

        public static Vector3 forward { get { return new Vector3(0, 0, 1); } }

        public static Vector3 up { get { return new Vector3(0, 1, 0); } }

        public static Vector3 right { get { return new Vector3(1, 0, 0); } }

        public float magnitude { get { return Mathf.Sqrt(Dot(this, this)); } }

        public Vector3 normalized { get { return magnitude > 1e-5f ? this * (1 / magnitude) : zero; } }

        public static float Dot(Vector3 a, Vector3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

        public static Vector3 Cross(Vector3 a, Vector3 b)
        {
            return new Vector3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
        }

        public static Vector3 Scale(Vector3 a, Vector3 b) { return new Vector3(a.x * b.x, a.y * b.y, a.z * b.z); }

        public static float Distance(Vector3 a, Vector3 b) { return (a - b).magnitude; }

        public static Vector3 Lerp(Vector3 a, Vector3 b, float t) { return a + (b - a) * Mathf.Clamp01(t); }

        public static Vector3 operator +(Vector3 a, Vector3 b) { return new Vector3(a.x + b.x, a.y + b.y, a.z + b.z); }

        public static Vector3 operator -(Vector3 a, Vector3 b) { return new Vector3(a.x - b.x, a.y - b.y, a.z - b.z); }

        public static Vector3 operator -(Vector3 a) { return a * -1; }

        public static Vector3 operator *(Vector3 a, float d) { return new Vector3(a.x * d, a.y * d, a.z * d); }

        public static Vector3 operator *(float d, Vector3 a) { return a * d; }

        public static bool operator ==(Vector3 a, Vector3 b) { return (a - b).magnitude < 1e-5f; }

        public static bool operator !=(Vector3 a, Vector3 b) { return !(a == b); }

        public static implicit operator Vector3(Vector2 v) { return new Vector3(v.x, v.y, 0); }

        public static implicit operator Vector2(Vector3 v) { return new Vector2(v.x, v.y); }

        public bool Equals(Vector3 other) { return x == other.x && y == other.y && z == other.z; }

        public override bool Equals(object other) { return other is Vector3 && Equals((Vector3)other); }

        public override int GetHashCode() { return x.GetHashCode() ^ y.GetHashCode() << 2 ^ z.GetHashCode() >> 2; }

        public override string ToString() { return Texts.Of(x, y, z); }
    }

    public struct Vector4
    {
        public float x, y, z, w;

        public Vector4(float x, float y, float z, float w)
        {
            this.x = x;
            this.y = y;
            this.z = z;
            this.w = w;
        }
    }

    public struct Quaternion : IEquatable<Quaternion>
    {
        public float x, y, z, w;

        public Quaternion(float x, float y, float z, float w)
        {
            this.x = x;
            this.y = y;
            this.z = z;
            this.w = w;
        }

        public static Quaternion identity { get { return new Quaternion(0, 0, 0, 1); } }

        public static Quaternion AngleAxis(float angle, Vector3 axis)
        {
            Vector3 v = axis.normalized * Mathf.Sin(angle * Mathf.Deg2Rad / 2);
            return new Quaternion(v.x, v.y, v.z, Mathf.Cos(angle * Mathf.Deg2Rad / 2));
        }

        /// <summary>Turns about z, then x, then y.</summary>
        public static Quaternion Euler(float x, float y, float z)
        {
            return AngleAxis(y, Vector3.up) * AngleAxis(x, Vector3.right) * AngleAxis(z, Vector3.forward);
        }

        public static Quaternion Euler(Vector3 euler) { return Euler(euler.x, euler.y, euler.z); }

        public static Quaternion Inverse(Quaternion rotation)
        {
            return new Quaternion(-rotation.x, -rotation.y, -rotation.z, rotation.w);
        }

        public static Quaternion LookRotation(Vector3 forward)
        {
            Vector3 f = forward.normalized;
            return Euler(-(float)Math.Asin(f.y) * Mathf.Rad2Deg, Mathf.Atan2(f.x, f.z) * Mathf.Rad2Deg, 0);
        }

        public static float Dot(Quaternion a, Quaternion b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }

        public static Quaternion operator *(Quaternion a, Quaternion b)
        {
            return new Quaternion(
                a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y, a.w * b.y + a.y * b.w + a.z * b.x - a.x * b.z,
                a.w * b.z + a.z * b.w + a.x * b.y - a.y * b.x, a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z);
        }

        public static Vector3 operator *(Quaternion rotation, Vector3 point)
        {
            var v = new Vector3(rotation.x, rotation.y, rotation.z);
            Vector3 t = Vector3.Cross(v, point) * 2;
            return point + t * rotation.w + Vector3.Cross(v, t);
        }

        public static bool operator ==(Quaternion a, Quaternion b) { return Dot(a, b) > 0.999999f; }

        public static bool operator !=(Quaternion a, Quaternion b) { return !(a == b); }

        public bool Equals(Quaternion other) { return x == other.x && y == other.y && z == other.z && w == other.w; }

        public override bool Equals(object other) { return other is Quaternion && Equals((Quaternion)other); }

        public override int GetHashCode() { return x.GetHashCode() ^ y.GetHashCode() << 2 ^ z.GetHashCode() >> 2 ^ w.GetHashCode() >> 1; }

        public override string ToString() { return Texts.Of(x, y, z, w); }
    }

    public struct Rect : IEquatable<Rect>
    {
        public Rect(float x, float y, float width, float height)
        {
            this.x = x;
            this.y = y;
            this.width = width;
            this.height = height;
        }

        public Rect(Vector2 position, Vector2 size) : this(position.x, position.y, size.x, size.y) { }

        public float x { get; set; }

        public float y { get; set; }

        public float width { get; set; }

        public float height { get; set; }

        public Vector2 position { get { return new Vector2(x, y); } }

        public Vector2 size { get { return new Vector2(width, height); } }

        public Vector2 center { get { return new Vector2(x + width / 2, y + height / 2); } }

        public float xMin { get { return x; } }

        public float yMin { get { return y; } }

        public float xMax { get { return x + width; } }

        public float yMax { get { return y + height; } }

        public static bool operator ==(Rect lhs, Rect rhs) { return lhs.Equals(rhs); }

        public static bool operator !=(Rect lhs, Rect rhs) { return !lhs.Equals(rhs); }

        public bool Equals(Rect other) { return x == other.x && y == other.y && width == other.width && height == other.height; }

        public override bool Equals(object other) { return other is Rect && Equals((Rect)other); }

        public override int GetHashCode() { return x.GetHashCode() ^ width.GetHashCode() << 2 ^ y.GetHashCode() >> 2 ^ height.GetHashCode() >> 1; }

        public override string ToString() { return Texts.Of(x, y, width, height); }
    }

    internal static class Texts
    {
        internal static string Of(params float[] values)
        {
            return "(" + string.Join(", ", Array.ConvertAll(values, v => v.ToString("F2", CultureInfo.InvariantCulture))) + ")";
        }
    }
}
