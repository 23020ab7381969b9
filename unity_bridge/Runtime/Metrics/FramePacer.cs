using UnityEngine;

namespace Vitrine
{
    /// <summary>
    /// Tells the sidecar every half second how the game's frames go, so that it yields before the player feels it. One
    /// in the scene is enough.
    /// </summary>
    [AddComponentMenu("Vitrine/Frame Pacer")]
    [DisallowMultipleComponent]
    public sealed class FramePacer : MonoBehaviour
    {
        private readonly PaceMeter _meter = new PaceMeter();
        private FrameClock _frames;

        /// <summary>What was told last; all zero before that.</summary>
        public FramePace Last { get; private set; }

        /// <summary>How often it was told.</summary>
        public long Sent { get; private set; }

        /// <summary>The client that it is told to; null: <see cref="VitrineClient.Shared"/>.</summary>
        public VitrineClient Client { get; set; }

        private void OnEnable()
        {
            _frames = new FrameClock();
        }

        private void OnDisable()
        {
            _frames.Dispose();
        }

        private void Update()
        {
            HeadsetReading headset;
            Headset.TryRead(out headset);
            _meter.AddFrame(Time.unscaledDeltaTime * 1000.0, _frames.WorkMs(headset));
            FramePace pace;
            if (!_meter.TryTake(FrameClock.RefreshHz(headset), headset.Dropped, out pace)) { return; }
            Last = pace;
            VitrineClient client = Client ?? VitrineClient.Shared;
            if (client.Connection.TryPace(pace.RefreshHz, pace.FrameMs, pace.Dropped)) { Sent++; }
        }
    }
}
