using System;

namespace Vitrine
{
    /// <summary>What a WebSocket close code of the wire contract means for the calls that it ends.</summary>
    internal static class CloseCodes
    {
        internal const int Normal = 1000;
        internal const int ProtocolError = 1002;

        /// <summary>The code in a close frame's payload; 1005 where it has none.</summary>
        internal static int Of(ArraySegment<byte> payload)
        {
            return payload.Count < 2 ? 1005 : (payload.Array[payload.Offset] << 8) | payload.Array[payload.Offset + 1];
        }

        internal static VitrineException Explain(int code)
        {
            switch (code)
            {
                case 1008:
                    return new VitrineException(
                        VitrineCodes.Unauthorized, "Vitrine refused the token; restart the server or read run.json again.");
                case 1009:
                    return new VitrineException(VitrineCodes.TooLarge, "A message was too large for Vitrine; send less at once.");
                case 4008:
                    return new VitrineException(
                        VitrineCodes.Overloaded, "Answers were read too slowly and Vitrine closed the connection; read them faster.");
                case 1003:
                case 4000:
                case 4001:
                case 4002:
                    return new VitrineException(
                        VitrineCodes.Internal,
                        "Vitrine did not understand this client (close code " + code + "); install matching versions of both.");
                default:
                    return VitrineException.Unavailable(
                        "The connection to Vitrine ended (close code " + code + "); it is made again by itself.");
            }
        }
    }
}
