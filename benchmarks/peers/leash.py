"""`python -m benchmarks.peers.leash MARK COMMAND...`: runs a peer until standard input closes.

Then it ends all the peer's processes. The harness holds the other end, so that even a harness that is killed leaves no
server behind. If the peer ends first, its exit code is passed on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

from . import family


def main(words: list[str]) -> int:
    """Runs one peer."""
    mark, *command = words
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    peer = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env={**os.environ, family.MARK: mark}, **apart
    )
    print(peer.pid, flush=True)
    ended = threading.Event()

    def watch() -> None:
        sys.stdin.buffer.read()
        ended.set()

    def wait() -> None:
        peer.wait()
        ended.set()

    for work in (watch, wait):
        threading.Thread(target=work, daemon=True).start()
    ended.wait()
    family.end(peer.pid, mark)
    return peer.wait()


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]) & 0xFF)  # the thread that reads may still sit in its call
