using System;

namespace Vitrine
{
    /// <summary>What the next msgpack value is.</summary>
    public enum MsgPackType
    {
        /// <summary>nil</summary>
        Nil,
        /// <summary>true or false</summary>
        Bool,
        /// <summary>any of the integer forms</summary>
        Int,
        /// <summary>float 32 or float 64</summary>
        Float,
        /// <summary>UTF-8 text</summary>
        Str,
        /// <summary>bytes</summary>
        Bin,
        /// <summary>array</summary>
        Array,
        /// <summary>map</summary>
        Map,
        /// <summary>extension: a type number and bytes</summary>
        Ext
    }

    /// <summary>The bytes are not msgpack, are cut short, or hold another type than the one asked for.</summary>
    public sealed class MsgPackException : FormatException
    {
        /// <summary>Says what was expected and where.</summary>
        public MsgPackException(string message) : base(message)
        {
        }
    }
}
