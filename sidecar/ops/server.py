"""`server.echo` at an engine worker: what came goes back, pictures through private memory and a fresh slot."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from ..wire.ops import EchoArgs, Want
from . import pictures
from .context import Context


def echo(context: Context, args: EchoArgs) -> dict[str, Any]:
    """Answers `{data?, image?}` as given."""
    result: dict[str, Any] = {}
    if args.data is not None:
        result["data"] = args.data
    if args.image is not None:
        image = args.image
        if image.f in pictures.CHANNELS:
            pixels = context.raw(structs.replace(image, o="top"))  # the order of rows does not matter to an echo
            result["image"] = context.image(pixels, Want(f=image.f)) | {"o": image.o}
        else:
            data = bytes(context.payload(image))
            result["image"] = {"w": image.w, "h": image.h, "f": image.f, "o": image.o, "d": data}
    return result
