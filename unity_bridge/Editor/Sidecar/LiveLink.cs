using System;

namespace Vitrine.Editor
{
    /// <summary>The window's own connection to a live server, open only while somebody looks.</summary>
    public sealed class LiveLink : IDisposable
    {
        private readonly Func<string> _runFolder;
        private VitrineConnection _connection;

        /// <summary>Finds the server in the folder that the settings name.</summary>
        public LiveLink(Func<string> runFolder)
        {
            _runFolder = runFolder;
        }

        /// <summary>The connection while it stands; null otherwise.</summary>
        public IVitrineCalls Calls
        {
            get { return _connection != null && _connection.State == ConnectionState.Ready ? _connection : null; }
        }

        /// <summary>Begins to connect and goes on trying; does nothing when it does so already.</summary>
        public void Open()
        {
            if (_connection != null) { return; }
            string folder = _runFolder();
            _connection = VitrineConnection.Start(new VitrineOptions
            {
                ClientName = "vitrine-editor",
                RunFolder = string.IsNullOrEmpty(folder) ? null : folder,
                UseSharedMemory = false
            });
        }

        /// <summary>Closes the connection; takes at most about 100 ms.</summary>
        public void Close()
        {
            if (_connection == null) { return; }
            _connection.Dispose();
            _connection = null;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            Close();
        }
    }
}
