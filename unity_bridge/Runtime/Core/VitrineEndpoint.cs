using System;
using System.Net;

namespace Vitrine
{
    /// <summary>A server that can be connected to: what run.json holds.</summary>
    public sealed class VitrineEndpoint
    {
        /// <summary>
        /// Makes an endpoint; throws <see cref="ArgumentException"/> unless the host is loopback and the port real.
        /// </summary>
        public VitrineEndpoint(string host, int port, string token, int pid = 0, double startedS = 0, string version = "")
        {
            if (port < 1 || port > 65535) { throw new ArgumentException("not a port", nameof(port)); }
            if (string.IsNullOrEmpty(token) || token.Length > 512) { throw new ArgumentException("no token", nameof(token)); }
            Address = LoopbackOf(host);
            Port = port;
            Token = token;
            Pid = pid;
            StartedS = startedS;
            Version = version;
        }

        /// <summary>The loopback address.</summary>
        public IPAddress Address { get; }

        /// <summary>The TCP port.</summary>
        public int Port { get; }

        /// <summary>The server's process; 0 when not known.</summary>
        public int Pid { get; }

        /// <summary>The start of that process, seconds since 1970.</summary>
        public double StartedS { get; }

        /// <summary>The server's version.</summary>
        public string Version { get; }

        internal string Token { get; }

        /// <summary>Without the token.</summary>
        public override string ToString()
        {
            return Address + ":" + Port + " (pid " + Pid + ")";
        }

        private static IPAddress LoopbackOf(string host)
        {
            IPAddress address;
            if (string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)) { return IPAddress.Loopback; }
            if (host == null || !IPAddress.TryParse(host.Trim('[', ']'), out address) || !IPAddress.IsLoopback(address))
            {
                throw new ArgumentException("the host is not this machine", nameof(host));
            }
            return address;
        }
    }
}
