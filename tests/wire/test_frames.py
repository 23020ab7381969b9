"""The short cut around the WebSocket library, held against the library."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri
from websockets.utils import apply_mask

from sidecar.wire import frames

LENGTHS = [0, 1, 2, 125, 126, 127, 200, 4096, 16_000]


def as_a_server_reads(data: bytes) -> list[bytes]:
    protocol = ServerProtocol(state=OPEN, max_size=None)
    protocol.receive_data(data)
    return [bytes(event.data) for event in protocol.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_clients_frame_is_what_the_library_reads(length: int) -> None:
    message = bytes(range(256)) * 64
    data = frames.client_frame(message[:length], b"\x01\x80\xff\x37", apply_mask)
    assert as_a_server_reads(data) == [message[:length]]
    assert frames.split(data, unmask=apply_mask) == [message[:length]]
    assert len(data) == frames.frame_bytes(length, masked=True)


@pytest.mark.parametrize("length", [*LENGTHS, 65_535, 65_536, 1 << 20])
def test_a_servers_head_is_the_librarys(length: int) -> None:
    message = b"x" * length
    expected = Frame(Opcode.BINARY, message).serialize(mask=False)
    assert frames.server_head(length) + message == expected
    assert len(expected) == frames.frame_bytes(length, masked=False)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8), st.binary(min_size=4, max_size=4))
@settings(max_examples=200, derandomize=True)
def test_several_frames_in_one_read(messages: list[bytes], mask: bytes) -> None:
    from_client = b"".join(frames.client_frame(m, mask, apply_mask) for m in messages)
    assert frames.split(from_client, unmask=apply_mask) == messages
    assert frames.split(b"".join(frames.server_head(len(m)) + m for m in messages), unmask=None) == messages


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=400))
@settings(max_examples=200, derandomize=True)
def test_a_frame_cut_short_is_left_to_the_library(message: bytes, cut: int) -> None:
    data = frames.client_frame(message, b"abcd", apply_mask)
    assert frames.split(data[: max(1, len(data) - cut)], unmask=apply_mask) is None


@given(st.binary(min_size=1, max_size=64))
@settings(max_examples=500, derandomize=True)
def test_arbitrary_bytes_never_raise_and_agree_with_the_library(data: bytes) -> None:
    found = frames.split(data, unmask=apply_mask)
    if found is not None:
        assert as_a_server_reads(data) == found


@pytest.mark.parametrize(
    "data",
    [
        Frame(Opcode.TEXT, b"text").serialize(mask=True),
        Frame(Opcode.PING, b"ping").serialize(mask=True),
        Frame(Opcode.BINARY, b"first", fin=False).serialize(mask=True),
        Frame(Opcode.BINARY, b"large" * 4000).serialize(mask=True),
        Frame(Opcode.BINARY, b"no mask").serialize(mask=False),
        b"\xc2\x84abcdabcd",  # a reserved bit is set
    ],
)
def test_what_is_not_a_small_whole_binary_frame_of_a_client_is_left_to_the_library(data: bytes) -> None:
    assert frames.split(data, unmask=apply_mask) is None
    assert frames.split(frames.client_frame(b"first", b"abcd", apply_mask) + data, unmask=apply_mask) is None


def test_a_mask_from_a_server_is_left_to_the_library() -> None:
    assert frames.split(frames.client_frame(b"masked", b"abcd", apply_mask), unmask=None) is None
    client = ClientProtocol(parse_uri("ws://127.0.0.1:1/v1"), state=OPEN)
    client.receive_data(frames.client_frame(b"masked", b"abcd", apply_mask))
    assert client.parser_exc is not None
