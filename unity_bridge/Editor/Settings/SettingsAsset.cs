using UnityEditor;
using UnityEngine;

namespace Vitrine.Editor
{
    /// <summary>The settings' asset in the project.</summary>
    internal static class SettingsAsset
    {
        /// <summary>Where it is made.</summary>
        internal const string Path = "Assets/Vitrine/Resources/" + VitrineSettings.ResourceName + ".asset";

        /// <summary>The asset, wherever a Resources folder holds it; null when the project has none.</summary>
        internal static VitrineSettings Find()
        {
            return Resources.Load<VitrineSettings>(VitrineSettings.ResourceName);
        }

        /// <summary>The asset, made with defaults when there is none.</summary>
        internal static VitrineSettings FindOrCreate()
        {
            VitrineSettings found = Find();
            if (found != null) { return found; }
            Folder("Assets", "Vitrine");
            Folder("Assets/Vitrine", "Resources");
            var made = ScriptableObject.CreateInstance<VitrineSettings>();
            AssetDatabase.CreateAsset(made, Path);
            AssetDatabase.SaveAssets();
            LookAgain();
            return made;
        }

        /// <summary>Shows the settings in the Inspector.</summary>
        internal static void Select()
        {
            Selection.activeObject = FindOrCreate();
        }

        /// <summary>The project changed: the runtime must not go on with an asset that is gone.</summary>
        internal static void LookAgain()
        {
            VitrineSettings.Forget();
        }

        private static void Folder(string parent, string name)
        {
            if (!AssetDatabase.IsValidFolder(parent + "/" + name)) { AssetDatabase.CreateFolder(parent, name); }
        }
    }
}
