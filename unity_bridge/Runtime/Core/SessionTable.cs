namespace Vitrine
{
    /// <summary>Everything that can happen on a connection, seen from its client.</summary>
    internal enum SessionStep
    {
        SendHello,
        SendCall,
        SendPush,
        SendEnd,
        SendCancel,
        SendFree,
        SendPing,
        SendPace,
        ReceiveWelcome,
        ReceivePart,
        ReceiveDone,
        ReceiveFail,
        ReceiveFree,
        ReceivePong,
        ReceiveNote
    }

    /// <summary>Where an open call stands for its client.</summary>
    internal enum CallPhase
    {
        Open,
        Ended,
        Cancelled
    }

    /// <summary>The transitions as tables: a row a step, a column a state.</summary>
    internal static class SessionTable
    {
        private const bool Y = true;
        private const bool N = false;

        private static readonly string[] Names =
        {
            "hello", "call", "push", "end", "cancel", "free", "ping", "pace",
            "welcome", "part", "done", "fail", "free", "pong", "note"
        };

        private static readonly bool[,] InState =
        {
            // Fresh, Waiting, Open, Closed
            { Y, N, N, N }, // SendHello -> Waiting
            { N, N, Y, N }, // SendCall
            { N, N, Y, N }, // SendPush
            { N, N, Y, N }, // SendEnd
            { N, N, Y, N }, // SendCancel
            { N, N, Y, N }, // SendFree
            { N, N, Y, N }, // SendPing
            { N, N, Y, N }, // SendPace
            { N, Y, N, N }, // ReceiveWelcome -> Open
            { N, N, Y, N }, // ReceivePart
            { N, N, Y, N }, // ReceiveDone
            { N, N, Y, N }, // ReceiveFail
            { N, N, Y, N }, // ReceiveFree
            { N, N, Y, N }, // ReceivePong
            { N, N, Y, N }, // ReceiveNote
        };

        internal static bool Allows(SessionState state, SessionStep step)
        {
            return InState[(int)step, (int)state];
        }

        /// <summary>Input goes to open calls only; a call can be cancelled until it is.</summary>
        internal static bool AllowsInCall(CallPhase phase, SessionStep step)
        {
            return step == SessionStep.SendCancel ? phase != CallPhase.Cancelled : phase == CallPhase.Open;
        }

        internal static SessionStep StepOf(ServerMessageKind kind)
        {
            return SessionStep.ReceiveWelcome + ((int)kind - (int)ServerMessageKind.Welcome);
        }

        internal static string Name(SessionStep step)
        {
            return Names[(int)step];
        }
    }
}
