using System;
using System.Collections.Generic;

// The few members of NUnit that the suites use, with the same meaning, so that they also compile against the real one.
namespace NUnit.Framework
{
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class TestFixtureAttribute : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Method)]
    public sealed class TestAttribute : Attribute
    {
    }

    public sealed class AssertionException : Exception
    {
        public AssertionException(string message) : base(message)
        {
        }
    }

    public static class Assert
    {
        public static void AreEqual(object expected, object actual)
        {
            AreEqual(expected, actual, "values differ");
        }

        public static void AreEqual(object expected, object actual, string message)
        {
            var one = expected as byte[];
            var other = actual as byte[];
            bool same = one != null && other != null ? Same(one, other) : Equals(Wide(expected), Wide(actual));
            if (!same)
            {
                throw new AssertionException(message + ": expected " + Show(expected) + ", got " + Show(actual));
            }
        }

        public static void IsTrue(bool condition, string message)
        {
            if (!condition) { throw new AssertionException(message); }
        }

        public static void IsFalse(bool condition, string message)
        {
            IsTrue(!condition, message);
        }

        public static T Throws<T>(Action code) where T : Exception
        {
            try
            {
                code();
            }
            catch (T error)
            {
                return error;
            }
            throw new AssertionException("expected " + typeof(T).Name + ", nothing was thrown");
        }

        private static object Wide(object value)
        {
            return value is int || value is uint || value is short || value is byte ? Convert.ToInt64(value) : value;
        }

        private static bool Same(byte[] one, byte[] other)
        {
            return Convert.ToBase64String(one) == Convert.ToBase64String(other);
        }

        private static string Show(object value)
        {
            var bytes = value as byte[];
            return bytes == null ? "<" + value + ">" : BitConverter.ToString(bytes, 0, Math.Min(64, bytes.Length));
        }
    }
}
