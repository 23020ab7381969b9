"""Keeps the sidecar's general worker busy with try-on pictures until its standard input closes; a process of its own.

    python -m benchmarks.load RUN_FILE
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

from sidecar.client import Vitrine, connect
from sidecar.demo.frames import Pixels, sample_portrait
from sidecar.endpoint import read_endpoint

from . import loop
from .frames import LAYERS

AT_ONCE = 2


async def _run(run_file: Path) -> None:
    picture = sample_portrait().frame(0.0)
    async with await connect(endpoint=read_endpoint(run_file), reconnect=False) as vitrine:
        await _once(vitrine, picture)
        print("running", flush=True)
        await asyncio.gather(*(_forever(vitrine, picture) for _ in range(AT_ONCE)))


async def _forever(vitrine: Vitrine, picture: Pixels) -> None:
    while True:
        await _once(vitrine, picture)


async def _once(vitrine: Vitrine, picture: Pixels) -> None:
    await vitrine.call("tryon.still", {"image": picture, "layers": LAYERS})


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    loop.run(_run(Path(sys.argv[1])))
