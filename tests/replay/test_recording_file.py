"""The file: what was put in comes out, and nothing that a file can hold does harm."""

from __future__ import annotations

import os
import random
import stat
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay.recordings import GLASSES, TOP, Studio, drawn, raw, shop

from sidecar.replay import pixels, reader, records
from sidecar.replay.describe import describe
from sidecar.replay.records import Failure, Header, NotARecording, Picture, Step
from sidecar.replay.tape import CannotRecord, Tape
from sidecar.wire import codec


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop(tmp_path_factory.mktemp("file") / "shop.vrec")


def read_pixels(recording: reader.Recording, step: Step, name: str = "image") -> Any:
    assert step.d is not None
    with reader.Pictures(recording) as pictures:
        head, data = pictures.read(step.d[name]["d"].number)
        return pixels.expand(head, data)


def test_what_was_recorded_is_read(file: Path) -> None:
    recording = reader.read(file)
    assert recording.damage == "" and recording.summary is not None
    assert (recording.summary.calls, recording.summary.frames, recording.summary.dropped) == (2, 6, 0)
    assert recording.header.models[0].name == "face-mesh"
    assert [model.p50_ms for model in recording.models["frame"]] == [3.5]
    (still,) = recording.calls["tryon.still"]
    assert (read_pixels(recording, still) == drawn(2)).all()
    assert [(take.layers, len(take.answers)) for take in recording.takes["tryon.stream"]] == [
        ([GLASSES], 3),
        ([TOP], 2),
        ([GLASSES], 1),
    ]
    frames = [step for take in recording.takes["tryon.stream"] for step in take.answers]
    for n, step in enumerate(frames):
        assert step.d is not None and step.d["n"] == n and step.d["confidence"] == 0.5
        assert (read_pixels(recording, step) == drawn(100 + n)).all()
    assert [step.service_us for step in frames[:3]] == [10_000, 11_000, 12_000]
    assert frames[0].at_us == 2_000 and frames[1].at_us == 12_000, "times of a stream count from its open"
    assert frames[0].tm == (1.0, 8.0, 1.0)


def test_the_pictures_that_were_sent_are_not_in_the_file_unless_asked_for(tmp_path: Path) -> None:
    for inputs, expected in ((False, 1), (True, 2)):
        studio = Studio(tmp_path / f"{inputs}.vrec", inputs=inputs)
        studio.open([GLASSES])
        studio.frame(0, drawn(1))
        studio.stop()
        recording = reader.read(studio.path)
        assert len(recording.pictures) == expected
        (take,) = recording.takes["tryon.stream"]
        sent = take.answers[0].a["image"]
        assert (sent["w"], sent["h"], sent["f"]) == (16, 12, "rgb8")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=8), values, max_size=5), st.none() | st.text(max_size=100))
def test_a_step_of_any_values_survives(given_: dict[str, Any], message: str | None) -> None:
    fail = None if message is None else Failure("bad_request", message, 5)
    step = Step(3, "shop.turn", "call", 12, 34, given_, (1.0, 2.0, 3.5), given_ if fail is None else None, fail)
    framed = records.pack_map(step)
    assert records.unpack_map(framed[records.HEAD_BYTES :]) == step


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 1), (1, 9), (33, 21)])
def test_pixels_survive_bit_by_bit(channels: int, size: tuple[int, int]) -> None:
    w, h = size
    for picture in (drawn(5, w=w, h=h, channels=channels), np.zeros((h, w, channels), np.uint8)):
        small = pixels.squeeze(picture.tobytes(), w, h, channels)
        head = Picture(pixels.SQUEEZED, channels, w, h)
        assert (pixels.expand(head, memoryview(small)) == picture).all()


def test_an_empty_overlay_takes_hardly_any_room() -> None:
    assert len(pixels.squeeze(bytes(640 * 480 * 4), 640, 480, 4)) < 10_000


# -- cut short and damaged -----------------------------------------------------------------------------------------


def test_cut_anywhere_it_loses_the_last_record_at_most(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    cut = tmp_path / "cut.vrec"
    with file.open("rb") as opened:
        places = list(records.places(opened, len(whole)))
    ends = [place.offset + place.length for place in places]
    edges = {edge + step for edge in (0, *ends) for step in (-1, 0, 1, records.HEAD_BYTES - 1, records.HEAD_BYTES)}
    edges |= set(random.Random(1).sample(range(len(whole)), 60))
    for length in sorted(edge for edge in edges if 0 <= edge < len(whole)):
        cut.write_bytes(whole[:length])
        if length < ends[0]:
            with pytest.raises(NotARecording):
                reader.read(cut)
            continue
        recording = reader.read(cut)
        assert "not ended in order" in recording.damage
        assert ("within a record" in recording.damage) == (length not in ends)
        whole_records = sum(end <= length for end in ends)
        assert len(recording.pictures) == sum(place.kind == records.PICTURE for place in places[:whole_records])


def test_a_flipped_bit_is_noticed_and_what_came_before_is_used(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    damaged = tmp_path / "damaged.vrec"
    chance = random.Random(3)
    noticed = 0
    for _ in range(300):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        damaged.write_bytes(data)
        try:
            recording = reader.read(damaged)
            with reader.Pictures(recording) as pictures:
                for number in range(len(recording.pictures)):
                    pixels.expand(*pictures.read(number))
            noticed += bool(recording.damage)
        except NotARecording:
            noticed += 1
    assert noticed == 300


def hostile(path: Path, *framed: bytes) -> Path:
    header = records.pack_map(Header("x", 0.0, []))
    path.write_bytes(records.start() + header + b"".join(framed))
    return path


def framed(kind: int, body: bytes) -> bytes:
    return struct.pack("<IIB", len(body), zlib.crc32(bytes((kind,)) + body), kind) + body


def step_with(d: dict[str, Any]) -> bytes:
    step = {"k": "step", "call": 0, "op": "tryon.still", "step": "call", "at_us": 0, "service_us": 0, "a": {}, "d": d}
    return framed(records.MAP, msgpack.packb(step))


@pytest.mark.parametrize(
    "body",
    [
        step_with({"image": msgpack.ExtType(1, bytes(16))}),  # a reference to shared memory
        step_with({"image": msgpack.ExtType(99, b"")}),
        step_with({"image": msgpack.ExtType(16, b"toolong")}),
        step_with({"x": float("nan")}),
        framed(records.MAP, msgpack.packb({"k": "step", "call": -1})),
        framed(records.MAP, msgpack.packb([1, 2])),
        framed(records.MAP, b"\xc1"),
        framed(records.MAP, b"\x81\xa1k" + b"\x91" * 100_000 + b"\xc0"),  # nested too deep
        framed(records.MAP, b"\xdd\x00\x98\x96\x80" + b"\x80" * 10_000_000),  # ten million maps
    ],
    ids=["reference", "extension", "short", "nan", "negative", "list", "never", "deep", "wide"],
)
def test_a_record_that_makes_no_sense_ends_the_reading(tmp_path: Path, body: bytes) -> None:
    good = step_with({"confidence": 1.0})
    recording = reader.read(hostile(tmp_path / "x.vrec", good, body, good))
    assert recording.damage.endswith("What came before is used.")
    assert len(recording.calls["tryon.still"]) == 1


def test_a_huge_length_takes_no_memory(tmp_path: Path) -> None:
    path = hostile(tmp_path / "x.vrec", struct.pack("<IIB", 2**32 - 1, 0, records.MAP), b"x" * 100)
    tracemalloc.start()
    recording = reader.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.damage and peak < 2_000_000


def test_a_picture_never_becomes_larger_than_it_says(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    for head in (Picture(pixels.SQUEEZED, 3, 10, 10), Picture(pixels.SQUEEZED, 3, 4096, 4097), Picture(9, 3, 1, 1)):
        tracemalloc.start()
        with pytest.raises(NotARecording):
            pixels.expand(head, memoryview(bomb))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
        tracemalloc.stop()
    for head in (Picture(pixels.AS_IS, 3, 10, 10), Picture(pixels.AS_IS, 2, 1, 1), Picture(pixels.SQUEEZED, 1, 0, 5)):
        with pytest.raises(NotARecording):
            pixels.expand(head, memoryview(b"ab"))


def test_other_files_are_no_recordings(tmp_path: Path) -> None:
    others = {"empty": b"", "text": b"hello\n" * 9, "magic": records.MAGIC, "png": b"\x89PNG\r\n\x1a\n"}
    for name, data in others.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(NotARecording, match="--record"):
            reader.read(path)
    newer = tmp_path / "newer"
    newer.write_bytes(records.MAGIC + struct.pack("<I", 2))
    with pytest.raises(NotARecording, match="version 2"):
        reader.read(newer)
    with pytest.raises(NotARecording, match="cannot be read"):
        reader.read(tmp_path / "absent")
    with pytest.raises(NotARecording, match="not a file"):
        reader.read(tmp_path)


def test_a_record_of_a_later_version_is_passed_over(tmp_path: Path) -> None:
    later = framed(7, b"?") + framed(records.MAP, codec.encode({"k": "weather", "sun": True}))
    recording = reader.read(hostile(tmp_path / "x.vrec", later, step_with({"confidence": 1.0})))
    assert len(recording.calls["tryon.still"]) == 1


def test_a_step_never_names_a_picture_that_comes_later(file: Path) -> None:
    """Cut at any record, every picture that is named is there."""
    seen = 0
    with file.open("rb") as opened:
        for place in records.places(opened, file.stat().st_size):
            if place.kind == records.PICTURE:
                seen += 1
                continue
            record = records.unpack_map(records.read_body(opened, place))
            if isinstance(record, Step) and record.d and "image" in record.d:
                assert int.from_bytes(record.d["image"]["d"].data, "big") < seen


def test_words_of_a_file_reach_no_terminal_as_commands(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "x.vrec")
    studio.open([{"product": "\x1b[2J\x07[red]" + "x" * 500}])
    studio.frame(0, drawn(1))
    studio.stop()
    (row,) = describe(reader.read(studio.path))["ops"]
    assert row["what"].startswith("?[2J?[red]x") and len(row["what"]) == 120


# -- making the file -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files to a user by the folder's rights")
def test_only_this_user_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        shop(tmp_path / "x.vrec")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.vrec").stat().st_mode) == 0o600


def test_a_file_that_exists_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "x.vrec"
    path.write_bytes(b"precious")
    path.chmod(0o644)
    with pytest.raises(CannotRecord, match="--force"):
        Tape.create(path)
    with pytest.raises(CannotRecord, match="--force"):
        Tape.check(path, force=False)
    assert path.read_bytes() == b"precious"
    Tape.create(path, force=True).end()
    assert path.read_bytes().startswith(records.MAGIC)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_force_does_not_write_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    (tmp_path / "link.vrec").symlink_to(target)
    with pytest.raises(CannotRecord):
        Tape.create(tmp_path / "link.vrec", force=True)
    assert target.read_bytes() == b"precious"


def test_a_folder_that_is_not_there_is_said_early(tmp_path: Path) -> None:
    with pytest.raises(CannotRecord, match="folder does not exist"):
        Tape.check(tmp_path / "no" / "x.vrec", force=False)
    with pytest.raises(CannotRecord, match="Record to another file"):
        Tape.create(tmp_path / "no" / "x.vrec")


def test_encoded_pictures_are_kept_as_they_are(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "x.vrec")
    png = {"w": 4, "h": 3, "f": "png", "o": "top", "d": b"\x89PNG not looked at"}
    studio.call("tryon.still", {"image": raw(drawn(1)), "layers": []}, {"image": png})
    studio.stop()
    recording = reader.read(studio.path)
    with reader.Pictures(recording) as pictures:
        head, data = pictures.read(0)
    assert head == Picture(pixels.AS_IS, 0, 4, 3) and bytes(data) == png["d"]
