using System;
using System.Collections.Generic;
using Unity.Collections;
using UnityEngine.Fakes;

namespace UnityEngine.Rendering
{
    public struct AsyncGPUReadbackRequest
    {
        internal FakeReadback Fake;
        internal int Turn;

        /// <summary>As the real one: a request that was forgotten since counts as done with an error.</summary>
        public bool done
        {
            get { return !IsKnown || Fake.Done; }
        }

        public bool hasError
        {
            get { return !IsKnown || Fake.Error; }
        }

        public int width
        {
            get { return IsKnown ? Fake.Width : 0; }
        }

        public int height
        {
            get { return IsKnown ? Fake.Height : 0; }
        }

        private bool IsKnown
        {
            get { return Fake != null && Fake.Turn == Turn; }
        }

        public void Update()
        {
        }

        public void WaitForCompletion()
        {
            if (IsKnown) { FakeGpu.CompleteUpTo(Fake); }
        }
    }

    public static class AsyncGPUReadback
    {
        public static void WaitAllRequests()
        {
            FakeUnity.CheckThread("WaitAllRequests");
            FakeGpu.CompleteUpTo(null);
        }

        public static AsyncGPUReadbackRequest RequestIntoNativeArray<T>(
            ref NativeArray<T> output, Texture src, int mipIndex, TextureFormat dstFormat,
            Action<AsyncGPUReadbackRequest> callback = null) where T : struct
        {
            FakeUnity.CheckThread("RequestIntoNativeArray");
            src.Check("RequestIntoNativeArray");
            if (dstFormat != TextureFormat.RGBA32 || mipIndex != 0) { throw new NotSupportedException("the fake reads back rgba8 only"); }
            if (output.Length * NativeArray<T>.SizeOf() != src.Bytes)
            {
                throw new ArgumentException("the NativeArray has not the size of the texture's data");
            }
            return FakeGpu.Ask(output.Block, src, callback);
        }
    }
}

namespace UnityEngine.Fakes
{
    using Rendering;

    /// <summary>One copy from the card that is under way; used again, so that suites can count garbage.</summary>
    internal sealed class FakeReadback
    {
        internal FakeBlock Target;
        internal Action<AsyncGPUReadbackRequest> Callback;
        internal FakeBlock Taken;
        internal int Turn, Due, Width, Height;
        internal bool Done, Error;
    }

    public static partial class FakeGpu
    {
        private static readonly List<FakeReadback> Asked = new List<FakeReadback>();
        private static readonly List<FakeReadback> Answered = new List<FakeReadback>();
        private static readonly Stack<FakeReadback> Spare = new Stack<FakeReadback>();

        /// <summary>Frames that pass between a request and its data.</summary>
        public static int ReadbackFrames { get; set; } = 2;

        /// <summary>Whether read-backs fail, as they do when the device is lost.</summary>
        public static bool FailReadbacks { get; set; }

        /// <summary>Whether the graphics API has read-backs.</summary>
        public static bool SupportsReadback
        {
            get { return SystemInfo.supportsAsyncGPUReadback; }
            set { SystemInfo.supportsAsyncGPUReadback = value; }
        }

        /// <summary>Requests under way.</summary>
        public static int Readbacks
        {
            get { return Asked.Count; }
        }

        /// <summary>The most that were ever under way at once.</summary>
        public static int MostReadbacks { get; private set; }

        // The card copies at the request's place among its commands: what is drawn later does not show.
        internal static unsafe AsyncGPUReadbackRequest Ask(
            FakeBlock target, Texture source, Action<AsyncGPUReadbackRequest> callback)
        {
            if (target.Writers > 0) { throw new InvalidOperationException("the NativeArray is being written already"); }
            long start = Begin();
            // Several at once, so that a suite that counts bytes sees them in its warm-up.
            for (int i = 0; Spare.Count == 0 || (i > 0 && i < 4); i++)
            {
                Spare.Push(new FakeReadback { Taken = new FakeBlock(source.Bytes, false) });
            }
            FakeReadback request = Spare.Pop();
            request.Turn++;
            request.Target = target;
            request.Callback = callback;
            request.Due = FakeTime.Frames + ReadbackFrames;
            request.Width = source.width;
            request.Height = source.height;
            request.Done = request.Error = false;
            if (request.Taken.Bytes != source.Bytes)
            {
                request.Taken.Free();
                request.Taken = new FakeBlock(source.Bytes, false);
            }
            Buffer.MemoryCopy(source.Gpu(), (void*)request.Taken.Raw(), source.Bytes, source.Bytes);
            target.Writers++;
            Asked.Add(request);
            MostReadbacks = Math.Max(MostReadbacks, Asked.Count);
            End(start);
            return new AsyncGPUReadbackRequest { Fake = request, Turn = request.Turn };
        }

        internal static void CompleteUpTo(FakeReadback last)
        {
            while (Asked.Count > 0 && (last == null || !last.Done)) { Complete(); }
        }

        private static void CompleteReadbacks()
        {
            // A request is known for one frame after it is done.
            for (int i = 0; i < Answered.Count; i++)
            {
                Answered[i].Turn++;
                Spare.Push(Answered[i]);
            }
            Answered.Clear();
            while (Asked.Count > 0 && Asked[0].Due <= FakeTime.Frames) { Complete(); }
        }

        private static unsafe void Complete()
        {
            FakeReadback request = Asked[0];
            Asked.RemoveAt(0);
            request.Target.Writers--;
            request.Error = FailReadbacks;
            if (!request.Error)
            {
                Buffer.MemoryCopy((void*)request.Taken.Raw(), (void*)request.Target.Raw(), request.Target.Bytes, request.Target.Bytes);
            }
            request.Done = true;
            Answered.Add(request);
            if (request.Callback == null) { return; }
            try
            {
                request.Callback(new AsyncGPUReadbackRequest { Fake = request, Turn = request.Turn });
            }
            catch (Exception error)
            {
                Debug.LogException(error);
            }
        }

        private static void ResetReadbacks()
        {
            // A player that quit took its requests with it.
            foreach (FakeReadback request in Asked) { request.Target.Writers = 0; }
            Asked.Clear();
            Answered.Clear();
            MostReadbacks = 0;
            ReadbackFrames = 2;
            FailReadbacks = false;
            SupportsReadback = true;
        }
    }
}
