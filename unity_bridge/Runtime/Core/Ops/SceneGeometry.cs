using System;

namespace Vitrine
{
    /// <summary>How a camera maps the scene to pixels.</summary>
    public sealed class CameraIntrinsics
    {
        private readonly double _fx;
        private readonly double _fy;
        private readonly double _cx;
        private readonly double _cy;

        /// <summary>Focal lengths, pixels above 0, and the principal point, pixels.</summary>
        public CameraIntrinsics(double fx, double fy, double cx, double cy)
        {
            _fx = OpArguments.Positive(fx, nameof(fx));
            _fy = OpArguments.Positive(fy, nameof(fy));
            _cx = OpArguments.Finite(cx, nameof(cx));
            _cy = OpArguments.Finite(cy, nameof(cy));
        }

        /// <summary>A camera with square pixels and its axis in the middle, such as Unity's.</summary>
        /// <param name="fieldOfViewDeg">The vertical field of view, degrees within 0 and 180.</param>
        /// <param name="width">Pixels across.</param>
        /// <param name="height">Pixels down.</param>
        public static CameraIntrinsics FromFieldOfView(double fieldOfViewDeg, int width, int height)
        {
            if (OpArguments.Positive(fieldOfViewDeg, nameof(fieldOfViewDeg)) >= 180)
            {
                throw new ArgumentOutOfRangeException(nameof(fieldOfViewDeg));
            }
            OpArguments.AtLeastOne(width, nameof(width));
            OpArguments.AtLeastOne(height, nameof(height));
            double focal = height / 2.0 / Math.Tan(fieldOfViewDeg * Math.PI / 360);
            return new CameraIntrinsics(focal, focal, width / 2.0, height / 2.0);
        }

        internal WireMap ToMap()
        {
            return new WireMap { { "fx", _fx }, { "fy", _fy }, { "cx", _cx }, { "cy", _cy } };
        }
    }

    /// <summary>
    /// Where something is: metres and a rotation, in the camera's frame as Unity has it: left-handed, y up, z forward.
    /// </summary>
    public readonly struct ScenePose
    {
        private readonly WireValue _position;
        private readonly WireValue _rotation;

        /// <summary>Position x y z in metres, rotation as a quaternion x y z w.</summary>
        public ScenePose(double x, double y, double z, double qx, double qy, double qz, double qw)
        {
            OpArguments.Positive(qx * qx + qy * qy + qz * qz + qw * qw, "rotation");
            _position = WireValue.Array(
                OpArguments.Finite(x, nameof(x)), OpArguments.Finite(y, nameof(y)), OpArguments.Finite(z, nameof(z)));
            _rotation = WireValue.Array(qx, qy, qz, qw);
        }

        /// <summary>The wire's map of what has a pose and a size.</summary>
        internal WireMap ToMap(WireValue sizeM)
        {
            if (_position.Kind == WireKind.Nil) { throw new ArgumentException("the pose was not set"); }
            return new WireMap { { "pos", _position }, { "rot", _rotation }, { "size_m", sizeM } };
        }
    }

    /// <summary>A rectangle that a product stands on.</summary>
    public sealed class ScenePlane
    {
        private readonly WireMap _map;

        /// <summary>The middle of the rectangle, and its sides in metres.</summary>
        public ScenePlane(in ScenePose pose, double widthM, double depthM)
        {
            _map = pose.ToMap(WireValue.Array(
                OpArguments.Positive(widthM, nameof(widthM)), OpArguments.Positive(depthM, nameof(depthM))));
        }

        internal WireMap ToMap()
        {
            return _map;
        }
    }

    /// <summary>A box that takes room in the scene.</summary>
    public sealed class SceneBox
    {
        private readonly WireMap _map;

        /// <summary>The middle of the box, and its sides along its own axes in metres.</summary>
        public SceneBox(in ScenePose pose, double widthM, double heightM, double depthM)
        {
            _map = pose.ToMap(WireValue.Array(
                OpArguments.Positive(widthM, nameof(widthM)), OpArguments.Positive(heightM, nameof(heightM)),
                OpArguments.Positive(depthM, nameof(depthM))));
        }

        internal WireMap ToMap()
        {
            return _map;
        }
    }
}
