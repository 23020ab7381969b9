"""A disk of a fixed size for one child: a tmpfs in a mount namespace of its own, filled and emptied on demand.

    unshare -rm python -m benchmarks.hardening.small_disk FOLDER MIB

Reads one JSON object a line: `{"do": "fill"}`, `{"do": "free"}`, `{"do": "run", "argv": [...], "environ": {...}}`;
answers each with one line. Linux only.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

RUN_S = 120.0
LARGEST_STEP = 64 * 2**20
SMALLEST_STEP = 4096
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
    """Takes every byte that is left, however fast others take some too."""
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        taken, step = 0, LARGEST_STEP
        while step >= SMALLEST_STEP:
            try:
                os.posix_fallocate(handle, taken, step)
                taken += step
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                step //= 2
    finally:
        os.close(handle)


def _run(order: dict[str, Any]) -> None:
    try:
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
    except subprocess.TimeoutExpired as error:
        output = error.stdout if isinstance(error.stdout, str) else (error.stdout or b"").decode("utf-8", "replace")
        _say({"did": "run", "code": -1, "output": f"{output}\nIt did not end within {RUN_S:g} s."})
    else:
        _say({"did": "run", "code": result.returncode, "output": result.stdout})


def _say(what: dict[str, Any]) -> None:
    with _lock:
        print(json.dumps(what), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
