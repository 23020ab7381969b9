"""The codec's limits: what it refuses, how cheaply, and that what it takes comes back byte for byte."""

from __future__ import annotations

import math
import struct
import time
import tracemalloc

import msgpack
import pytest

from sidecar.wire import codec
from sidecar.wire.messages import ShmRef

WIDTHS = [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, -1, -32, -33, -128, -129]
WIDTHS += [-32768, -32769, -(2**31), -(2**31) - 1, -(2**63)]


@pytest.mark.parametrize("number", WIDTHS)
def test_integers_take_the_shortest_form(number: int) -> None:
    data = codec.encode({"n": number})
    assert data == msgpack.packb({"n": number})
    assert codec.decode(data) == {"n": number}


@pytest.mark.parametrize("size", [0, 31, 32, 255, 256, 65535, 65536, 70000])
def test_texts_and_binaries_of_every_width(size: int) -> None:
    message = {"text": "x" * size, "data": bytes(size)}
    data = codec.encode(message)
    assert codec.decode(data) == message
    codec._skim(data)
    text, binary = codec.encode("x" * size), codec.encode(bytes(size))
    assert (len(text) - size, len(binary) - size) == (
        1 if size < 32 else 2 if size < 256 else 3 if size < 65536 else 5,
        2 if size < 256 else 3 if size < 65536 else 5,
    )


def test_a_reference_is_ext_1_big_endian() -> None:
    ref = ShmRef(0x01020304, 0x05060708, 0x090A0B0C0D0E0F10)
    data = codec.encode({"d": ref})
    assert data == b"\x81\xa1d\xd8\x01" + bytes(range(1, 17))
    assert codec.decode(data) == {"d": ref}
    assert type(codec.decode(data)["d"]) is ShmRef


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j, 2**64, -(2**63) - 1, {"a": {"b": object()}}])
def test_a_value_without_a_wire_form_is_an_error_and_leaves_nothing_behind(value: object) -> None:
    with pytest.raises((TypeError, OverflowError)):
        codec.encode({"first": "x" * 100, "value": value})
    assert codec.encode({"a": 1}) == b"\x81\xa1a\x01"


def test_encode_with_raw_equals_encoding_the_whole() -> None:
    d = {"image": {"w": 1, "h": 1, "f": "r8", "o": "top", "d": b"\x07"}, "confidence": 0.5}
    whole = codec.encode({"t": "part", "id": 70000, "n": 3, "d": d, "tm": {"total_ms": 1.0}})
    raw = codec.encode_with_raw({"t": "part", "id": 70000, "n": 3}, "d", codec.encode(d), {"tm": {"total_ms": 1.0}})
    assert raw == whole


MALFORMED = [b"", b"\xc0", b"\x93\x01\x02\x03", b"\xc1", b"\x80\x80", b"\x81", b"\x81\xa1a", b"\xa1a", b"\x81\x01\x02"]
MALFORMED += [b"\x81\xc4\x01a\x01", b"\x81\xa1\xff\x01", b"\x81\xa1a\xa2\xc3\x28", b"\xdf\xff\xff\xff\xff"]
MALFORMED += [b"\xdd\xff\xff\xff\xff"]
MALFORMED += [b"\x81\xa1a\xc6\xff\xff\xff\xff", b"\x81\xa1a\xdb\xff\xff\xff\xff", b"\x81\xa1a\xc9\xff\xff\xff\xff\x01"]
MALFORMED += [b"\x81\x80\x01", b"\x81\x90\x01", b"\x81\xa1a\xc7\x00\xff", b"\x81\xa1a\xd6\xff\xff\xff\xff"]


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed(data: bytes) -> None:
    with pytest.raises(codec.Malformed):
        codec.decode(data)


@pytest.mark.parametrize("depth", [100, 1000, 10_000, 1_000_000])
@pytest.mark.parametrize("opener", [b"\x91", b"\x81\xa0"])
def test_depth_bombs_end_in_an_error_of_ours(depth: int, opener: bytes) -> None:
    data = b"\x81\xa1a" + opener * depth + b"\xc0"
    with pytest.raises((codec.Malformed, codec.BadValue)):
        codec.survey(codec.decode(data))


@pytest.mark.parametrize("filler", [b"\x80", b"\x90", b"\xc0", b"\xa0"])
def test_a_bomb_of_many_values_costs_neither_memory_nor_time(filler: bytes) -> None:
    count = 8 * 2**20
    data = b"\x81\xa1a\xdd" + struct.pack(">I", count) + filler * count
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(codec.Malformed):
        codec.decode(data)
    took_s, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
    assert took_s < 1.0


def test_a_map_bomb_is_refused_as_well() -> None:
    count = 2**20
    with pytest.raises(codec.Malformed):
        codec.decode(b"\xdf" + struct.pack(">I", count) + (b"\xa1a\x80") * count)


def test_a_large_picture_is_no_bomb() -> None:
    message = {"t": "call", "a": {"image": {"d": bytes(16 * 2**20)}}}
    assert codec.decode(codec.encode(message)) == message


@pytest.mark.parametrize("cut", [1, 5, 20_000])
def test_a_large_message_cut_short_or_with_a_tail(cut: int) -> None:
    data = codec.encode({"d": bytes(40_000)})
    for wrong in (data[:-cut], data + bytes(cut)):
        with pytest.raises(codec.Malformed):
            codec.decode(wrong)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("wrap", [lambda v: {"a": v}, lambda v: {"a": [0.0, [v]]}, lambda v: {"a": {"b": {"c": v}}}])
def test_survey_refuses_what_is_not_finite(number: float, wrap) -> None:  # type: ignore[no-untyped-def]
    value = codec.decode(codec.encode(wrap(number)))
    with pytest.raises(codec.BadValue):
        codec.survey(value)


def test_survey_refuses_nan_of_32_bits() -> None:
    with pytest.raises(codec.BadValue):
        codec.survey(codec.decode(b"\x81\xa1a\xca\x7f\xc0\x00\x00"))


@pytest.mark.parametrize("code", [0, 2, 5, 127, -1, -128])
@pytest.mark.parametrize("size", [0, 1, 4, 15, 16, 17, 40])
def test_survey_refuses_unknown_extensions(code: int, size: int) -> None:
    data = codec.encode({"a": [msgpack.ExtType(code, bytes(size))]}) if code >= 0 else None
    if data is None:
        data = b"\x81\xa1a\x91\xc7" + bytes((size, code & 0xFF)) + bytes(size)
    with pytest.raises((codec.BadValue, codec.Malformed)):
        codec.survey(codec.decode(data))


@pytest.mark.parametrize("size", [0, 8, 15, 17])
def test_survey_refuses_a_reference_of_another_size(size: int) -> None:
    with pytest.raises(codec.BadValue):
        codec.survey(codec.decode(codec.encode({"a": msgpack.ExtType(1, bytes(size))})))


def test_survey_refuses_keys_that_are_no_strings() -> None:
    with pytest.raises(codec.BadValue):
        codec.survey(codec.decode(b"\x81\xa1a\x81\xc4\x01k\x01"))


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def test_survey_knows_its_limits() -> None:
    assert codec.survey(nested(codec.MAX_DEPTH)) == []
    with pytest.raises(codec.BadValue):
        codec.survey(nested(codec.MAX_DEPTH + 1))
    assert codec.survey([0] * (codec.MAX_NODES - 1)) == []
    with pytest.raises(codec.BadValue):
        codec.survey([0] * codec.MAX_NODES)


def test_survey_lists_references_in_order() -> None:
    refs = [ShmRef(index, 1, 1) for index in range(5)]
    value = {"image": {"d": refs[0]}, "layers": [{"d": refs[1]}, [refs[2]]], "x": {"y": [refs[3], refs[4]]}}
    assert codec.survey(value) == refs
