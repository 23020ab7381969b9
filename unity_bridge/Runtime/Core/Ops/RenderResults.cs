using System;
using System.Collections.Generic;

namespace Vitrine
{
    /// <summary>What picture to make: of a text, or of a product.</summary>
    public sealed class RenderRequest
    {
        /// <summary>What the picture shows, in words; or give <see cref="Product"/>.</summary>
        public string Prompt { get; set; }
        /// <summary>The product that the picture shows.</summary>
        public string Product { get; set; }
        /// <summary>Steps of refinement, 1 or more; null: as the server chooses.</summary>
        public int? Steps { get; set; }
        /// <summary>Where chance begins: the same seed makes the same picture; null: any.</summary>
        public long? Seed { get; set; }
        /// <summary>Pixels across; null: as the server chooses.</summary>
        public int? Width { get; set; }
        /// <summary>Pixels down; null: as the server chooses.</summary>
        public int? Height { get; set; }
        /// <summary>A product's id or a picture whose style to follow.</summary>
        public NameOrImage StyleOf { get; set; }

        internal WireMap ToMap()
        {
            if (string.IsNullOrEmpty(Prompt) == string.IsNullOrEmpty(Product))
            {
                throw new ArgumentException("give a prompt or a product, one of them");
            }
            var map = new WireMap();
            map.AddText("prompt", string.IsNullOrEmpty(Prompt) ? null : Prompt);
            map.AddText("product", string.IsNullOrEmpty(Product) ? null : Product);
            map.AddInt("steps", OpArguments.AtLeastOne(Steps, nameof(Steps)));
            map.AddInt("seed", Seed);
            map.AddInt("w", OpArguments.AtLeastOne(Width, nameof(Width)));
            map.AddInt("h", OpArguments.AtLeastOne(Height, nameof(Height)));
            if (!StyleOf.IsNone) { map.Add("style_of", StyleOf.ToValue(nameof(StyleOf))); }
            return map;
        }
    }

    /// <summary>A preview of a picture that is being made.</summary>
    public sealed class RenderStep : PictureResult
    {
        private readonly VitrineImage _image;

        private RenderStep(OpMap map) : base(map)
        {
            Step = map.Int("step");
            _image = map.Image("image");
        }

        /// <summary>The step of refinement.</summary>
        public long Step { get; }

        /// <summary>The preview.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        internal static RenderStep Read(OpMap map)
        {
            return new RenderStep(map);
        }
    }

    /// <summary>A picture that was made.</summary>
    public sealed class RenderResult : PictureResult
    {
        private readonly VitrineImage _image;

        private RenderResult(OpMap map) : base(map)
        {
            _image = map.Image("image");
            Seed = map.Int("seed");
            Model = map.Text("model");
        }

        /// <summary>The picture.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        /// <summary>The seed that makes it again.</summary>
        public long Seed { get; }

        /// <summary>The model that made it.</summary>
        public string Model { get; }

        internal static RenderResult Read(OpMap map)
        {
            return new RenderResult(map);
        }
    }

    /// <summary>A thing from one side.</summary>
    public sealed class RenderView : PictureResult
    {
        private readonly VitrineImage _image;

        private RenderView(OpMap map) : base(map)
        {
            YawDeg = map.Number("yaw_deg");
            _image = map.Image("image");
        }

        /// <summary>The angle around the vertical, degrees.</summary>
        public double YawDeg { get; }

        /// <summary>The picture.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        internal static RenderView Read(OpMap map)
        {
            return new RenderView(map);
        }
    }

    /// <summary>What was cut out of its background.</summary>
    public sealed class CutoutResult : PictureResult
    {
        private readonly VitrineImage _image;

        private CutoutResult(OpMap map) : base(map)
        {
            _image = map.Image("image");
            Box = map.Numbers("box");
        }

        /// <summary>The picture with alpha, 0 where the background was.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        /// <summary>Where the thing is, pixels of the picture that was sent, as the server orders them.</summary>
        public IReadOnlyList<double> Box { get; }

        internal static CutoutResult Read(OpMap map)
        {
            return new CutoutResult(map);
        }
    }

    /// <summary>A picture that was redrawn.</summary>
    public sealed class StylizeResult : PictureResult
    {
        private readonly VitrineImage _image;

        private StylizeResult(OpMap map) : base(map)
        {
            _image = map.Image("image");
        }

        /// <summary>The picture.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        internal static StylizeResult Read(OpMap map)
        {
            return new StylizeResult(map);
        }
    }

    /// <summary>A relief as a model file.</summary>
    public sealed class ReliefResult
    {
        private ReliefResult(OpMap map)
        {
            Glb = map.Bytes("glb");
            SizeM = map.Numbers("size_m");
        }

        /// <summary>A binary glTF file.</summary>
        public byte[] Glb { get; }

        /// <summary>Its sides, metres.</summary>
        public IReadOnlyList<double> SizeM { get; }

        internal static ReliefResult Read(OpMap map)
        {
            return new ReliefResult(map);
        }
    }
}
