using System;
using Unity.Collections;
using Unity.Collections.LowLevel.Unsafe;
using UnityEngine;
using UnityEngine.Rendering;

namespace Vitrine
{
    /// <summary>Takes what was read back; on the main thread.</summary>
    internal interface IReadbackSink
    {
        /// <summary>The frame is the sink's now.</summary>
        void Arrived(FrameSlot frame);

        /// <summary>The card could not deliver.</summary>
        void Failed();
    }

    /// <summary>
    /// The buffers that frames of one size are read back into. Their memory is freed when the ring was retired and
    /// nobody writes to it or reads from it any more.
    /// </summary>
    internal sealed class ReadbackRing
    {
        private const int Count = 4;

        /// <summary>More would only make frames older.</summary>
        private const int InFlightLimit = 2;

        private readonly Buffer[] _buffers = new Buffer[Count];
        private readonly FramePool _pool;
        private IReadbackSink _sink;
        private int _inFlight;
        private bool _freed;

        internal ReadbackRing(int width, int height, IReadbackSink sink)
        {
            Width = width;
            Height = height;
            _sink = sink;
            var pointers = new IntPtr[Count];
            for (int i = 0; i < Count; i++)
            {
                _buffers[i] = new Buffer(this, width * height * 4);
                pointers[i] = _buffers[i].Pixels;
            }
            _pool = new FramePool(pointers, width * height * 4);
        }

        internal int Width { get; }

        internal int Height { get; }

        /// <summary>A free buffer for <see cref="Read"/>; false when every one is busy.</summary>
        internal bool TryRent(out FrameSlot slot)
        {
            slot = null;
            return _inFlight < InFlightLimit && _pool.TryRent(out slot);
        }

        /// <summary>Begins to read back a texture of the ring's size. Allocates nothing.</summary>
        internal void Read(RenderTexture source, FrameSlot slot, int quarterTurns, long timeUs)
        {
            slot.Width = Width;
            slot.Height = Height;
            slot.QuarterTurns = quarterTurns;
            slot.TimeUs = timeUs;
            _inFlight++;
            _buffers[slot.Index].Read(source, slot);
        }

        /// <summary>Nothing is delivered any more; <see cref="TryFree"/> until it succeeds.</summary>
        internal void Retire()
        {
            _sink = null;
        }

        /// <summary>Frees the memory of a retired ring once that is safe.</summary>
        internal bool TryFree()
        {
            if (!_freed && _inFlight == 0 && _pool.IsIdle)
            {
                _freed = true;
                for (int i = 0; i < Count; i++) { _buffers[i].Free(); }
            }
            return _freed;
        }

        private void Complete(FrameSlot slot, bool failed)
        {
            _inFlight--;
            if (_sink != null && !failed)
            {
                _sink.Arrived(slot);
                return;
            }
            slot.Return();
            if (_sink != null) { _sink.Failed(); }
            else { TryFree(); }
        }

        private sealed class Buffer
        {
            private readonly ReadbackRing _ring;
            private readonly Action<AsyncGPUReadbackRequest> _completed;
            private NativeArray<byte> _bytes;
            private FrameSlot _slot;

            internal unsafe Buffer(ReadbackRing ring, int byteCount)
            {
                _ring = ring;
                _completed = OnCompleted;
                _bytes = new NativeArray<byte>(byteCount, Allocator.Persistent, NativeArrayOptions.UninitializedMemory);
                // Asked for once: while the card writes, the Editor's checks refuse it.
                Pixels = (IntPtr)_bytes.GetUnsafePtr();
            }

            internal IntPtr Pixels { get; }

            internal void Read(RenderTexture source, FrameSlot slot)
            {
                _slot = slot;
                AsyncGPUReadback.RequestIntoNativeArray(ref _bytes, source, 0, TextureFormat.RGBA32, _completed);
            }

            internal void Free()
            {
                _bytes.Dispose();
            }

            private void OnCompleted(AsyncGPUReadbackRequest request)
            {
                FrameSlot slot = _slot;
                _slot = null;
                _ring.Complete(slot, request.hasError);
            }
        }
    }
}
