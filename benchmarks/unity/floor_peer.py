"""The peer of EchoBench's floor: copies 1 MiB out of a map and back into its second half at each 8-byte notice."""

from __future__ import annotations

import mmap
import socket
import sys
import tempfile

MEBIBYTE = 1 << 20
IDLE_S = 120.0


def serve() -> None:
    """Prints `PORT PATH`, serves one client until it leaves."""
    with tempfile.NamedTemporaryFile(prefix="floor-", dir=sys.argv[1] if len(sys.argv) > 1 else None) as file:
        file.truncate(2 * MEBIBYTE)
        with socket.create_server(("127.0.0.1", 0)) as server, mmap.mmap(file.fileno(), 2 * MEBIBYTE) as shared:
            server.settimeout(IDLE_S)
            print(server.getsockname()[1], file.name, flush=True)
            peer, _ = server.accept()
            with peer, memoryview(shared) as view:
                peer.settimeout(IDLE_S)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answer(peer, view)


def answer(peer: socket.socket, view: memoryview) -> None:
    """One copy into private memory and one back a notice, as an engine worker would do."""
    private = memoryview(bytearray(MEBIBYTE))
    while notice := peer.recv(8, socket.MSG_WAITALL):
        private[:] = view[:MEBIBYTE]
        view[MEBIBYTE:] = private
        peer.sendall(notice)


if __name__ == "__main__":
    serve()
