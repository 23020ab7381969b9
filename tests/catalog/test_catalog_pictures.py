"""Picture and model files: only what our own encoder writes is kept, and what it wrote stays as it is."""

from __future__ import annotations

import io
import json
import os
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from sidecar.catalog import glb, picture_files
from sidecar.catalog.errors import CatalogError
from sidecar.catalog.glb import BadModel
from sidecar.catalog.picture_files import BadPicture, canonical
from sidecar.catalog.store import Catalog


def photo(width: int = 120, height: int = 80, channels: int = 3, seed: int = 3) -> np.ndarray:
    """Smooth colours with some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.dstack([(x * 2) % 256, (y * 3) % 256, (x + y) % 256] + [np.full_like(x, 255)] * (channels == 4))
    noisy = np.clip(base + rng.integers(-6, 7, base.shape), 0, 255).astype(np.uint8)
    if channels == 4:
        noisy[: height // 2, :, 3] = 0
    return noisy


def encoded(pixels: np.ndarray, form: str, **options) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, form, **options)
    return target.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("channels", [3, 4])
def test_what_is_kept_is_kept_for_good(form, channels):
    if form == "JPEG" and channels == 4:
        return
    own, suffix = canonical(encoded(photo(channels=channels), form))
    assert suffix == ("png" if channels == 4 else "jpg")
    assert canonical(own) == (own, suffix)
    near = np.abs(picture_files.pixels(own)[..., :channels].astype(int) - photo(channels=channels))
    assert near[photo(channels=channels)[..., -1] > 0].mean() < 4


def test_nothing_foreign_is_kept():
    own, _ = canonical(encoded(photo(), "PNG"))
    script = b"<script>alert(1)</script>"
    comment = own[:2] + b"\xff\xfe" + struct.pack(">H", len(script) + 2) + script + own[2:]
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", script.decode())
    exif = Image.Exif()
    exif[0x010E] = script.decode()
    for data in (
        own + script,
        comment,
        own[:-2] + b"\xff\xe1\x00\x04ab" + own[-2:],
        encoded(photo(), "JPEG", quality=90, exif=exif),
        encoded(photo(), "PNG", pnginfo=info),
        encoded(photo(channels=4), "PNG", pnginfo=info),
    ):
        cleaned, _ = canonical(data)
        assert cleaned != data and script not in cleaned and b"Exif" not in cleaned
        assert canonical(cleaned)[0] == cleaned


def test_pictures_are_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    upright = picture_files.pixels(canonical(encoded(photo(), "JPEG", exif=exif, quality=95))[0])
    assert upright.shape == (120, 80, 4)
    assert np.abs(upright[..., :3].astype(int) - np.rot90(photo(), -1)).mean() < 6


def test_other_colour_spaces_become_srgb():
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    plain = encoded(photo(), "JPEG", quality=95)
    for profile in (swapped.tobytes(), b"broken", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        shown = picture_files.pixels(canonical(encoded(photo(), "JPEG", quality=95, icc_profile=profile))[0])
        assert np.abs(shown.astype(int) - picture_files.pixels(canonical(plain)[0])).mean() < 3
    grey = encoded(photo()[..., 0], "PNG")
    assert canonical(grey)[1] == "jpg"


def test_large_pictures_are_made_smaller():
    own, _ = canonical(encoded(np.zeros((40, 3000, 3), np.uint8), "PNG"))
    assert picture_files.size(own) == (2048, 27)
    assert canonical(own)[0] == own


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is large and holds nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no JPEG"),
        (b"GIF89a" + bytes(100), "no JPEG"),
        (bomb(20_000, 20_000), "million pixels"),
        (bomb(2**31 - 1, 2**31 - 1), "pixels|large"),
        (bomb(100, 100), "damaged"),
        (bomb(4, 4), "smaller"),
        (b"\xff\xd8" + b"\xff\xda" * 100, "scans"),
        (bytes(picture_files.MAX_BYTES + 1), "larger than"),
    ],
)
def test_bad_pictures_are_refused_before_they_are_decoded(data, says):
    started = time.monotonic()
    with pytest.raises(BadPicture, match=says):
        canonical(data)
    assert time.monotonic() - started < 2


def test_damage_anywhere_is_a_bad_picture_or_none():
    chance = np.random.default_rng(5)
    for form in ("JPEG", "PNG", "WEBP"):
        data = encoded(photo(64, 48), form)
        for _ in range(60):
            spoilt = bytearray(data)
            for at in chance.integers(0, len(data), 4):
                spoilt[at] = chance.integers(0, 256)
            try:
                own, _suffix = canonical(bytes(spoilt[: chance.integers(1, len(data) + 1)]))
            except BadPicture:
                continue
            assert canonical(own)[0] == own


def test_the_store_names_files_by_what_they_hold(catalog: Catalog):
    name = catalog.files.add_picture(encoded(photo(), "PNG"))
    assert catalog.files.add_picture(catalog.files.read(name)) == name
    assert catalog.files.pixels(name).shape == (80, 120, 4)
    catalog.files.path(name).write_bytes(b"other")
    with pytest.raises(CatalogError, match="is damaged"):
        catalog.files.read(name)
    catalog.files.path(name).unlink()
    with pytest.raises(CatalogError, match="is gone"):
        catalog.files.read(name)
    for bad in ("../catalog.sqlite3", "a" * 64 + ".exe", name + "\n", ""):
        assert not catalog.files.has(bad)
        with pytest.raises(CatalogError):
            catalog.files.path(bad)


def test_what_a_killed_writer_left_is_swept(catalog: Catalog):
    name = catalog.files.add_pixels(photo())
    old, new = (catalog.files.path(name).with_name(f".part-{age}") for age in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    catalog.files.sweep()
    assert (old.exists(), new.exists(), catalog.files.has(name)) == (False, True, True)


def model(description: object = None, *, version: int = 2, extra: bytes = b"", binary: bytes = b"\0" * 8) -> bytes:
    """A GLB file."""
    text = json.dumps({"asset": {"version": "2.0"}} if description is None else description).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I", len(text)) + b"JSON" + text + struct.pack("<I", len(binary)) + b"BIN\0" + binary + extra
    return b"glTF" + struct.pack("<II", version, 12 + len(body)) + body


def test_models_are_kept(catalog: Catalog):
    name = catalog.files.add_model(model({"asset": {"version": "2.0"}, "buffers": [{"byteLength": 8}]}))
    assert name.endswith(".glb") and catalog.files.read(name) == model(
        {"asset": {"version": "2.0"}, "buffers": [{"byteLength": 8}]}
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"glTF",
        model(version=1),
        model()[:-4],
        model() + b"more",
        model(extra=b"\x08\0\0\0XXXX" + bytes(8)),
        model([]),
        model({"asset": {"version": "1.0"}}),
        model({"asset": {"version": "2.0"}, "buffers": [{"uri": "https://example.org/a.bin"}]}),
        model({"asset": {"version": "2.0"}, "images": [{"uri": "../a.png"}]}),
        model({"asset": {"version": "2.0"}, "images": "x"}),
        b"glTF" + struct.pack("<II", 2, 20) + struct.pack("<I", 4) + b"BIN\0",
    ],
)
def test_other_models_are_refused(data):
    with pytest.raises(BadModel):
        glb.check(data)
