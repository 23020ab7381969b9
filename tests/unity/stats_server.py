"""fake_server.py that also answers `server.stats`, as the sidecar does, and keeps what `pace` told."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import fake_server

STATS = {
    "version": "0.0.1",
    "uptime_s": 12.5,
    "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "workers": [{"name": "engine-1", "pid": 1, "state": "ready", "rss_bytes": 1000, "restarts": 0}],
    "sessions": 1,
    "queues": {"frame": 0},
    "models": [
        {"name": name, "state": "ready", "provider": f"{provider}ExecutionProvider", "precision": "fp16", "bytes": 10,
         "p50_ms": 2.5, "p95_ms": 3.5, "runs": runs}
        for name, provider, runs in (("pose-lite", "CPU", 3), ("parse", "DirectML", 700), ("text", "CPU", 0))
    ],
    "counters": {"calls": 1, "done": 1, "fail": {}, "frames_in": 0, "frames_out": 0, "superseded": 0},
}  # fmt: skip


class StatsPeer(fake_server.Peer):
    """Counts how often it was asked; `test.counts` tells the last pace too, in whole hertz and microseconds."""

    async def send(self, message: dict[str, Any]) -> None:
        if message["t"] == "welcome":
            message = {**message, "ops": [*message["ops"], "server.stats"]}
        await super().send(message)

    async def on_pace(self, message: dict[str, Any]) -> None:
        await super().on_pace(message)
        self.counts["pace_hz"] = round(message["refresh_hz"])
        self.counts["pace_us"] = round(message["frame_ms"] * 1000)
        self.counts["pace_dropped"] = self.counts.get("pace_dropped", 0) + message["dropped"]

    async def op_server_stats(self, call: int, a: dict[str, Any]) -> None:
        self.counts["stats"] = self.counts.get("stats", 0) + 1
        await self.done(call, STATS)


if __name__ == "__main__":
    fake_server.Peer = StatsPeer  # type: ignore[misc]
    asyncio.run(fake_server.main(Path(sys.argv[1])))
