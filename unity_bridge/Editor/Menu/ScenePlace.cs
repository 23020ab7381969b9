using UnityEngine;

namespace Vitrine.Editor
{
    /// <summary>Where a person in a headset sees a new object: before the main camera, upright, facing it.</summary>
    internal static class ScenePlace
    {
        private const float EyeHeightM = 1.5f;

        /// <summary>Puts an object so far ahead; the offset is to the right and up, as the camera sees it.</summary>
        internal static void InFront(Transform place, float distanceM, Vector3 offset)
        {
            Camera camera = Camera.main;
            Vector3 eye = camera != null ? camera.transform.position : new Vector3(0, EyeHeightM, 0);
            Vector3 ahead = camera != null ? camera.transform.forward : Vector3.forward;
            ahead.y = 0;
            ahead = ahead.magnitude > 0.01f ? ahead.normalized : Vector3.forward;
            // Canvases and quads are seen from the side that their z axis points away from.
            Quaternion facing = Quaternion.LookRotation(ahead);
            place.rotation = facing;
            place.position = eye + ahead * distanceM + facing * offset;
        }
    }
}
