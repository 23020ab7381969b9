using System;
using UnityEngine;

namespace Vitrine
{
    /// <summary>The language of texts.</summary>
    public enum VitrineLanguage
    {
        /// <summary>the system's: Chinese where that is Chinese, else English</summary>
        System,
        /// <summary>English</summary>
        English,
        /// <summary>Chinese</summary>
        Chinese
    }

    /// <summary>How much goes to the Console.</summary>
    public enum VitrineLogLevel
    {
        /// <summary>nothing</summary>
        Nothing,
        /// <summary>what failed</summary>
        Warnings,
        /// <summary>each step</summary>
        Everything
    }

    /// <summary>
    /// The project's settings: an asset named <c>VitrineSettings</c> in a Resources folder; without one the defaults
    /// hold.
    /// </summary>
    public sealed class VitrineSettings : ScriptableObject
    {
        /// <summary>The asset's name below a Resources folder.</summary>
        public const string ResourceName = "VitrineSettings";

        private const int RetryLimitMs = 1000;

        private static VitrineSettings _current;

        [Header("Sidecar")]
        [SerializeField] [Tooltip("Starts the sidecar where none runs, and ends it with the application.")]
        private bool _startSidecar = true;
        [SerializeField] [Tooltip("A Python that has the sidecar. Empty: the one that Window > Vitrine installs.")]
        private string _executable = "";
        [SerializeField] [Tooltip("More words for vitrine serve, one a line.")]
        private string[] _arguments = new string[0];
        [SerializeField] [Tooltip("The folder of run.json. Empty: the user's own.")]
        private string _runFolder = "";

        [Header("Person")]
        [SerializeField]
        private VitrineLanguage _language = VitrineLanguage.System;
        [SerializeField] [Tooltip("Remembers this person, if they agreed. Empty: nobody is remembered.")]
        private string _profileId = "";
        [SerializeField] [Tooltip("The person agreed to be remembered.")]
        private bool _profileConsent;

        [Header("Frame")]
        [SerializeField] [Range(0.1f, 5)] [Tooltip("Milliseconds of a frame that answers may take on the main thread.")]
        private float _mainThreadBudgetMs = 0.5f;
        [SerializeField] [Tooltip("Pictures go through shared memory where that is possible.")]
        private bool _useSharedMemory = true;

        [Header("Console")]
        [SerializeField]
        private VitrineLogLevel _logLevel = VitrineLogLevel.Warnings;

        /// <summary>The project's settings, or the defaults; never null.</summary>
        public static VitrineSettings Current
        {
            get
            {
                if (_current == null) { _current = Resources.Load<VitrineSettings>(ResourceName); }
                if (_current == null) { _current = CreateInstance<VitrineSettings>(); }
                return _current;
            }
        }

        /// <summary>Whether a sidecar is started where none runs.</summary>
        public bool StartSidecar
        {
            get { return _startSidecar; }
            set { _startSidecar = value; }
        }

        /// <summary>A Python that has the sidecar, or a <c>vitrine</c>; empty: found by itself.</summary>
        public string Executable
        {
            get { return _executable; }
            set { _executable = value ?? ""; }
        }

        /// <summary>More words for <c>vitrine serve</c>.</summary>
        public string[] Arguments
        {
            get { return _arguments; }
            set { _arguments = value ?? new string[0]; }
        }

        /// <summary>The folder of run.json; empty: the user's own.</summary>
        public string RunFolder
        {
            get { return _runFolder; }
            set { _runFolder = value ?? ""; }
        }

        /// <summary>The language of texts.</summary>
        public VitrineLanguage Language
        {
            get { return _language; }
            set { _language = value; }
        }

        /// <summary>The person's profile; empty: nobody is remembered.</summary>
        public string ProfileId
        {
            get { return _profileId; }
            set { _profileId = value ?? ""; }
        }

        /// <summary>Whether that person agreed to be remembered.</summary>
        public bool ProfileConsent
        {
            get { return _profileConsent; }
            set { _profileConsent = value; }
        }

        /// <summary>Milliseconds of a frame that answers may take on the main thread, 0.1 to 5.</summary>
        public float MainThreadBudgetMs
        {
            get { return _mainThreadBudgetMs; }
            set { _mainThreadBudgetMs = Mathf.Clamp(value, 0.1f, 5); }
        }

        /// <summary>Whether pictures go through shared memory where that is possible.</summary>
        public bool UseSharedMemory
        {
            get { return _useSharedMemory; }
            set { _useSharedMemory = value; }
        }

        /// <summary>How much goes to the Console.</summary>
        public VitrineLogLevel LogLevel
        {
            get { return _logLevel; }
            set { _logLevel = value; }
        }

        /// <summary>Whether texts are Chinese, else English.</summary>
        public bool IsChinese
        {
            get
            {
                if (_language != VitrineLanguage.System) { return _language == VitrineLanguage.Chinese; }
                SystemLanguage system = Application.systemLanguage;
                return system == SystemLanguage.Chinese || system == SystemLanguage.ChineseSimplified
                    || system == SystemLanguage.ChineseTraditional;
            }
        }

        /// <summary>How to connect.</summary>
        public VitrineOptions ToOptions()
        {
            HeadsetReading headset;
            bool there = Headset.TryRead(out headset);
            bool remembered = _profileConsent && !string.IsNullOrEmpty(_profileId);
            return new VitrineOptions
            {
                ClientName = Named(Application.productName, "unity"),
                ClientVersion = Named(Application.version, "0"),
                Device = Headset.Name,
                RefreshHz = there && headset.RefreshHz > 0 ? headset.RefreshHz : (double?)null,
                Lang = IsChinese ? "zh" : "en",
                ProfileId = remembered ? _profileId : null, // who did not agree is not even named
                ProfileConsent = remembered,
                UseSharedMemory = _useSharedMemory,
                RunFolder = string.IsNullOrEmpty(_runFolder) ? null : _runFolder,
                RetryLimitMs = RetryLimitMs, // a look at a file: a sidecar that comes should not be waited for
                Log = Logger(),
            };
        }

        /// <summary>How to start the sidecar.</summary>
        public ProcessOptions ToProcessOptions()
        {
            return new ProcessOptions
            {
                Executable = string.IsNullOrEmpty(_executable) ? null : _executable,
                Arguments = (string[])_arguments.Clone(),
                RunFolder = string.IsNullOrEmpty(_runFolder) ? null : _runFolder,
                Log = Logger(),
            };
        }

        /// <summary>The asset was made, changed or removed: look for it again.</summary>
        internal static void Forget()
        {
            _current = null;
        }

        private static string Named(string name, string otherwise)
        {
            return string.IsNullOrEmpty(name) ? otherwise : name;
        }

        private Action<string> Logger()
        {
            return _logLevel == VitrineLogLevel.Everything ? (Action<string>)Write : null;
        }

        private static void Write(string line)
        {
            Debug.Log("Vitrine: " + line);
        }
    }
}
