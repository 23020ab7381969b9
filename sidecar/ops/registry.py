"""Which function answers which op."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..wire.ops import EchoArgs, SegmentArgs, TryOnPush, TryOnStillArgs, TryOnStreamArgs
from . import server, tryon, vision
from .context import Context


class Stream(Protocol):
    """The worker's state of one open B call."""

    def push(self, context: Context, push: Any) -> dict[str, Any]:
        """Answers one push with the body of a part; an empty map is no part."""

    def end(self, context: Context) -> dict[str, Any]:
        """Answers the call with the body of its done."""

    def close(self) -> None:
        """Forgets everything."""


@dataclass(frozen=True)
class Unary:
    """An op that answers once."""

    arguments: type[Any]
    run: Callable[[Context, Any], dict[str, Any]]


@dataclass(frozen=True)
class Streaming:
    """An op that takes pushes."""

    arguments: type[Any]
    pushes: type[Any]
    open: Callable[[Context, Any], Stream]


UNARY: dict[str, Unary] = {
    "server.echo": Unary(EchoArgs, server.echo),
    "vision.segment": Unary(SegmentArgs, vision.segment),
    "tryon.still": Unary(TryOnStillArgs, tryon.still),
}
STREAMS: dict[str, Streaming] = {
    "tryon.stream": Streaming(TryOnStreamArgs, TryOnPush, tryon.TryOnStream),
}
