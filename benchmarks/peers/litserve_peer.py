"""LitServe: no batching, one inference worker, ZeroMQ between server and worker where the system has it.

Not `from __future__ import annotations`: LitServe hands the annotations of `decode_request` to FastAPI as they are, and
`bytes` from `Body` is what takes a raw body past its JSON and forms.
"""

import os
import sys
from typing import Annotated

import litserve
from fastapi import Body, Response

from .protocol import PORT
from .tryon_model import TryOn

OCTETS = "application/octet-stream"


class TryOnApi(litserve.LitAPI):
    """One worker process with the models."""

    def setup(self, device: str) -> None:
        """Loads the models; `device` is always the CPU."""
        self._tryon = TryOn()

    def decode_request(self, request: Annotated[bytes, Body(media_type=OCTETS)]) -> bytes:
        """The raw body."""
        return request

    def predict(self, x: bytes) -> bytes:
        """Dresses a frame, or sends a small body back."""
        return self._tryon.answer(x)

    def encode_response(self, output: bytes) -> Response:
        """The raw answer."""
        return Response(output, media_type=OCTETS)


def main() -> None:
    """Serves until the process is ended."""
    server = litserve.LitServer(
        TryOnApi(), accelerator="cpu", workers_per_device=1, timeout=False, fast_queue=sys.platform != "win32"
    )
    server.run(
        host="127.0.0.1", port=int(os.environ[PORT]), num_api_servers=1, generate_client_file=False,
        log_level="warning", access_log=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
