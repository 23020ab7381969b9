"""Cold starts: from the start of the process until it is ready, and until it has answered its first frame."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.client import connect
from sidecar.demo.host import Host

from .. import loop
from ..frames import LAYERS
from ..streams import anext_part
from .payloads import Film

READY_S = 60.0


@dataclass
class Starts:
    """One entry a start, milliseconds; `began_s` of `time.perf_counter`."""

    began_s: list[float] = field(default_factory=list)
    ready_ms: list[float] = field(default_factory=list)
    answered_ms: list[float] = field(default_factory=list)


def cold_starts(
    packs: Path | None, *, count: int, film: Film, told: Callable[[str], None], warm: bool = True
) -> Starts:
    """Starts a sidecar `count` times. Raises `HostFailed` or what the first frame failed with."""
    starts = Starts()
    for number in range(count):
        told(f"cold start {number + 1} of {count}")
        began_s = time.perf_counter()
        with Host(packs=packs, arguments=() if warm else ("--no-warm",)) as host:
            ready_s = host.wait_ready(timeout_s=READY_S)
            loop.run(_first_answer(host, film))
            starts.answered_ms.append(1000 * (time.monotonic() - host.started_at))
        starts.began_s.append(began_s)
        starts.ready_ms.append(1000 * ready_s)
    return starts


async def _first_answer(host: Host, film: Film) -> None:
    async with contextlib.AsyncExitStack() as stack:
        vitrine = await stack.enter_async_context(await connect(endpoint=host.endpoint, reconnect=False))
        stream = await stack.enter_async_context(vitrine.stream("tryon.stream", {"layers": LAYERS}))
        await stream.push_frame(film(0), n=0, t_us=0)
        await anext_part(stream)
