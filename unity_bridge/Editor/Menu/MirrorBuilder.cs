using UnityEngine;
#if VITRINE_UGUI
using UnityEngine.UI;
#endif

namespace Vitrine.Editor
{
    /// <summary>Builds a mirror that works at once: a picture and a line of text on a canvas in the world, wired.</summary>
    public static class MirrorBuilder
    {
        private const float DistanceM = 1.6f;

        /// <summary>The mirror, before the main camera; with a Frame Pacer where the scene has none.</summary>
        public static GameObject Build()
        {
            GameObject root = MakeRoot();
            ScenePlace.InFront(root.transform, DistanceM, Vector3.zero);
            if (Object.FindAnyObjectByType<FramePacer>() == null) { root.AddComponent<FramePacer>(); }
            return root;
        }

#if VITRINE_UGUI
        private const float PixelsAMetre = 800;
        private const float TextHeight = 72;
        private const string FontName = "LegacyRuntime.ttf";

        // Inactive while it is wired: the component looks for its targets when it is enabled.
        private static GameObject MakeRoot()
        {
            var root = new GameObject("Try-On Mirror");
            root.SetActive(false);
            Canvas canvas = root.AddComponent<Canvas>();
            canvas.renderMode = RenderMode.WorldSpace;
            var mirror = root.AddComponent<TryOnMirror>();
            root.transform.localScale = Vector3.one * (1 / PixelsAMetre);
            root.GetComponent<RectTransform>().sizeDelta = new Vector2(mirror.Width, mirror.Height);
            mirror.Target = Picture(root.transform);
            mirror.StatusLabel = Label(root.transform);
            root.SetActive(true);
            return root;
        }

        private static RawImage Picture(Transform root)
        {
            RectTransform place = Child(root, "Picture");
            place.anchorMin = Vector2.zero;
            place.anchorMax = Vector2.one;
            place.sizeDelta = Vector2.zero;
            var picture = place.gameObject.AddComponent<RawImage>();
            picture.raycastTarget = false;
            return picture;
        }

        private static Text Label(Transform root)
        {
            RectTransform place = Child(root, "Status");
            place.anchorMin = Vector2.zero;
            place.anchorMax = new Vector2(1, 0);
            place.pivot = new Vector2(0.5f, 0);
            place.sizeDelta = new Vector2(0, TextHeight);
            var text = place.gameObject.AddComponent<Text>();
            text.font = Resources.GetBuiltinResource<Font>(FontName);
            text.fontSize = 24;
            text.color = Color.white;
            text.alignment = TextAnchor.MiddleCenter;
            text.raycastTarget = false;
            return text;
        }

        private static RectTransform Child(Transform root, string name)
        {
            var child = new GameObject(name, typeof(RectTransform));
            child.transform.SetParent(root, false);
            return child.GetComponent<RectTransform>();
        }
#else
        // Without Unity UI a quad shows the picture, with nowhere to write.
        private static GameObject MakeRoot()
        {
            GameObject root = GameObject.CreatePrimitive(PrimitiveType.Quad);
            root.name = "Try-On Mirror";
            root.SetActive(false);
            var mirror = root.AddComponent<TryOnMirror>();
            mirror.TargetRenderer = root.GetComponent<Renderer>();
            root.transform.localScale = new Vector3(0.8f, 0.6f, 1);
            root.SetActive(true);
            return root;
        }
#endif
    }
}
