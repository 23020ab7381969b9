using System;
using UnityEngine;
#if VITRINE_UGUI
using UnityEngine.UI;
#endif

namespace Vitrine
{
    /// <summary>Where a mirror takes its pictures from.</summary>
    public enum MirrorSource
    {
        /// <summary>a webcam of the PC</summary>
        WebCam,
        /// <summary>a camera of the scene</summary>
        Camera,
        /// <summary>a picture taken before, for when the headset covers the face</summary>
        Picture
    }

    /// <summary>What a mirror shows.</summary>
    public enum MirrorOutput
    {
        /// <summary>the person with what is worn</summary>
        Composite,
        /// <summary>only what is worn, on transparent ground</summary>
        Overlay
    }

    /// <summary>
    /// A mirror that shows a person with products on: takes pictures, has the sidecar dress them, and shows the answers.
    /// Without the sidecar it shows the source as it is, says so, and goes on by itself. All members belong to the main
    /// thread; fields may be changed while it runs.
    /// </summary>
    [AddComponentMenu("Vitrine/Try-On Mirror")]
    [DisallowMultipleComponent]
    public sealed partial class TryOnMirror : MonoBehaviour
    {
        private const int SmallestSide = 16;
        private const int LargestSide = 4096;

        [Header("Source")]
        [SerializeField] private MirrorSource _source = MirrorSource.WebCam;
        [SerializeField] private string _cameraName = "";
        [SerializeField] private Camera _camera;
        [SerializeField] private Texture _picture;
        [SerializeField] private bool _flipSource;

        [Header("Worn")]
        [SerializeField] private string _product = "sample-glasses-1";
        [SerializeField] private string _size = "";
        [SerializeField] private string _colour = "";

        [Header("Frames")]
        [SerializeField] private int _width = 640;
        [SerializeField] private int _height = 480;
        [SerializeField] private float _framesPerSecond = 30;
        [SerializeField] private bool _mirror = true;
        [SerializeField] private MirrorOutput _output = MirrorOutput.Composite;

        [Header("Shown on")]
#if VITRINE_UGUI
        [SerializeField] private RawImage _target;
        [SerializeField] private RawImage _background;
        [SerializeField] private Text _text;
        [SerializeField] private bool _showFigures = true;
#endif
        [SerializeField] private Renderer _renderer;

        private readonly MirrorWardrobe _wardrobe = new MirrorWardrobe();
        private readonly MirrorTextLine _line = new MirrorTextLine();
        private VitrineClient _client;
        private VitrineClient _ownClient;
        private IVitrineClock _clock = new SystemClock();
        private MirrorLoop _loop;
        private MirrorView _view;
        private MirrorView _backView;
        private RenderTexture _captured;
        private int _capturedTurns;
        private SourceKey _applied;
        private MirrorStatus _status = MirrorStatus.Off;
        private long _shown;
        private bool _quitting;

        /// <summary>The status changed.</summary>
        public event Action<MirrorStatus> StatusChanged;

        /// <summary>An answer was shown; age, confidence and texture are those of it.</summary>
        public event Action<TryOnMirror> FrameShown;

        /// <summary>Where pictures come from.</summary>
        public MirrorSource Source
        {
            get { return _source; }
            set { _source = value; }
        }

        /// <summary>The webcam's name; empty: the system's first.</summary>
        public string CameraName
        {
            get { return _cameraName; }
            set { _cameraName = value ?? ""; }
        }

        /// <summary>The scene's camera for <see cref="MirrorSource.Camera"/>.</summary>
        public Camera SourceCamera
        {
            get { return _camera; }
            set { _camera = value; }
        }

        /// <summary>
        /// The picture for <see cref="MirrorSource.Picture"/>; it takes the place of one that was captured.
        /// </summary>
        public Texture Picture
        {
            get { return _captured != null ? _captured : _picture; }
            set
            {
                ForgetCaptured();
                _picture = value;
            }
        }

        /// <summary>Whether the source arrives upside down and is turned over.</summary>
        public bool FlipSource
        {
            get { return _flipSource; }
            set { _flipSource = value; }
        }

        /// <summary>The product that is worn; empty for none. Takes the place of <see cref="SetLayers"/>.</summary>
        public string Product
        {
            get { return _product; }
            set
            {
                _product = value ?? "";
                _wardrobe.Clear();
            }
        }

        /// <summary>A size of the product's chart; empty for its own.</summary>
        public string Size
        {
            get { return _size; }
            set { _size = value ?? ""; }
        }

        /// <summary>A colour of the product, or <c>#rrggbb</c>; empty for its own.</summary>
        public string Colour
        {
            get { return _colour; }
            set { _colour = value ?? ""; }
        }

        /// <summary>Width of the frames that are sent and come back, pixels.</summary>
        public int Width
        {
            get { return _width; }
            set { _width = value; }
        }

        /// <summary>Height of the frames that are sent and come back, pixels.</summary>
        public int Height
        {
            get { return _height; }
            set { _height = value; }
        }

        /// <summary>Frames a second that are sent at most; 0: as many as the source has.</summary>
        public float FramesPerSecond
        {
            get { return _framesPerSecond; }
            set { _framesPerSecond = value; }
        }

        /// <summary>Whether left and right are exchanged, as a mirror does.</summary>
        public bool Mirror
        {
            get { return _mirror; }
            set { _mirror = value; }
        }

        /// <summary>What is shown.</summary>
        public MirrorOutput Output
        {
            get { return _output; }
            set { _output = value; }
        }

#if VITRINE_UGUI
        /// <summary>Shows the mirror; set it before the component is enabled.</summary>
        public RawImage Target
        {
            get { return _target; }
            set { _target = value; }
        }

        /// <summary>Shows the source behind an overlay; set it before the component is enabled.</summary>
        public RawImage Background
        {
            get { return _background; }
            set { _background = value; }
        }

        /// <summary>Shows the status, and age and confidence while all is well.</summary>
        public Text StatusLabel
        {
            get { return _text; }
            set { _text = value; }
        }

        /// <summary>Whether the label shows age and confidence while all is well.</summary>
        public bool ShowFigures
        {
            get { return _showFigures; }
            set { _showFigures = value; }
        }
#endif

        /// <summary>Shows the mirror on its material; set it before the component is enabled.</summary>
        public Renderer TargetRenderer
        {
            get { return _renderer; }
            set { _renderer = value; }
        }

        /// <summary>The client to use; null: <see cref="VitrineClient.Shared"/>.</summary>
        public VitrineClient Client
        {
            get { return _client; }
            set { _ownClient = value; }
        }

        /// <summary>The clock of ages and rates.</summary>
        public IVitrineClock Clock
        {
            get { return _clock; }
            set { _clock = value ?? new SystemClock(); }
        }

        /// <summary>What it shows, or why it does not.</summary>
        public MirrorStatus Status
        {
            get { return _status; }
        }

        /// <summary>The status as a sentence for the person in front of the mirror; empty while all is well.</summary>
        public string StatusText
        {
            get { return _line.Sentence; }
        }

        /// <summary>Milliseconds since the shown frame was taken; 0 where no answer is shown.</summary>
        public float AgeMs
        {
            get { return _loop == null ? 0 : _loop.AgeMs; }
        }

        /// <summary>Milliseconds that the shown frame took from the camera to the texture.</summary>
        public float LatencyMs
        {
            get { return _loop == null ? 0 : _loop.LatencyMs; }
        }

        /// <summary>How sure the try-on is of what it shows, 0 to 1.</summary>
        public float Confidence
        {
            get { return _loop == null ? 0 : _loop.Confidence; }
        }

        /// <summary>What happened to frames since the component was enabled.</summary>
        public MirrorCounters Counters
        {
            get { return _loop == null ? default(MirrorCounters) : _loop.Session.Counters; }
        }

        /// <summary>The newest answer's picture, used again for each; null where none is shown.</summary>
        public Texture2D Texture
        {
            get { return _loop == null ? null : _loop.Answer; }
        }

        /// <summary>Whether what is shown is an answer, not the source as it is.</summary>
        public bool IsDressed
        {
            get { return Texture != null; }
        }

        /// <summary>What is worn: several layers, or pictures of products. Takes the place of the fields.</summary>
        public void SetLayers(params TryOnLayer[] layers)
        {
            _wardrobe.Set(layers, _product, _size, _colour);
        }

        /// <summary>
        /// Keeps the frame that the camera shows now as the picture, and goes on with that; false when there is no
        /// frame. To be called before the headset goes on.
        /// </summary>
        public bool Capture()
        {
            if (_loop == null || _source == MirrorSource.Picture)
            {
                return false;
            }
            int turns;
            RenderTexture copy = _loop.Copy(SideOf(_width), SideOf(_height), out turns);
            if (copy == null)
            {
                return false;
            }
            ForgetCaptured();
            _captured = copy;
            _capturedTurns = turns;
            _source = MirrorSource.Picture;
            return true;
        }
    }
}
