using System;
using System.Threading;

namespace Vitrine
{
    /// <summary>Heeds a token until the call that it belongs to has ended, in whatever order the two happen.</summary>
    internal sealed class TokenWatch
    {
        private readonly object _gate = new object();
        private CancellationTokenRegistration _registration;
        private bool _ended;

        internal void Begin(CancellationToken token, Action<object> cancelled, object state)
        {
            CancellationTokenRegistration registration = token.Register(cancelled, state, false);
            lock (_gate)
            {
                if (!_ended)
                {
                    _registration = registration;
                    return;
                }
            }
            registration.Dispose();
        }

        internal void End()
        {
            CancellationTokenRegistration registration;
            lock (_gate)
            {
                _ended = true;
                registration = _registration;
            }
            registration.Dispose();
        }
    }
}
