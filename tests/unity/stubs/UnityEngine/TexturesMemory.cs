using System;
using System.Collections;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using UnityEngine.Fakes;

namespace Unity.Collections
{
    public enum Allocator { Invalid = 0, None = 1, Temp = 2, TempJob = 3, Persistent = 4, AudioKernel = 5, FirstUserIndex = 64 }

    public enum NativeArrayOptions { UninitializedMemory = 0, ClearMemory = 1 }

    /// <summary>
    /// Unmanaged memory with the Editor's checks: no use after disposal, none while the GPU writes into it.
    /// </summary>
    public struct NativeArray<T> : IDisposable, IEnumerable<T>, IEquatable<NativeArray<T>> where T : struct
    {
        private FakeBlock _block;
        private int _length;

        public NativeArray(int length, Allocator allocator, NativeArrayOptions options = NativeArrayOptions.ClearMemory)
        {
            if (allocator <= Allocator.None) { throw new ArgumentException("Allocator must be Temp, TempJob or Persistent", nameof(allocator)); }
            if (length < 0) { throw new ArgumentOutOfRangeException(nameof(length)); }
            _length = length;
            _block = new FakeBlock(length * SizeOf(), true);
            if (options == NativeArrayOptions.ClearMemory) { _block.Fill(0); }
            else { _block.Fill(0xCD); }
        }

        public NativeArray(T[] array, Allocator allocator)
            : this(array.Length, allocator, NativeArrayOptions.UninitializedMemory)
        {
            CopyFrom(array);
        }

        internal NativeArray(FakeBlock block, int length)
        {
            _block = block;
            _length = length;
        }

        public int Length
        {
            get { return _length; }
        }

        public bool IsCreated
        {
            get { return _block != null; }
        }

        public T this[int index]
        {
            get { return AsSpan()[index]; }
            set
            {
                Span<T> all = AsSpan();
                all[index] = value;
            }
        }

        internal FakeBlock Block
        {
            get
            {
                if (_block == null) { throw new ObjectDisposedException("The NativeArray has been deallocated, it is not allowed to access it"); }
                return _block;
            }
        }

        public void Dispose()
        {
            if (!Block.IsOwned) { throw new InvalidOperationException("The NativeArray can not be Disposed because it was not allocated with a valid allocator."); }
            Block.Free();
            _block = null;
        }

        public void CopyFrom(T[] array)
        {
            if (array.Length != _length) { throw new ArgumentException("source and destination length must be the same"); }
            array.AsSpan().CopyTo(AsSpan());
        }

        public void CopyTo(T[] array)
        {
            if (array.Length != _length) { throw new ArgumentException("source and destination length must be the same"); }
            AsSpan().CopyTo(array);
        }

        public T[] ToArray()
        {
            return AsSpan().ToArray();
        }

        public unsafe Span<T> AsSpan()
        {
            return new Span<T>((void*)Block.Use(), _length);
        }

        public IEnumerator<T> GetEnumerator()
        {
            return ((IEnumerable<T>)ToArray()).GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        public bool Equals(NativeArray<T> other)
        {
            return _block == other._block && _length == other._length;
        }

        public override bool Equals(object obj)
        {
            return obj is NativeArray<T> && Equals((NativeArray<T>)obj);
        }

        public override int GetHashCode()
        {
            return _length;
        }

        internal static int SizeOf()
        {
            return Marshal.SizeOf(typeof(T));
        }
    }
}

namespace Unity.Collections.LowLevel.Unsafe
{
    public static class NativeArrayUnsafeUtility
    {
        public static unsafe void* GetUnsafePtr<T>(this NativeArray<T> nativeArray) where T : struct
        {
            return (void*)nativeArray.Block.Use();
        }

        public static unsafe void* GetUnsafeReadOnlyPtr<T>(this NativeArray<T> nativeArray) where T : struct
        {
            return (void*)nativeArray.Block.Use();
        }
    }
}

namespace UnityEngine.Fakes
{
    /// <summary>Native memory that suites can count.</summary>
    public static class FakeMemory
    {
        /// <summary>Arrays that were made and not disposed.</summary>
        public static int LiveArrays { get; internal set; }

        internal static void Reset()
        {
            LiveArrays = 0;
        }
    }

    /// <summary>A piece of unmanaged memory and who may touch it.</summary>
    internal sealed class FakeBlock
    {
        private IntPtr _memory;

        internal FakeBlock(int bytes, bool owned)
        {
            _memory = Marshal.AllocHGlobal(Math.Max(1, bytes));
            Bytes = bytes;
            IsOwned = owned;
            if (owned) { FakeMemory.LiveArrays++; }
        }

        internal int Bytes { get; }

        internal bool IsOwned { get; }

        internal int Writers { get; set; }

        internal IntPtr Use()
        {
            if (Writers > 0)
            {
                throw new InvalidOperationException("The native container is being written by an AsyncGPUReadback; wait for it.");
            }
            return Raw();
        }

        internal IntPtr Raw()
        {
            if (_memory == IntPtr.Zero) { throw new ObjectDisposedException("The native container was deallocated or its texture has changed."); }
            return _memory;
        }

        internal unsafe void Fill(byte value)
        {
            new Span<byte>((void*)_memory, Bytes).Fill(value);
        }

        internal void Free()
        {
            if (Writers > 0)
            {
                throw new InvalidOperationException("The native container is being written by an AsyncGPUReadback; wait before disposing it.");
            }
            Raw();
            if (IsOwned) { FakeMemory.LiveArrays--; }
            // Filled, so that a use after free shows.
            Fill(0xDD);
            Marshal.FreeHGlobal(_memory);
            _memory = IntPtr.Zero;
        }
    }
}
