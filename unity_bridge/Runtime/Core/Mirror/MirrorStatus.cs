namespace Vitrine
{
    /// <summary>What a mirror shows, or why it does not.</summary>
    public enum MirrorStatus
    {
        /// <summary>switched off</summary>
        Off,
        /// <summary>the sidecar does not run</summary>
        ServerAbsent,
        /// <summary>the sidecar starts, or loads what the try-on needs</summary>
        ServerStarting,
        /// <summary>the connection is being made</summary>
        Connecting,
        /// <summary>the connection was lost and is made again</summary>
        Lost,
        /// <summary>the server refuses; <see cref="MirrorSession.LastError"/> says why</summary>
        Refused,
        /// <summary>the camera begins</summary>
        WaitingForCamera,
        /// <summary>there is no camera</summary>
        NoCamera,
        /// <summary>the camera may not be used</summary>
        NoCameraPermission,
        /// <summary>the camera is there and gives no picture</summary>
        CameraSilent,
        /// <summary>no picture was chosen or taken</summary>
        NoPicture,
        /// <summary>the graphics API cannot hand frames out</summary>
        Unsupported,
        /// <summary>everything stands, the first answer is on its way</summary>
        WaitingForAnswer,
        /// <summary>the mirror works</summary>
        Live,
        /// <summary>no one is in the picture</summary>
        NoPerson,
        /// <summary>several people are in the picture</summary>
        ManyPeople,
        /// <summary>the headset or something else covers the face</summary>
        FaceCovered,
        /// <summary>the person is too far away</summary>
        TooSmall,
        /// <summary>the person turns their back</summary>
        BackView,
        /// <summary>the product's picture cannot be fitted</summary>
        NoAssets,
        /// <summary>the product does not come in this size</summary>
        BadSize,
        /// <summary>too dark</summary>
        LowLight,
        /// <summary>a reason that only a newer server knows</summary>
        OtherReason
    }

    /// <summary>Where the pictures of a mirror stand.</summary>
    public enum FrameSourceState
    {
        /// <summary>begins</summary>
        Waiting,
        /// <summary>gives pictures</summary>
        Live,
        /// <summary>there is no camera, or it was unplugged</summary>
        NoCamera,
        /// <summary>the user or the system forbids the camera</summary>
        NoPermission,
        /// <summary>it should give pictures and gives none</summary>
        Silent,
        /// <summary>there is no picture to send</summary>
        NoPicture,
        /// <summary>the graphics API cannot hand frames out</summary>
        Unsupported
    }

    /// <summary>Where the server stands, as a mirror sees it.</summary>
    public enum MirrorLink
    {
        /// <summary>not running</summary>
        Absent,
        /// <summary>being started</summary>
        Starting,
        /// <summary>being connected to</summary>
        Connecting,
        /// <summary>connected</summary>
        Ready,
        /// <summary>was connected</summary>
        Lost
    }

    /// <summary>From what is known to the one thing that is said.</summary>
    public static class MirrorStatusRules
    {
        /// <summary>
        /// The status. What stands nearest to the cause is said: without a server nothing else matters, without a
        /// picture no answer can come.
        /// </summary>
        /// <param name="link">The server.</param>
        /// <param name="session">The stream.</param>
        /// <param name="errorCode">The code of the stream's last error; null for none.</param>
        /// <param name="source">The pictures.</param>
        /// <param name="answered">Whether an answer came since the stream was opened.</param>
        /// <param name="verdict">What the last answer said: <see cref="MirrorStatus.Live"/> or a reason.</param>
        public static MirrorStatus Decide(
            MirrorLink link, MirrorSessionState session, string errorCode, FrameSourceState source, bool answered,
            MirrorStatus verdict)
        {
            switch (link)
            {
                case MirrorLink.Absent: return MirrorStatus.ServerAbsent;
                case MirrorLink.Starting: return MirrorStatus.ServerStarting;
                case MirrorLink.Connecting: return MirrorStatus.Connecting;
                case MirrorLink.Lost: return MirrorStatus.Lost;
            }
            switch (session)
            {
                case MirrorSessionState.Closed: return MirrorStatus.Off;
                case MirrorSessionState.Refused: return MirrorStatus.Refused;
                case MirrorSessionState.Pausing:
                    return errorCode == VitrineCodes.ModelLoading ? MirrorStatus.ServerStarting : MirrorStatus.Lost;
            }
            MirrorStatus missing = Missing(source);
            if (missing != MirrorStatus.Live)
            {
                return missing;
            }
            return answered ? verdict : MirrorStatus.WaitingForAnswer;
        }

        private static MirrorStatus Missing(FrameSourceState source)
        {
            switch (source)
            {
                case FrameSourceState.Waiting: return MirrorStatus.WaitingForCamera;
                case FrameSourceState.NoCamera: return MirrorStatus.NoCamera;
                case FrameSourceState.NoPermission: return MirrorStatus.NoCameraPermission;
                case FrameSourceState.Silent: return MirrorStatus.CameraSilent;
                case FrameSourceState.NoPicture: return MirrorStatus.NoPicture;
                case FrameSourceState.Unsupported: return MirrorStatus.Unsupported;
                default: return MirrorStatus.Live;
            }
        }
    }
}
