"""Writes the golden wire vectors that Python and C# both read: `python tests/golden/make.py`.

Values are written out by hand below, in the contract's key order; the bytes come from `msgpack` itself and not from
`sidecar.wire.codec`, so that a fault of the codec cannot hide in its own vectors. In the JSON, `{"$bin": hex}` is
binary, `{"$ref": [slot, length, sequence]}` a shared-memory reference, and a number with a point is a float64.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import msgpack

HERE = Path(__file__).parent
Json = dict[str, Any]


def binary(data: bytes) -> Json:
    return {"$bin": data.hex()}


def ref(slot: int, length: int, sequence: int) -> Json:
    return {"$ref": [slot, length, sequence]}


def pack(value: object) -> bytes:
    """msgpack bytes of a JSON-side value."""
    return bytes(msgpack.packb(_plain(value), use_bin_type=True))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        if set(value) == {"$bin"}:
            return bytes.fromhex(value["$bin"])
        if set(value) == {"$ref"}:
            return msgpack.ExtType(1, struct.pack(">IIQ", *value["$ref"]))
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


# Where msgpack's integer widths change, on both sides of each edge.
INTEGERS = [0, 1, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63]
INTEGERS += [2**64 - 1, -1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**53), -(2**63)]
FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 3.141592653589793, 1e-320, 1.7976931348623157e308, 9007199254740993.0]
TIMING = {"queue_ms": 0.25, "decode_ms": 1.5, "infer_ms": 12.0, "encode_ms": 0.0, "total_ms": 13.75}
ZH = "试穿这件红色连衣裙，要小一码"
RGB = bytes(range(12))


def image(data: object, w: int = 2, h: int = 2, f: str = "rgb8", o: str = "top") -> Json:
    return {"w": w, "h": h, "f": f, "o": o, "d": data}


def call(call_id: int, op: str, a: Json, **more: object) -> Json:
    return {"t": "call", "id": call_id, "op": op, "a": a, **more}


def _hellos() -> dict[str, Json]:
    least = {"t": "hello", "v": 1, "token": "T0k-en_", "client": {"name": "vectors", "version": "1.0"}}
    who = {"name": "商店", "version": "2022.3", "device": "Quest 3", "refresh_hz": 90.0}
    full = {"t": "hello", "v": 1, "token": "T" * 43, "client": who, "lang": "zh", "shm": True}
    return {
        "hello least": least,
        "hello full": {**full, "profile": {"id": "anna", "consent": True}},
        "hello without consent": {**least, "lang": "en", "shm": False, "profile": {"id": "ben", "consent": False}},
    }


def _calls() -> dict[str, Json]:
    echo = "server.echo"
    cases = {
        "call least": call(0, "server.stats", {}),
        "call every key": call(7, echo, {"where": "engine"}, budget_ms=11.1, prio="frame", key="mirror"),
        "call budget as an int": call(8, echo, {"where": "gateway"}, budget_ms=250, prio="batch"),
        "call highest id": call(2**32 - 1, "model.list", {}),
        "call integers": call(1, echo, {"data": INTEGERS}),
        "call floats": call(2, echo, {"data": FLOATS}),
        "call nothing true false": call(3, echo, {"data": [None, True, False, {}, [], "", binary(b"")]}),
        "call zh": call(4, "shop.understand", {"text": ZH, "颜色": ["红", "🧥", "a\u0000b"]}),
        "call image inline": call(5, echo, {"where": "engine", "image": image(binary(RGB))}),
        "call image by reference": call(6, echo, {"where": "engine", "image": image(ref(0, 12, 1), o="bottom")}),
        "call two references": call(
            9,
            "tryon.still",
            {"image": image(ref(7, 2**32 - 1, 2**64 - 1)), "layers": [{"image": image(ref(1, 12, 2)), "kind": "top"}]},
        ),
        "call still": call(
            10,
            "tryon.still",
            {
                "image": image(binary(b"\x89PNG\r\n\x1a\n"), 0, 0, "png"),
                "layers": [{"product": "sample-top-1", "size": "M", "colour": "red"}],
                "want": {"f": "rgba8", "o": "bottom"},
            },
        ),
        "call nested": call(11, echo, {"data": {"a": [{"b": [{"c": [[[[1]]]]}]}]}}),
    }
    for prio in ("frame", "voice", "chat", "render", "batch"):
        cases[f"call prio {prio}"] = call(12, "server.stats", {}, prio=prio)
    for size in (31, 32, 255, 256):  # where str8 and str16 begin; the 32-bit forms are tested without vectors
        cases[f"call string of {size}"] = call(13, echo, {"data": "x" * size})
    for size in (255, 256):
        cases[f"call binary of {size}"] = call(14, echo, {"data": binary(bytes(index & 0xFF for index in range(size)))})
    cases["call 15 items"] = call(15, echo, {"data": list(range(15))})
    cases["call 16 items"] = call(16, echo, {"data": list(range(16))})
    cases["call 16 keys"] = call(17, echo, {"data": {f"k{index}": index for index in range(16)}})
    return cases


def _inputs() -> dict[str, Json]:
    frame = {"n": 41, "t_us": 1_234_567_890, "image": image(ref(3, 921_600, 99), 640, 480)}
    pushes = {
        "push frame": {"t": "push", "id": 3, "d": frame},
        "push layers": {"t": "push", "id": 3, "d": {"layers": [{"product": "sample-glasses-2"}]}},
        "push audio": {"t": "push", "id": 4, "d": {"pcm": binary(struct.pack("<4h", 0, 1, -1, -32768))}},
        "push joints": {"t": "push", "id": 5, "d": {"hand": "left", "joints": binary(bytes(728)), "t_us": -5}},
        "push nothing": {"t": "push", "id": 6, "d": {}},
    }
    return pushes | {
        "end": {"t": "end", "id": 3},
        "cancel": {"t": "cancel", "id": 2**16},
        "free nothing, mapped": {"t": "free", "slots": []},
        "free slots": {"t": "free", "slots": [8, 15, 255]},
        "ping": {"t": "ping", "c0": 1_700_000_000_000_000},
        "ping before zero": {"t": "ping", "c0": -1},
        "pace": {"t": "pace", "refresh_hz": 72.0, "frame_ms": 13.9, "dropped": 2},
    }


def _answers() -> dict[str, Json]:
    who = {"name": "vitrine", "version": "0.1.0", "pid": 4321}
    limits = {"message_bytes": 33_554_432, "open_calls": 64, "image_px": 16_777_216}
    linux = {"name": "/proc/4321/fd/17", "bytes": 135_267_328, "slot_bytes": 8_454_208, "up": 8, "down": 8}
    windows = {**linux, "name": "Local\\vitrine-0123456789abcdef0123456789abcdef"}
    least: Json = {"t": "welcome", "v": 1, "session": "s1-00000000", "server": who, "ops": [], "limits": limits}
    ops = ["server.echo", "server.stats", "tryon.stream"]
    picture = image(ref(8, 1_228_800, 5), 640, 480, "rgba8")
    shown = {"n": 41, "t_us": 1_234_567_890, "image": picture, "confidence": 0.97}
    lost = {"n": 42, "t_us": 0, "confidence": 0.0, "reason": {"code": "no_person", "text": "画面里没有人"}}
    fail = {"t": "fail", "id": 1, "code": "overloaded", "msg": "Too much waits; try again."}
    return {
        "welcome least": least,
        "welcome linux": {**least, "ops": ops, "shm": linux},
        "welcome windows": {**least, "ops": ops, "shm": windows},
        "part frame": {"t": "part", "id": 3, "n": 0, "d": shown, "tm": TIMING},
        "part without a person": {"t": "part", "id": 3, "n": 300, "d": lost, "tm": TIMING},
        "part text": {"t": "part", "id": 4, "n": 1, "d": {"partial": ZH}, "tm": TIMING},
        "done nothing": {"t": "done", "id": 0, "d": {}, "tm": dict.fromkeys(TIMING, 0.0)},
        "done image inline": {"t": "done", "id": 5, "d": {"image": image(binary(RGB))}, "tm": TIMING},
        "done stream": {"t": "done", "id": 3, "d": {"frames_in": 90, "frames_out": 61, "superseded": 29}, "tm": TIMING},
        "done items": {"t": "done", "id": 2**32 - 1, "d": {"items": [{"label": "裙", "score": 0.5}]}, "tm": TIMING},
        "done integers": {"t": "done", "id": 6, "d": {"data": INTEGERS}, "tm": TIMING},
        "done floats": {"t": "done", "id": 6, "d": {"data": FLOATS}, "tm": TIMING},
        "fail with retry": {**fail, "retry_ms": 250},
        "free": {"t": "free", "slots": [0, 1, 7]},
        "pong": {"t": "pong", "c0": 5, "s1": 2**40, "s2": 2**40 + 7},
        "note model": {"t": "note", "topic": "model", "d": {"name": "pose-lite", "state": "loading", "progress": 0.5}},
        "note pressure": {"t": "note", "topic": "pressure", "d": {"level": 2, "what": "cpu"}},
        "note shutdown": {"t": "note", "topic": "shutdown", "d": {"in_ms": 500}},
        **{f"fail {code}": {"t": "fail", "id": 1, "code": code, "msg": "说一句话。"} for code in CODES},
    }


CODES = ["bad_request", "unauthorized", "unknown_op", "not_found", "model_loading", "deadline", "superseded"]
CODES += ["cancelled", "overloaded", "too_large", "unsafe_content", "unavailable", "internal"]


def messages() -> Json:
    """The content of `messages.json`."""
    sides = (("client", _hellos() | _calls() | _inputs()), ("server", _answers()))
    cases = [
        {"name": name, "from": side, "hex": pack(value).hex(), "value": value}
        for side, values in sides
        for name, value in values.items()
    ]
    return {"cases": cases}


def _write(name: str, content: Json) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    (HERE / name).write_bytes(text.encode())


if __name__ == "__main__":
    from refusals import refused  # beside this file

    _write("messages.json", messages())
    _write("refused.json", refused())
