"""A worker that has no models: it answers jobs from a recording. No clock, no socket; one thread at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from ..errors import Internal, NotFound, VitrineError, from_wire
from ..ops import pictures as wire_pictures
from ..ops import server as server_ops
from ..ops.context import Context, Scratch, wanted
from ..wire import codec
from ..wire.messages import ShmOffer
from ..wire.ops import EchoArgs, Want, WireImage
from ..wire.shm import Lane, open_lane
from . import live_input, pixels, values
from .match import Chooser, fit_of_call, fit_of_take
from .reader import Pictures, Recording, Take, has_frames, is_change
from .records import NotARecording, Picture, Step
from .values import Imprint, Kept

log = logging.getLogger("vitrine.replay")
Timings = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Job:
    """What the gateway hands to a worker: see `Handle.run`."""

    conn: int
    call: int
    step: str
    op: str
    raw: bytes
    grants: list[tuple[int, int]]
    image_px: int


@dataclass(frozen=True, slots=True)
class Played:
    """The answer to a job: its encoded body and the granted slots in it, or `error`; the milliseconds that decoding,
    inference and encoding took when it was recorded, and the seconds after which it came."""

    body: bytes = b""
    used: list[int] = field(default_factory=list)
    timings: Timings = (0.0, 0.0, 0.0)
    service_s: float = 0.0
    error: VitrineError | None = None


@dataclass(slots=True)
class _Stream:
    """A live stream: its options, what it wears, and how far it is in the stretch that is being played."""

    options: dict[str, Any]
    layers: Any
    take: Take
    position: int = 0


class Player:
    """Answers jobs of one lane. `loop`: begin again after the last answer of a stream instead of holding it.

    Every connection begins at the start of the recording, so that the same run gets the same answers.
    """

    def __init__(self, recording: Recording, *, loop: bool = False) -> None:
        self._recording = recording
        self._loop = loop
        self._pictures = Pictures(recording)
        self._scratch = Scratch()
        self._offers: dict[int, tuple[ShmOffer, int]] = {}
        self._lanes: dict[int, Lane | None] = {}
        self._streams: dict[tuple[int, int], _Stream] = {}
        self._choosers: dict[int, Chooser] = {}

    # -- what a worker is told -----------------------------------------------------------------------------------

    def attach(self, conn: int, offer: ShmOffer, identity: int) -> None:
        """A connection's mapping, opened when it is first needed."""
        self._offers[conn] = (offer, identity)

    def detach(self, conn: int) -> None:
        """The connection is gone: mapping, streams and its place in the recording go."""
        self._offers.pop(conn, None)
        self._choosers.pop(conn, None)
        for key in [key for key in self._streams if key[0] == conn]:
            del self._streams[key]
        if (lane := self._lanes.pop(conn, None)) is not None:
            lane.close()

    def close_stream(self, conn: int, call: int) -> None:
        """A B call is over."""
        self._streams.pop((conn, call), None)

    def close(self) -> None:
        """Lets go of the file and of every mapping."""
        for conn in list(self._lanes):
            self.detach(conn)
        self._pictures.close()

    def play(self, job: Job) -> Played:
        """Answers one job: the task boundary where anything unexpected is logged, not sent."""
        try:
            return self._play(job)
        except VitrineError as error:
            return Played(error=error)
        except NotARecording as error:
            log.error("%s", error)
            return Played(error=Internal("The recording is damaged at this place; record it again."))
        except Exception:
            log.exception("a job could not be replayed")
            return Played(error=Internal("Something went wrong here; the server's log has details."))

    # -- jobs ----------------------------------------------------------------------------------------------------

    def _play(self, job: Job) -> Played:
        message = codec.decode(job.raw) if job.raw else {}
        context = Context(
            models={},
            lane=lambda: self._lane(job.conn),
            grants=job.grants,
            scratch=self._scratch,
            stopped=lambda: False,
            image_px=job.image_px,
        )
        given = message.get("a" if job.step in ("call", "open") else "d", {})
        if job.op == "server.echo":
            return _echo(context, live_input.checked(given, EchoArgs))
        kinds = live_input.ARGUMENTS if job.step in ("call", "open") else live_input.PUSHES
        if job.op in kinds:
            live_input.checked(given, kinds[job.op])
        if job.step == "call":
            return self._call(job, context, given)
        if job.step == "open":
            return self._open(job, context, given)
        stream = self._streams.get((job.conn, job.call))
        if stream is None:
            raise NotFound("This call is not open here any more; open it again.")
        if job.step == "end":
            del self._streams[(job.conn, job.call)]
            end = stream.take.end
            return Played(codec.encode({})) if end is None else self._answer(context, end, {}, stream.options)
        return self._push(job, context, stream, given)

    def _call(self, job: Job, context: Context, given: dict[str, Any]) -> Played:
        live = live_input.imprinted(context, given, job.image_px)
        steps = self._recording.calls.get(job.op, [])
        step = self._chooser(job.conn).choose(
            steps, lambda item: fit_of_call(live, item), refused=lambda item: item.fail is not None
        )
        if step is None:
            raise _not_recorded(job.op)
        return self._answer(context, step, given, given)

    def _open(self, job: Job, context: Context, given: dict[str, Any]) -> Played:
        live = live_input.imprinted(context, given, job.image_px)
        options = {name: value for name, value in live.items() if name != "layers"}
        take = self._take(job, options, live.get("layers"))
        begun = _begun(take)
        if begun.error is None:
            self._streams[(job.conn, job.call)] = _Stream(options, live.get("layers"), take)
        return begun

    def _take(self, job: Job, options: dict[str, Any], layers: Any) -> Take:
        """The stretch that fits best; one without any answer is of no use."""
        takes = [take for take in self._recording.takes.get(job.op, []) if take.answers or take.refused]
        take = self._chooser(job.conn).choose(
            takes, lambda item: fit_of_take(options, layers, item), refused=lambda item: item.refused
        )
        if take is None:
            raise _not_recorded(job.op)
        return take

    def _push(self, job: Job, context: Context, stream: _Stream, given: dict[str, Any]) -> Played:
        if has_frames(job.op):
            live_input.check_frame(given)
        if "layers" in given and given["layers"] is not None:
            layers = live_input.imprinted(context, {"layers": given["layers"]}, job.image_px)["layers"]
            if layers != stream.layers:
                stream.layers, stream.position = layers, 0
                stream.take = self._take(job, stream.options, layers)
            if stream.take.refused or is_change(given):
                return _begun(stream.take)
        for picture in values.pictures_in(given.get("image")):
            live_input.read(context, picture, job.image_px)
        step = self._next(stream, job.op)
        return Played(codec.encode({})) if step is None else self._answer(context, step, given, stream.options)

    def _next(self, stream: _Stream, op: str) -> Step | None:
        answers = stream.take.answers
        if stream.position >= len(answers):
            if self._loop:
                stream.position = 0
            elif not has_frames(op):
                return None  # a last word is not said again
            else:
                stream.position = len(answers) - 1
        stream.position += 1
        return answers[stream.position - 1]

    # -- answers -------------------------------------------------------------------------------------------------

    def _answer(self, context: Context, step: Step, given: dict[str, Any], options: dict[str, Any]) -> Played:
        if step.fail is not None:
            return _refused(step)
        first = next(values.pictures_in(given), None)
        live = None if first is None else msgspec.convert(first, WireImage)
        d = self._with_pixels(step.d or {}, lambda form, kept: self._picture(context, form, kept, live, options))
        for name in ("n", "t_us"):  # these say which frame was answered: the live one
            if name in d and name in given:
                d[name] = given[name]
        return Played(codec.encode(d), context.used, step.tm, step.service_us / 1e6)

    def _with_pixels(self, value: Any, place: Callable[[dict[str, Any], Kept], dict[str, Any]]) -> Any:
        if isinstance(value, dict):
            kept = value.get("d")
            if isinstance(kept, Kept):
                return place(value, kept)
            return {name: self._with_pixels(item, place) for name, item in value.items()}
        if isinstance(value, list):
            return [self._with_pixels(item, place) for item in value]
        if isinstance(value, (Kept, Imprint)):
            raise NotARecording("The recording holds a picture where none can be; record it again.")
        return value

    def _picture(
        self, context: Context, form: dict[str, Any], kept: Kept, live: WireImage | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        """A recorded picture in the form that the live call wants, its size as recorded."""
        head, data = self._pictures.read(kept.number)
        recorded = _form(form, head)
        want = _want(recorded, live, options)
        if recorded.f == want.f and not head.channels:
            return {"w": recorded.w, "h": recorded.h, "f": want.f, "o": "top", "d": bytes(data)}
        if head.channels:
            stored = pixels.expand(head, data)
            upright = stored[::-1] if recorded.o == "bottom" else stored
        else:
            upright = wire_pictures.read(recorded, lambda: data, max_px=pixels.MOST_PIXELS)
        return context.image(np.asarray(upright, np.uint8), want)

    # -- connections ---------------------------------------------------------------------------------------------

    def _chooser(self, conn: int) -> Chooser:
        return self._choosers.setdefault(conn, Chooser(loop=self._loop))

    def _lane(self, conn: int) -> Lane | None:
        if conn not in self._lanes:
            offered = self._offers.get(conn)
            try:
                self._lanes[conn] = None if offered is None else open_lane(offered[0], identity=offered[1])
            except (OSError, ValueError):
                log.warning("a connection's shared memory cannot be opened")
                self._lanes[conn] = None
        return self._lanes[conn]


def _echo(context: Context, args: EchoArgs) -> Played:
    return Played(codec.encode(server_ops.echo(context, args)), context.used)


def _form(form: dict[str, Any], head: Picture) -> WireImage:
    """The recorded picture's form; it must be that of its record."""
    try:
        image = msgspec.convert(form | {"d": None}, WireImage)
    except msgspec.ValidationError as error:
        raise NotARecording("The recording holds a picture without a form; record it again.") from error
    if pixels.CHANNELS.get(image.f, 0) != head.channels or (head.channels and (image.w, image.h) != (head.w, head.h)):
        raise NotARecording("The recording holds a picture of another form than it says; record it again.")
    return image


def _want(recorded: WireImage, live: WireImage | None, options: dict[str, Any]) -> Want:
    """The form in which a worker would answer the live call; masks stay masks."""
    if recorded.f == "r8":
        return Want(f="r8", o=recorded.o if live is None else live.o)
    asked = options.get("want")
    if asked is not None:
        return msgspec.convert(asked, Want)
    if live is None:
        return Want(f=recorded.f, o=recorded.o)
    want = wanted(None, live)
    return Want(f="rgba8", o=want.o) if options.get("output") == "overlay" and want.f == "rgb8" else want


def _refused(step: Step) -> Played:
    assert step.fail is not None
    error = from_wire(step.fail.code, step.fail.msg, step.fail.retry_ms)
    return Played(service_s=step.service_us / 1e6, error=error)


def _begun(take: Take) -> Played:
    """What the open or the change of layers was answered with."""
    step = take.begin
    if step is None:
        return Played(codec.encode({}))
    return _refused(step) if step.fail is not None else Played(codec.encode({}), [], step.tm, step.service_us / 1e6)


def _not_recorded(op: str) -> NotFound:
    return NotFound(f"This recording holds no {op}; make one that does with: vitrine serve --record FILE")
