"""Ray Serve on loopback: one replica with the models, in a thread of its own so that its event loop goes on.

Ray takes an address on the network for its own unless it believes itself on a desktop system; the harness says so in
the environment (RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0), and then every part of it stays on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ray
from ray import serve
from ray.serve.config import HTTPOptions
from ray.serve.schema import LoggingConfig
from starlette.requests import Request
from starlette.responses import Response

from .protocol import PORT
from .tryon_model import TryOn

OCTETS = "application/octet-stream"
STORE_BYTES = 256 * 2**20
AT_ONCE = 1000  # so that requests wait where the models are, not at the proxy


@serve.deployment(num_replicas=1, max_ongoing_requests=AT_ONCE)
class Peer:
    """The replica."""

    def __init__(self) -> None:
        self._tryon = TryOn()
        self._models = ThreadPoolExecutor(1)

    async def __call__(self, request: Request) -> Response:
        """Dresses a frame, or sends a small body back."""
        body = await request.body()
        if request.url.path == "/echo":
            return Response(body, media_type=OCTETS)
        answer = await asyncio.get_running_loop().run_in_executor(self._models, self._tryon.answer, body)
        return Response(answer, media_type=OCTETS)


def main() -> None:
    """Serves until the process is ended."""
    ray.init(
        address="local", include_dashboard=False, num_cpus=2, object_store_memory=STORE_BYTES, log_to_driver=False,
        _temp_dir=str(Path.cwd() / "ray"),
    )  # fmt: skip
    quiet = LoggingConfig(enable_access_log=False, log_level="WARNING")
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=int(os.environ[PORT])), logging_config=quiet)
    serve.run(Peer.bind(), blocking=False)
    threading.Event().wait()


if __name__ == "__main__":
    main()
