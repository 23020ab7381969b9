"""The shared-memory lane: what a reader refuses, that nobody can pull the memory away, and slots that come back."""

from __future__ import annotations

import multiprocessing
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from sidecar.errors import BadRequest
from sidecar.wire.messages import ShmOffer, ShmRef
from sidecar.wire.shm import HEADER, Lane, SlotPool, create_lane, open_lane

SLOT = 4096
UP, DOWN = 3, 2


@pytest.fixture
def lanes() -> Iterator[tuple[Lane, Lane]]:
    """The server's lane and the client's, over one mapping."""
    server = create_lane(slot_bytes=SLOT, up=UP, down=DOWN)
    client = open_lane(server.offer, identity=server.identity)
    yield server, client
    client.close()
    server.close()


def test_what_one_end_writes_the_other_reads(lanes: tuple[Lane, Lane]) -> None:
    server, client = lanes
    for slot, payload in ((0, b""), (1, b"x"), (UP + DOWN - 1, os.urandom(SLOT - HEADER))):
        ref = client.write(slot, slot + 1, payload)
        assert ref == ShmRef(slot, len(payload), slot + 1)
        assert server.read(ref) == payload
        assert client.read(server.write(slot, slot + 2, payload)) == payload


def test_the_layout_is_the_contracts(lanes: tuple[Lane, Lane]) -> None:
    server, client = lanes
    client.write(1, 0x1122334455667788, b"abc")
    raw = bytes(server._view[SLOT : 2 * SLOT])
    assert struct.unpack_from("<QI", raw) == (0x1122334455667788, 3)
    assert raw[64:67] == b"abc"
    assert server.capacity == SLOT - 64


def test_a_payload_filled_in_place_is_not_readable_before_its_seal(lanes: tuple[Lane, Lane]) -> None:
    server, client = lanes
    old = client.write(0, 1, b"old")
    view = client.payload(0, 3)
    view[:] = b"new"
    for ref in (old, ShmRef(0, 3, 0), ShmRef(0, 3, 2)):
        with pytest.raises(BadRequest):
            server.read(ref)
    assert server.read(client.seal(0, 2, 3)) == b"new"


@pytest.mark.parametrize(
    "ref",
    [
        ShmRef(0, 5, 6),  # an older use of the slot
        ShmRef(0, 5, 8),  # one that has not happened
        ShmRef(0, 5, 0),
        ShmRef(0, 4, 7),
        ShmRef(0, 6, 7),
        ShmRef(1, 5, 7),  # another slot
        ShmRef(UP + DOWN, 5, 7),
        ShmRef(2**32 - 1, 5, 7),
        ShmRef(0, SLOT - HEADER + 1, 7),
        ShmRef(UP + DOWN - 1, SLOT, 7),
        ShmRef(0, 2**32 - 1, 7),
    ],
)
def test_stale_and_outlying_references_are_bad_requests(lanes: tuple[Lane, Lane], ref: ShmRef) -> None:
    server, client = lanes
    client.write(0, 7, b"hello")
    with pytest.raises(BadRequest):
        server.read(ref)
    assert server.read(ShmRef(0, 5, 7)) == b"hello"


class Tearing:
    """Private memory whose filling is interrupted by the peer: `meanwhile` runs once the bytes are copied."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def __setitem__(self, index: slice, value: memoryview) -> None:
        bytes(value)
        self._meanwhile()


@pytest.mark.parametrize("meanwhile", ["new use", "write begun", "length", "nothing"])
def test_a_slot_written_during_the_copy_is_a_bad_request(lanes: tuple[Lane, Lane], meanwhile: str) -> None:
    server, client = lanes
    ref = client.write(0, 1, b"first")
    steps: dict[str, Callable[[], object]] = {
        "new use": lambda: client.write(0, 2, b"other"),
        "write begun": lambda: client.payload(0, 5),
        "length": lambda: client.seal(0, 1, 4),
        "nothing": lambda: None,
    }
    out: Any = Tearing(steps[meanwhile])
    if meanwhile == "nothing":
        server.read_into(ref, out)
        return
    with pytest.raises(BadRequest):
        server.read_into(ref, out)


def rewrite(offer: ShmOffer, seconds: float) -> None:
    """Another process that writes one slot over and over, in breach of its ownership."""
    lane = open_lane(offer)
    until, sequence = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        sequence += 1
        lane.write(0, sequence, bytes((sequence % 251,)) * lane.capacity)
    lane.close()


def test_a_reader_beside_a_writing_process_never_gets_a_mixture() -> None:
    server = create_lane(slot_bytes=256 * 1024, up=1, down=1)
    writer = multiprocessing.get_context("spawn").Process(target=rewrite, args=(server.offer, 1.0))
    writer.start()
    whole = refused = 0
    out = bytearray(server.capacity)
    while writer.is_alive():
        (sequence,) = struct.unpack_from("<Q", server._view, 0)
        try:
            server.read_into(ShmRef(0, server.capacity, sequence), memoryview(out))
        except BadRequest:
            refused += 1
            continue
        whole += 1
        assert out.count(out[0]) == len(out)
        assert out[0] == sequence % 251
    writer.join(10)
    server.close()
    assert writer.exitcode == 0
    assert whole and refused


@pytest.mark.parametrize(
    ("slot", "sequence", "size"), [(-1, 1, 1), (UP + DOWN, 1, 1), (0, 0, 1), (0, -1, 1), (0, 1, SLOT - HEADER + 1)]
)
def test_a_writer_cannot_leave_its_slot(lanes: tuple[Lane, Lane], slot: int, sequence: int, size: int) -> None:
    with pytest.raises(ValueError):
        lanes[0].write(slot, sequence, bytes(size))


@pytest.mark.parametrize(
    "change",
    [
        {"slot_bytes": HEADER},
        {"slot_bytes": 0},
        {"slot_bytes": -SLOT},
        {"up": 0, "down": 0},
        {"up": -1, "down": 0},
        {"up": UP + 1},
        {"bytes": SLOT},
        {"bytes": 2**40, "slot_bytes": 2**38},
        {"bytes": SLOT * (UP + DOWN) * 2},
        {"name": "/etc/passwd"},
        {"name": "/proc/self/fd/0"},
        {"name": "/proc/1/fd/../../../etc/passwd"},
        {"name": "/proc/1/fd/3\n"},
        {"name": "Global\\vitrine"},
        {"name": ""},
    ],
    ids=str,
)
def test_an_impossible_offer_is_not_mapped(lanes: tuple[Lane, Lane], change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, OSError)):
        open_lane(structs.replace(lanes[0].offer, **change))


def test_a_name_that_stands_for_another_mapping_is_not_mapped(lanes: tuple[Lane, Lane]) -> None:
    with pytest.raises(ValueError):
        open_lane(lanes[0].offer, identity=lanes[0].identity + 1)


if sys.platform != "win32":
    import fcntl

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def descriptor(lane: Lane) -> int:
        return os.open(lane.offer.name, os.O_RDWR)

    def test_the_memory_can_neither_shrink_nor_grow(lanes: tuple[Lane, Lane]) -> None:
        handle = descriptor(lanes[0])
        try:
            for size in (0, SLOT, lanes[0].offer.bytes * 2):
                with pytest.raises(PermissionError):
                    os.ftruncate(handle, size)
            seals = fcntl.fcntl(handle, fcntl.F_GET_SEALS)
            assert seals & fcntl.F_SEAL_SHRINK and seals & fcntl.F_SEAL_GROW
        finally:
            os.close(handle)

    @pytest.mark.parametrize("kind", ["unsealed", "short", "plain file", "pipe"])
    def test_memory_that_could_vanish_is_not_mapped(
        lanes: tuple[Lane, Lane], kind: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        size = lanes[0].offer.bytes
        if kind == "plain file":
            path = tmp_path_factory.mktemp("plain") / "memory"
            path.write_bytes(bytes(size))
            handle = os.open(path, os.O_RDWR)
        elif kind == "pipe":
            handle, other = os.pipe()
            os.close(other)
        else:
            handle = os.memfd_create("test", os.MFD_ALLOW_SEALING)
            os.ftruncate(handle, size if kind == "unsealed" else size - 1)
            if kind == "short":
                fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        before = descriptors()
        try:
            with pytest.raises((ValueError, OSError)):
                open_lane(structs.replace(lanes[0].offer, name=f"/proc/{os.getpid()}/fd/{handle}"))
            assert descriptors() == before
        finally:
            os.close(handle)

    def test_closing_leaves_no_descriptor_and_no_mapping() -> None:
        before = descriptors()
        for _ in range(5):
            server = create_lane(slot_bytes=SLOT, up=1, down=1)
            client = open_lane(server.offer)
            client.write(0, 1, b"x")
            client.close()
            server.close()
        assert descriptors() == before
        assert "memfd:vitrine" not in Path("/proc/self/maps").read_text()


# -- slots -------------------------------------------------------------------------------------------------------


def test_slots_go_out_once_and_come_back_once() -> None:
    pool = SlotPool(range(4, 6))
    first, second = pool.take(), pool.take()
    assert first is not None and second is not None
    assert {first[0], second[0]} == {4, 5} and pool.take() is None and pool.free == 0
    pool.give_back([4, 4, 4, 99, 0])
    assert pool.free == 1
    again = pool.take()
    assert again is not None and again[0] == 4 and pool.take() is None
    pool.give_back([5, 4])
    pool.give_back([5, 4])
    assert pool.free == 2


def test_sequences_rise_per_slot_and_are_never_zero() -> None:
    pool = SlotPool(range(3))
    seen: dict[int, int] = dict.fromkeys(range(3), 0)
    for _ in range(100):
        taken = pool.take()
        assert taken is not None
        slot, sequence = taken
        assert sequence > seen[slot]
        seen[slot] = sequence
        pool.give_back([slot])
