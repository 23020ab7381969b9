"""`tryon.stream` and `tryon.still`: from wire arguments to the try-on domain and back."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import BadRequest, Cancelled, NotFound
from ..tryon import layers as wardrobe
from ..tryon.session import Stopped, TryOnSession
from ..tryon.still import try_on_still
from ..wire.ops import LayerArg, TryOnPush, TryOnStillArgs, TryOnStreamArgs, Want
from . import pictures
from .context import Context, wanted


class TryOnStream:
    """The worker's state of one open `tryon.stream`: the tracker's memory of this person, the layers, the options."""

    def __init__(self, context: Context, args: TryOnStreamArgs) -> None:
        self._options = args
        self._session = TryOnSession(context.models)
        self._session.set_layers(_layers(context, args.layers))

    def push(self, context: Context, push: TryOnPush) -> dict[str, Any]:
        """Answers a frame with `{n, t_us, image, confidence, reason?, fit?}`; new layers alone answer nothing."""
        if push.layers is not None:
            self._session.set_layers(_layers(context, push.layers))
        if push.image is None:
            if push.layers is None:
                raise BadRequest("A push of tryon.stream holds an image, layers, or both.")
            return {}
        if push.n is None or push.t_us is None:
            raise BadRequest("A frame needs n and t_us.")
        pixels = pictures.within(context.rgb(push.image), context.max_side)
        context.check()
        overlay = self._options.output == "overlay"
        try:
            with context.timed("infer"):
                result = self._session.frame(
                    pixels, push.t_us, output=self._options.output, mirror=self._options.mirror,
                    should_stop=context.stopped,
                )
        except Stopped as error:
            raise Cancelled("The call was cancelled.") from error
        want = wanted(self._options.want, push.image)
        if overlay and self._options.want is None:
            want = Want(f="rgba8" if want.f == "rgb8" else want.f, o=want.o)
        body = {"n": push.n, "t_us": push.t_us, "image": context.image(result.image, want)}
        return body | _verdict(result)

    def end(self, context: Context) -> dict[str, Any]:
        """Answers the end; the gateway counts frames."""
        return {}

    def close(self) -> None:
        """Forgets the person."""
        self._session.close()


def still(context: Context, args: TryOnStillArgs) -> dict[str, Any]:
    """Answers `{image, confidence, reason?, fit?, masks?}`."""
    pixels = context.rgb(args.image)
    layers = _layers(context, args.layers)
    context.check()
    try:
        with context.timed("infer"):
            result = try_on_still(context.models, pixels, layers, should_stop=context.stopped)
    except Stopped as error:
        raise Cancelled("The call was cancelled.") from error
    body: dict[str, Any] = {"image": context.image(result.image, wanted(args.want, args.image))} | _verdict(result)
    if result.masks:
        masks = Want(f="r8", o=args.image.o)
        body["masks"] = {name: context.image(mask, masks) for name, mask in result.masks.items()}
    return body


def _verdict(result: Any) -> dict[str, Any]:
    verdict: dict[str, Any] = {"confidence": float(result.confidence)}
    if result.reason is not None:
        verdict["reason"] = msgspec.to_builtins(result.reason)
    if result.fit is not None:
        verdict["fit"] = msgspec.to_builtins(result.fit)
    return verdict


def _layers(context: Context, args: list[LayerArg]) -> list[wardrobe.Layer]:
    return [_layer(context, arg) for arg in args]


def _layer(context: Context, arg: LayerArg) -> wardrobe.Layer:
    if (arg.product is None) == (arg.image is None):
        raise BadRequest("A layer names a product, or holds an image and its kind.")
    try:
        if arg.product is not None:
            return wardrobe.from_product(arg.product, size=arg.size, colour=arg.colour)
        assert arg.image is not None
        if arg.kind is None:
            raise BadRequest("A layer with an image needs its kind: glasses or top.")
        return wardrobe.from_picture(context.rgba(arg.image), arg.kind)
    except wardrobe.UnknownProduct as error:
        raise NotFound(str(error)) from error
    except wardrobe.BadLayer as error:
        raise BadRequest(str(error)) from error
