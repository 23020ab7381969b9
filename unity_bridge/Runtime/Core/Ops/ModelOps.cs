using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>The ops <c>model.*</c>: what is installed, and what is in memory.</summary>
    public static class ModelOps
    {
        private static readonly Op<IReadOnlyList<ModelInfo>> ListOp =
            new Op<IReadOnlyList<ModelInfo>>("model.list", ModelInfo.ReadList);
        private static readonly Op<ModelInfo> LoadOp = new Op<ModelInfo>("model.load", ModelInfo.Read);
        private static readonly Op<ModelInfo> UnloadOp = new Op<ModelInfo>("model.unload", ModelInfo.Read);

        /// <summary>Every model that the server knows, installed or not.</summary>
        public static Task<IReadOnlyList<ModelInfo>> ListModelsAsync(
            this IVitrineCalls calls, CancellationToken cancel = default(CancellationToken))
        {
            return ListOp.CallAsync(calls, null, cancel);
        }

        /// <summary>Loads a model, so that its first use does not wait for it.</summary>
        public static Task<ModelInfo> LoadModelAsync(
            this IVitrineCalls calls, string name, CancellationToken cancel = default(CancellationToken))
        {
            return LoadOp.CallAsync(calls, Named(name), cancel);
        }

        /// <summary>Unloads a model; when this ends, its memory was given back.</summary>
        public static Task<ModelInfo> UnloadModelAsync(
            this IVitrineCalls calls, string name, CancellationToken cancel = default(CancellationToken))
        {
            return UnloadOp.CallAsync(calls, Named(name), cancel);
        }

        private static WireMap Named(string name)
        {
            return new WireMap { { "name", OpArguments.Text(name, nameof(name)) } };
        }
    }

    /// <summary>A model that the server knows.</summary>
    public sealed class ModelInfo
    {
        private ModelInfo(OpMap map)
        {
            Name = map.Text("name");
            State = map.Text("state");
            Device = map.TextOrNull("device");
            Bytes = map.Int("bytes");
            Licence = map.Text("licence");
        }

        /// <summary>The model's name.</summary>
        public string Name { get; }
        /// <summary>Such as <c>installed</c>, <c>missing</c>, <c>corrupt</c>, <c>loading</c> or <c>ready</c>.</summary>
        public string State { get; }
        /// <summary>What it runs on; empty or null while it is not loaded.</summary>
        public string Device { get; }
        /// <summary>Its size, or what it would be once installed.</summary>
        public long Bytes { get; }
        /// <summary>The licence that it comes under.</summary>
        public string Licence { get; }

        internal static ModelInfo Read(OpMap map)
        {
            return new ModelInfo(map);
        }

        internal static IReadOnlyList<ModelInfo> ReadList(OpMap map)
        {
            return map.Items("items", Read);
        }
    }
}
