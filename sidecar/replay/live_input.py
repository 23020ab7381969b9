"""What comes from a live client, checked and taken as a worker would."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import BadRequest
from ..ops import pictures as wire_pictures
from ..ops.context import Context
from ..wire.ops import EchoArgs, SegmentArgs, TryOnPush, TryOnStillArgs, TryOnStreamArgs, WireImage
from . import pixels, values
from .values import Imprint

ARGUMENTS: dict[str, type[Any]] = {
    "server.echo": EchoArgs,
    "tryon.still": TryOnStillArgs,
    "tryon.stream": TryOnStreamArgs,
    "vision.segment": SegmentArgs,
}
PUSHES: dict[str, type[Any]] = {"tryon.stream": TryOnPush}


def checked(given: Any, kind: type[Any]) -> Any:
    """The arguments in their types, or `BadRequest` in a worker's words."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(f"An argument is not valid: {error}.") from error


def check_frame(given: dict[str, Any]) -> None:
    """What a worker says to a push that is no frame."""
    if given.get("image") is None:
        if given.get("layers") is None:
            raise BadRequest("A push of tryon.stream holds an image, layers, or both.")
    elif given.get("n") is None or given.get("t_us") is None:
        raise BadRequest("A frame needs n and t_us.")


def read(context: Context, picture: dict[str, Any], image_px: int) -> memoryview:
    """The bytes of a live picture, taken as a worker would: checked first, then copied out of its slot."""
    image: WireImage = checked(picture, WireImage)
    if image.f in wire_pictures.CHANNELS or not isinstance(image.d, bytes):
        wire_pictures.check_raw(image, max_px=image_px)
    return context.payload(image)


def imprinted(context: Context, given: dict[str, Any], image_px: int) -> dict[str, Any]:
    """Live arguments in the shape of recorded ones: each picture by its form and its imprint."""

    def imprint(picture: dict[str, Any]) -> dict[str, Any]:
        data = read(context, picture, image_px)
        form = {"w": picture.get("w", 0), "h": picture.get("h", 0), "f": picture["f"], "o": picture.get("o", "top")}
        return form | {"d": Imprint(pixels.digest(data))}

    result: dict[str, Any] = values.map_pictures(given, imprint)
    return result
