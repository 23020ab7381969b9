"""A disk of a fixed size for one child: a tmpfs in a mount namespace of its own, filled and emptied on demand.

    unshare -rm python -m benchmarks.hardening.small_disk FOLDER MIB

Reads one JSON object a line: `{"do": "fill"}`, `{"do": "free"}`, `{"do": "run", "argv": [...], "environ": {...}}`;
answers each with one line. Linux only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

RUN_S = 120.0
_lock = threading.Lock()


def main() -> int:
    """Mounts, then serves until standard input ends; the mount goes with the process."""
    folder, mib = Path(sys.argv[1]), int(sys.argv[2])
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    if subprocess.run(mount, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        return 1
    _say({"did": "mount"})
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        if order["do"] == "run":  # beside the loop: the disk is filled in the middle of it
            threading.Thread(target=_run, args=(order,)).start()
        else:
            _fill(folder / "filler") if order["do"] == "fill" else (folder / "filler").unlink(missing_ok=True)
            _say({"did": order["do"]})
    return 0


def _fill(path: Path) -> None:
    """Takes every byte that is left."""
    left = os.statvfs(path.parent).f_bavail * os.statvfs(path.parent).f_frsize
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.posix_fallocate(handle, 0, max(1, left))
    finally:
        os.close(handle)


def _run(order: dict[str, Any]) -> None:
    result = subprocess.run(
        order["argv"],
        env={**os.environ, **order["environ"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    _say({"did": "run", "code": result.returncode, "output": result.stdout})


def _say(what: dict[str, Any]) -> None:
    with _lock:
        print(json.dumps(what), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
