using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Vitrine
{
    /// <summary>The op <c>place.item</c>: a product in a picture of a room.</summary>
    public static class PlaceOps
    {
        private static readonly Op<PlaceResult> ItemOp = new Op<PlaceResult>("place.item", PlaceResult.Read, true);

        /// <summary>Puts a product onto a plane of the scene, in its real size.</summary>
        /// <param name="calls">The client.</param>
        /// <param name="image">The room; the picture must keep still until this returns.</param>
        /// <param name="product">The product's id.</param>
        /// <param name="camera">The camera that took the picture.</param>
        /// <param name="plane">Where the product stands, in the camera's frame.</param>
        /// <param name="boxes">What stands there already, in the camera's frame; null: not known.</param>
        /// <param name="cancel">Stops the call.</param>
        public static Task<PlaceResult> PlaceAsync(
            this IVitrineCalls calls, in ImageFrame image, string product, CameraIntrinsics camera, ScenePlane plane,
            IReadOnlyList<SceneBox> boxes = null, CancellationToken cancel = default(CancellationToken))
        {
            if (camera == null) { throw new ArgumentNullException(nameof(camera)); }
            if (plane == null) { throw new ArgumentNullException(nameof(plane)); }
            var arguments = new WireMap
            {
                { "image", OpArguments.Picture(image, nameof(image)) },
                { "product", OpArguments.Text(product, nameof(product)) },
                { "camera", camera.ToMap() },
                { "plane", plane.ToMap() },
            };
            if (boxes != null) { arguments.Add("boxes", Boxes(boxes)); }
            return ItemOp.CallAsync(calls, arguments, cancel);
        }

        private static WireValue Boxes(IReadOnlyList<SceneBox> boxes)
        {
            var items = new WireValue[boxes.Count];
            for (int i = 0; i < items.Length; i++)
            {
                if (boxes[i] == null) { throw new ArgumentException("a box is null", nameof(boxes)); }
                items[i] = boxes[i].ToMap();
            }
            return WireValue.Array(items);
        }
    }

    /// <summary>A picture of the room with the product in it.</summary>
    public sealed class PlaceResult : PictureResult
    {
        private readonly VitrineImage _image;

        private PlaceResult(OpMap map) : base(map)
        {
            _image = map.Image("image");
            Scale = map.Number("scale");
            ContactShadow = map.Value("contact_shadow");
            Collisions = map.Value("collisions");
        }

        /// <summary>The picture.</summary>
        public VitrineImage Image
        {
            get { return Live(_image); }
        }

        /// <summary>The scale that the product was drawn in, as the server measures it.</summary>
        public double Scale { get; }

        /// <summary>What is known of the shadow, in the form that the server gives it; nil if nothing.</summary>
        public WireValue ContactShadow { get; }

        /// <summary>What the product runs into, in the form that the server gives it; nil if nothing.</summary>
        public WireValue Collisions { get; }

        internal static PlaceResult Read(OpMap map)
        {
            return new PlaceResult(map);
        }
    }
}
