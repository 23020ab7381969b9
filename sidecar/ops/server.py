"""`server.echo` at an engine worker: what came goes back, pictures in shared memory through a fresh slot."""

from __future__ import annotations

from typing import Any

from ..errors import BadRequest
from ..wire import codec
from ..wire.ops import EchoArgs
from .context import Context


def echo(context: Context, args: EchoArgs) -> dict[str, Any]:
    """Answers `{data?, image?}` as given."""
    result: dict[str, Any] = {}
    if args.data is not None:
        if codec.survey({"data": args.data}):
            raise BadRequest("Only an image's d may lie in shared memory.")
        result["data"] = args.data
    if args.image is not None:
        result["image"] = context.echo(args.image)
    return result
