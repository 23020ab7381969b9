"""BentoML: raw bodies as root input, one worker process, frames in its one thread, the echo in its event loop.

`bentoml serve` imports it; annotations stay objects, as BentoML reads them.
"""

from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from .tryon_model import TryOn

Octets = Annotated[bytes, ContentType("application/octet-stream")]


@bentoml.service(
    name="vitrine_peer", workers=1, threads=1, traffic={"timeout": 300}, logging={"access": {"enabled": False}}
)
class Peer:
    """The models, and an API for each kind of call."""

    def __init__(self) -> None:
        self._tryon = TryOn()

    @bentoml.api
    async def echo(self, body: Octets, /) -> Octets:
        """Sends the body back."""
        return body

    @bentoml.api
    def frame(self, body: Octets, /) -> Octets:
        """Dresses one frame."""
        return self._tryon.answer(body)
