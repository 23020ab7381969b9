"""Pictures that are not what they say: refused by their header, with flat memory, and a right answer for the next."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from integration.rawpeer import RawPeer
from integration.running import Sidecar
from PIL import Image

pytestmark = pytest.mark.usefixtures("neighbour")


@pytest.fixture(scope="module")
def client(shared_sidecar: Sidecar) -> Iterator[RawPeer]:
    with shared_sidecar.client() as peer:
        yield peer


def raw(w: int, h: int, f: str, d: object, o: str = "top") -> dict[str, Any]:
    return {"w": w, "h": h, "f": f, "o": o, "d": d}


def encoded(form: str, d: object, w: int = 0, h: int = 0) -> dict[str, Any]:
    return {"w": w, "h": h, "f": form, "o": "top", "d": d}


def picture(form: str, size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, form, **options)
    return file.getvalue()


def refused(client: RawPeer, image: dict[str, Any]) -> str:
    """The code that every op that looks at pixels gives."""
    answer = client.ask("vision.segment", {"image": image, "what": "person"})
    assert answer["t"] == "fail", answer
    assert answer["msg"] and "/" not in answer["msg"] and "Error" not in answer["msg"]
    return str(answer["code"])


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (raw(4, 4, "bgr8", b"x" * 48), "bad_request"),
        (raw(4, 4, "", b"x" * 48), "bad_request"),
        (raw(4, 4, "rgb8", b"x" * 47), "bad_request"),
        (raw(4, 4, "rgb8", b"x" * 49), "bad_request"),
        (raw(4, 4, "rgba8", b"x" * 48), "bad_request"),
        (raw(4, 4, "r8", b"x" * 48), "bad_request"),
        (raw(4, 4, "rgb8", b""), "bad_request"),
        (raw(0, 4, "rgb8", b""), "bad_request"),
        (raw(4, 0, "rgb8", b""), "bad_request"),
        (raw(-4, -4, "rgb8", b"x" * 48), "bad_request"),
        (raw(4, 4, "rgb8", "x" * 48), "bad_request"),
        (raw(4, 4, "rgb8", [0] * 48), "bad_request"),
        (raw(4, 4, "rgb8", None), "bad_request"),
        (raw(4, 4, "rgb8", b"x" * 48, o="left"), "bad_request"),
        ({"w": 4, "h": 4, "f": "rgb8", "o": "top"}, "bad_request"),
        (raw(2**20, 2**20, "rgb8", b"x" * 48), "too_large"),
        (raw(65536, 65536, "r8", b""), "too_large"),
        (raw(2**31, 2, "rgb8", b"x" * 48), "bad_request"),
        (raw(2**32, 2**32, "rgb8", b""), "bad_request"),
        (raw(2**63, 1, "rgb8", b""), "bad_request"),
        (raw(4.0, 4, "rgb8", b"x" * 48) | {"w": 4.5}, "bad_request"),  # type: ignore[arg-type]
        (encoded("png", picture("PNG"), w=2**20, h=2**20), "too_large"),
        (encoded("jpeg", b""), "bad_request"),
        (encoded("png", b"\x89PNG\r\n\x1a\n"), "bad_request"),
        (encoded("webp", b"RIFF\x00\x00\x00\x00WEBP"), "bad_request"),
        (encoded("jpeg", picture("PNG")), "bad_request"),
        (encoded("png", picture("JPEG")), "bad_request"),
        (encoded("webp", picture("GIF")), "bad_request"),
        (encoded("jpeg", np.random.default_rng(2).bytes(5000)), "bad_request"),
    ],
    ids=lambda value: f"{value['w']}x{value['h']} {value['f']}" if isinstance(value, dict) else value,
)
def test_a_picture_that_is_not_what_it_says(client: RawPeer, image: dict[str, Any], code: str) -> None:
    assert refused(client, image) == code


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.97])
def test_a_truncated_picture_is_bad_request(client: RawPeer, form: str, kept: float) -> None:
    data = picture(form)
    assert refused(client, encoded(form.lower(), data[: int(len(data) * kept)])) == "bad_request"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_corrupted_picture_harms_nothing(client: RawPeer, form: str) -> None:
    data = picture(form)
    chance = np.random.default_rng(3)
    for _ in range(20):
        broken = bytearray(data)
        for position in chance.integers(0, len(data), 12):
            broken[position] = int(chance.integers(0, 256))
        answer = client.ask("vision.segment", {"image": encoded(form.lower(), bytes(broken)), "what": "person"})
        assert answer["t"] == "done" or answer["code"] in ("bad_request", "too_large"), answer


# -- bombs: a few bytes that would become gigabytes ------------------------------------------------------------------


def png_bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = zlib.compress(b"\x00" * 20_000_000, 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    data = picture("PNG", (8, 8))
    body = b"note\x00\x00" + zlib.compress(b"\x00" * 500_000_000, 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    return data[:33] + chunk + data[33:]


def jpeg_bomb(width: int, height: int) -> bytes:
    data = bytearray(picture("JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_scans() -> bytes:
    """A progressive picture of allowed size whose scans repeat: each costs the decoder a whole pass over it."""
    data = picture("JPEG", (256, 256), progressive=True)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xc4", first) if b"\xff\xc4" in data[first:] else data.index(b"\xff\xda", first + 2)
    return data[:second] + data[first:second] * 500 + data[second:]


def webp_bomb() -> bytes:
    """An extended header that announces the largest canvas of the format around a tiny picture."""
    inner = picture("WEBP", (8, 8))[12:]
    canvas = (16383 - 1).to_bytes(3, "little") * 2
    body = b"VP8X" + struct.pack("<I", 10) + b"\x00\x00\x00\x00" + canvas + inner
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


BOMBS = {
    "png 30000x30000": ("png", png_bomb(30_000, 30_000), "too_large"),
    "png 4097x4097": ("png", png_bomb(4097, 4097), "too_large"),
    "jpeg 5000x4000": ("jpeg", jpeg_bomb(5000, 4000), "too_large"),
    "png 2^31-1": ("png", png_bomb(2**31 - 1, 2**31 - 1), "too_large"),
    "jpeg 65500x65500": ("jpeg", jpeg_bomb(65_500, 65_500), "too_large"),
    "jpeg of 500 scans": ("jpeg", jpeg_of_scans(), "bad_request"),
    "webp 16383x16383": ("webp", webp_bomb(), "too_large bad_request"),  # some decoders see that the inside is smaller
    "png zTXt": ("png", png_text_bomb(), "bad_request"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_flat_memory(server: Sidecar, client: RawPeer, name: str) -> None:
    form, data, code = BOMBS[name]
    refused(client, encoded(form, b""))  # whatever the first decode of a process loads
    worker = server.worker("general")
    before = worker.memory_info().rss
    for _ in range(3):
        assert refused(client, encoded(form, data)) in code.split()
    assert worker.memory_info().rss - before < 24 * 2**20
    assert server.worker("general").pid == worker.pid


# -- and right ones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_an_encoded_picture_is_read(client: RawPeer, form: str) -> None:
    answer = client.ask("vision.segment", {"image": encoded(form.lower(), picture(form))})
    mask = answer["d"]["mask"]
    assert (mask["w"], mask["h"], mask["f"], len(mask["d"])) == (64, 48, "r8", 64 * 48)


@pytest.mark.parametrize(("turn", "size"), [(1, (64, 48)), (3, (64, 48)), (6, (48, 64)), (8, (48, 64))])
def test_exif_orientation_is_applied(client: RawPeer, turn: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    answer = client.ask("vision.segment", {"image": encoded("jpeg", picture("JPEG", exif=exif.tobytes()))})
    assert (answer["d"]["mask"]["w"], answer["d"]["mask"]["h"]) == size


def test_rows_from_the_bottom_are_the_same_picture_upside_down(client: RawPeer) -> None:
    pixels = np.zeros((6, 5, 3), np.uint8)
    pixels[:3] = 255
    top = raw(5, 6, "rgb8", pixels.tobytes())
    bottom = raw(5, 6, "rgb8", pixels[::-1].tobytes(), "bottom")
    for image in (top, bottom):
        assert client.ask("server.echo", {"where": "engine", "image": image})["d"]["image"] == image
    masks = [client.ask("vision.segment", {"image": image})["d"]["mask"] for image in (top, bottom)]
    rows = [np.frombuffer(mask["d"], np.uint8).reshape(6, 5) for mask in masks]
    assert [mask["o"] for mask in masks] == ["top", "bottom"] and np.array_equal(rows[0], rows[1][::-1])
