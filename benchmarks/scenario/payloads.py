"""What the calls and frames of a stream carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sidecar.client import Result
from sidecar.demo.frames import Pixels

from ..frames import Bank
from .spec import Load

Arguments = dict[str, Any]
Film = Callable[[int], Pixels]


def film() -> Film:
    """The `n`-th frame of an endless film; what it needs is drawn before any clock runs."""
    return Bank().frame


def opening(load: Load) -> Arguments:
    """`a` of the call that opens a stream of frames."""
    return {"layers": _layers(load)}


def unary(load: Load, film: Film) -> Callable[[int], Arguments]:
    """`a` of the `n`-th call."""
    if load.op == "server.echo":
        if load.side is not None:
            picture = np.random.default_rng(load.side).integers(0, 255, (load.side, load.side, 4), np.uint8)
            return lambda n: {"where": load.where, "image": picture}
        return lambda n: {"where": load.where, "data": _numbered(n, load.bytes)}
    picture = film(0)
    if load.op == "vision.segment":
        return lambda n: {"image": picture}
    return lambda n: {"image": picture, "layers": _layers(load)}


def right(load: Load, n: int, result: Result) -> bool:
    """Whether an answer is the one to call `n`, as far as it can be told cheaply."""
    if load.op == "server.echo" and load.side is None:
        return bool(result.d.get("data") == _numbered(n, load.bytes))
    return bool(result.d)


def _layers(load: Load) -> list[dict[str, str]]:
    return [{"product": product} for product in load.layers]


def _numbered(n: int, size: int) -> bytes:
    number = n.to_bytes(8, "little")
    return (number * (size // 8 + 1))[:size]
