"""A profile of ONNX Runtime read as kernels on this machine's clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

MOST_BYTES = 64 * 2**20


class Kernel(NamedTuple):
    """One node's run: its operator and name, nanoseconds of `time.perf_counter_ns`."""

    name: str
    begin_ns: int
    end_ns: int


def profiled(session: Any, run: Callable[[], object], began_ns: Callable[[], int]) -> list[Kernel]:
    """Runs a session that was made with profiling on, and reads what it wrote: the kernels of this one run.

    The session is of no more use for profiling afterwards. The profile's own clock differs by platform; the run's
    beginning, which it tells too, ties it to ours.
    """
    begin_ns = began_ns()
    run()
    path = Path(session.end_profiling())
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b"[]"
    finally:
        path.unlink(missing_ok=True)
    return last_run(msgspec.json.decode(data, type=list[dict[str, Any]]), begin_ns)


def last_run(events: list[dict[str, Any]], begin_ns: int) -> list[Kernel]:
    """The kernels of the last run in a profile, which began at `begin_ns`."""
    runs = [event for event in events if event.get("name") == "model_run"]
    if not runs:
        return []
    last = max(runs, key=lambda event: int(event["ts"]))
    found = []
    for event in events:
        if event.get("cat") == "Node" and event["ts"] >= last["ts"] and str(event["name"]).endswith("_kernel_time"):
            start_ns = begin_ns + 1000 * (int(event["ts"]) - int(last["ts"]))
            kind = str(event.get("args", {}).get("op_name", ""))
            name = str(event["name"]).removesuffix("_kernel_time")
            found.append(Kernel(f"{kind} {name}"[:120], start_ns, start_ns + 1000 * int(event["dur"])))
    return found
