"""Messages between the gateway and a worker, and their framing on a stream socket.

Two sockets a worker: the data socket carries work and answers in order; the control socket carries only what must not
wait behind work (cancels, pressure), so that the worker's main thread can read, run and answer without a hop between
threads.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from ..engine.state import ModelState
from ..trace.spans import Span
from ..wire.messages import ShmOffer

_HEAD = struct.Struct("<I")
MAX_BYTES = 256 * 2**20


class Attach(Struct, frozen=True, array_like=True, tag="attach"):
    """A connection's mapping, to be opened by the worker when it first needs it."""

    conn: int
    offer: ShmOffer
    identity: int


class Detach(Struct, frozen=True, array_like=True, tag="detach"):
    """The connection is gone: its mapping and its streams go."""

    conn: int


class Run(Struct, frozen=True, array_like=True, tag="run"):
    """One job: the peer's whole message as read (`raw`), the server's slots that its pictures may use, and the longest
    side in pixels that a stream's pictures may have under pressure (0: as sent). `trace`: tell its spans (1), and its
    models' kernels (2)."""

    job: int
    conn: int
    call: int
    step: str
    op: str
    raw: bytes
    grants: list[tuple[int, int]]
    image_px: int
    max_side: int = 0
    trace: int = 0


class CloseStream(Struct, frozen=True, array_like=True, tag="close"):
    """The B call is over (cancelled or failed): forget its state."""

    conn: int
    call: int


class Load(Struct, frozen=True, array_like=True, tag="load"):
    """Load a model and warm it up."""

    job: int
    name: str


class Unload(Struct, frozen=True, array_like=True, tag="unload"):
    """Let a model go and say whether its memory came back."""

    job: int
    name: str


class CancelJob(Struct, frozen=True, array_like=True, tag="cancel"):
    """On the control socket: stop this job if it runs."""

    job: int


class Throttle(Struct, frozen=True, array_like=True, tag="throttle"):
    """On the control socket: compute for at most this share of the time, on this share of the cores (both 0..1)."""

    share: float
    cores: float


ToWorker = Attach | Detach | Run | CloseStream | Load | Unload | CancelJob | Throttle


class Ready(Struct, frozen=True, array_like=True, tag="ready"):
    """The worker is warm; `ort` names its ONNX Runtime and the providers that it could use."""

    pid: int
    ort: str
    providers: list[str]


class Models(Struct, frozen=True, array_like=True, tag="models"):
    """What is loaded, with latencies, and the GPU memory that the process holds."""

    models: list[ModelState]
    vram_bytes: int = 0


class Answer(Struct, frozen=True, array_like=True, tag="answer"):
    """A job's result: the encoded map `body`, the milliseconds it took, the granted slots that `body` refers to."""

    job: int
    body: bytes
    decode_ms: float
    infer_ms: float
    encode_ms: float
    used: list[int]
    last: bool = True


class Spans(Struct, frozen=True, array_like=True, tag="spans"):
    """What a traced job did, on which thread; comes before its answer. `more` spans were not kept."""

    job: int
    pid: int
    tid: int
    spans: list[Span]
    more: int


class Refused(Struct, frozen=True, array_like=True, tag="refused"):
    """A job's failure, in the contract's words."""

    job: int
    code: str
    msg: str
    retry_ms: int | None


FromWorker = Ready | Models | Answer | Refused | Spans

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def frame(message: ToWorker | FromWorker) -> bytes:
    """One message with its length in front."""
    body = _encoder.encode(message)
    return _HEAD.pack(len(body)) + body


class Splitter:
    """Cuts a byte stream back into messages. Raises `ValueError` on an impossible length."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Adds bytes and yields each whole message's body."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer)
            if length > MAX_BYTES:
                raise ValueError("a message between gateway and worker is impossibly long")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[_HEAD.size : end])
            del self._buffer[:end]
            yield body


def read_to_worker(body: bytes) -> ToWorker:
    """Decodes what the gateway sent."""
    return _to_worker.decode(body)


def read_from_worker(body: bytes) -> FromWorker:
    """Decodes what a worker sent."""
    return _from_worker.decode(body)
