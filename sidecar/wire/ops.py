"""The ops of the contract as data: how each answers, where it runs, and the typed arguments of those that exist.

Where it runs decides what may wait for what: `frame` ops have a worker to themselves, so that a frame never waits
behind chat or image work; a call's `prio` orders it within its lane and never moves it to another.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from .events import Kind
from .messages import Priority, Short

Lane = Literal["gateway", "frame", "general"]


class OpRule(Struct, frozen=True):
    """One op. `frames`: waiting input is replaced by newer input (latest wins). `models`: what must be loaded for it;
    `pack`: the install target that a `not_found` names; `pictures`: how many of its result may lie in shared memory."""

    kind: Kind
    lane: Lane
    prio: Priority
    frames: bool = False
    models: tuple[str, ...] = ()
    pack: str = ""
    pictures: int = 1


STREAM_MODELS = ("pose-detector", "pose-full", "face-detector", "face-mesh", "iris", "person-segmentation")
STILL_MODELS = STREAM_MODELS

OPS: dict[str, OpRule] = {
    "server.echo": OpRule("U", "frame", "frame"),
    "server.stats": OpRule("U", "gateway", "chat"),
    "model.list": OpRule("U", "gateway", "chat"),
    "model.load": OpRule("U", "gateway", "batch"),
    "model.unload": OpRule("U", "gateway", "batch"),
    "tryon.stream": OpRule("B", "frame", "frame", frames=True, models=STREAM_MODELS, pack="vision"),
    "tryon.still": OpRule("U", "general", "render", models=STILL_MODELS, pack="vision", pictures=4),
    "vision.segment": OpRule("U", "general", "render", models=("person-segmentation",), pack="vision"),
}

# Ops of the contract that this version does not answer yet: known names, no pack that could bring them.
LATER: dict[str, Kind] = {
    "tryon.fit": "U",
    "tryon.views": "S",
    "place.item": "U",
    "render.image": "S",
    "render.cutout": "U",
    "render.stylize": "U",
    "render.views": "S",
    "render.relief": "U",
    "vision.classify": "U",
    "vision.read": "U",
    "shop.understand": "U",
    "shop.complete": "U",
    "shop.search": "U",
    "shop.recommend": "U",
    "shop.compare": "U",
    "shop.event": "U",
    "shop.product": "U",
    "shop.describe": "S",
    "shop.guide": "S",
    "shop.turn": "S",
    "speech.listen": "B",
    "gesture.watch": "B",
    "user.export": "U",
    "user.erase": "U",
}

KINDS: dict[str, Kind] = {name: rule.kind for name, rule in OPS.items()} | LATER


Format = Literal["rgb8", "rgba8", "r8", "jpeg", "png", "webp"]
RowOrder = Literal["top", "bottom"]


class WireImage(Struct, frozen=True):
    """A picture as sent: `w`, `h` in pixels (0 allowed when encoded), `d` bytes or a shared-memory reference."""

    f: Format
    d: Any
    w: Annotated[int, Meta(ge=0, le=1 << 20)] = 0
    h: Annotated[int, Meta(ge=0, le=1 << 20)] = 0
    o: RowOrder = "top"


class Want(Struct, frozen=True):
    """The form in which pictures should come back."""

    f: Format
    o: RowOrder = "top"


class LayerArg(Struct, frozen=True):
    """One thing to try on: a product of the catalogue, or a picture with its kind."""

    product: Short | None = None
    image: WireImage | None = None
    kind: Short | None = None
    size: Short | None = None
    colour: Short | None = None


Layers = Annotated[list[LayerArg], Meta(min_length=0, max_length=8)]


class EchoArgs(Struct, frozen=True):
    """`server.echo`: whatever is given comes back."""

    where: Literal["gateway", "engine"] = "gateway"
    data: Any = None
    image: WireImage | None = None


class ModelArgs(Struct, frozen=True):
    """`model.load`, `model.unload`."""

    name: Short


class TryOnStreamArgs(Struct, frozen=True):
    """`tryon.stream`."""

    layers: Layers
    output: Literal["composite", "overlay"] = "composite"
    mirror: bool = False
    want: Want | None = None


class TryOnPush(Struct, frozen=True):
    """A push of `tryon.stream`: a frame (`n`, `t_us`, `image`), new `layers`, or both."""

    n: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    t_us: Annotated[int, Meta(ge=-(2**62), le=2**62)] | None = None
    image: WireImage | None = None
    layers: Layers | None = None


class TryOnStillArgs(Struct, frozen=True):
    """`tryon.still`."""

    image: WireImage
    layers: Layers
    want: Want | None = None


class SegmentArgs(Struct, frozen=True):
    """`vision.segment`; this version knows `person`."""

    image: WireImage
    what: Literal["person", "product", "clothes"] = "person"
