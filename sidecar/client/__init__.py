"""The reference asyncio client.

    async with await connect() as vitrine:
        result = await vitrine.call("server.echo", {"where": "gateway"})

    async with vitrine.stream("tryon.stream", {"layers": [{"product": "sample-glasses-1"}]}) as stream:
        await stream.push_frame(rgb, n=0, t_us=0)
        async for part in stream:
            show(part["image"].pixels)

Numpy arrays (H, W, 1|3|4) of uint8 anywhere in the arguments travel as pictures, through shared memory where there is
some; pictures in results come back as `Picture`. Errors are those of `sidecar.errors`. One event loop, one thread.
"""

from __future__ import annotations

from ..endpoint import Endpoint, NoServer, UntrustedEndpoint, read_endpoint
from .connection import Clock
from .pictures import Picture, Result
from .stream import Stream
from .vitrine import Vitrine, connect

__all__ = [
    "Clock",
    "Endpoint",
    "NoServer",
    "Picture",
    "Result",
    "Stream",
    "UntrustedEndpoint",
    "Vitrine",
    "connect",
    "read_endpoint",
]
