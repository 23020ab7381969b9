"""`vision.segment`: who is a person in a picture."""

from __future__ import annotations

from typing import Any

from ..errors import NotFound
from ..tryon import segment as segmentation
from ..wire.ops import SegmentArgs, Want
from .context import Context


def segment(context: Context, args: SegmentArgs) -> dict[str, Any]:
    """Answers `{mask}`: r8, the size of the picture, 255 where a person is, rows in the picture's order."""
    if args.what != "person":
        raise NotFound("This version segments a person only; set what to person.")
    pixels = context.rgb(args.image)
    context.check()
    with context.timed("infer"):
        mask = segmentation.person_mask(context.models["person-segmentation"], pixels)
    return {"mask": context.image(mask, Want(f="r8", o=args.image.o))}
