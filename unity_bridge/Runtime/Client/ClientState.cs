namespace Vitrine
{
    /// <summary>Where a <see cref="VitrineClient"/> stands.</summary>
    public enum ClientState
    {
        /// <summary>no sidecar; looked for again and again</summary>
        Absent,
        /// <summary>the sidecar is being started</summary>
        Starting,
        /// <summary>the first attempt to connect</summary>
        Connecting,
        /// <summary>calls may be made</summary>
        Ready,
        /// <summary>the connection was lost a moment ago; made again by itself</summary>
        Lost,
        /// <summary>disposed</summary>
        Closed
    }

    /// <summary>
    /// Makes one state of those of the connection and the process. Attempts that go on in the background do not show:
    /// what is absent stays so until it is there, or until a new start gets somewhere.
    /// </summary>
    internal sealed class ClientStateRules
    {
        private const long LostUs = 5000000;
        private const long StartedUs = 1000000;

        private bool _tried;
        private bool _stood;
        private bool _failed;
        private long _lostAtUs;
        private long _startingAtUs = -1;

        internal ClientState Decide(ConnectionState connection, ProcessState? process, long nowUs)
        {
            if (connection == ConnectionState.Closed) { return ClientState.Closed; }
            if (connection == ConnectionState.Ready)
            {
                _stood = _tried = true;
                _lostAtUs = 0;
                return ClientState.Ready;
            }
            _tried |= connection == ConnectionState.Waiting;
            if (_stood && _lostAtUs == 0) { _lostAtUs = nowUs == 0 ? 1 : nowUs; }
            if (IsStarting(process, nowUs)) { return ClientState.Starting; }
            if (_stood && nowUs - _lostAtUs < LostUs) { return ClientState.Lost; }
            return _tried ? ClientState.Absent : ClientState.Connecting;
        }

        // A start that failed is tried again and again; one that fails at once as well is not worth a word.
        private bool IsStarting(ProcessState? process, long nowUs)
        {
            _failed |= process == ProcessState.Failed;
            if (process != ProcessState.Starting)
            {
                _startingAtUs = -1;
                return false;
            }
            _startingAtUs = _startingAtUs < 0 ? nowUs : _startingAtUs;
            return !_failed || nowUs - _startingAtUs >= StartedUs;
        }
    }

    /// <summary>What a state is called in front of people: one table, a row a state.</summary>
    internal static class ClientTexts
    {
        private static readonly string[,] Rows =
        {
            // English, Chinese
            { "Vitrine is not running. Start it; everything goes on by itself.", "Vitrine 未运行。请启动它，之后会自动恢复。" },
            { "Vitrine is starting. This takes a moment.", "Vitrine 正在启动，请稍候。" },
            { "Connecting to Vitrine.", "正在连接 Vitrine。" },
            { "Vitrine is ready.", "Vitrine 已就绪。" },
            { "The connection to Vitrine was lost. It comes back by itself.", "与 Vitrine 的连接已断开，会自动恢复。" },
            { "Vitrine is closed.", "Vitrine 已关闭。" },
        };

        internal static string Of(ClientState state, bool chinese)
        {
            return Rows[(int)state, chinese ? 1 : 0];
        }
    }
}
