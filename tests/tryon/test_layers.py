"""From what a client asks to wear to what can be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from sidecar.catalog import samples
from sidecar.tryon import silhouette
from sidecar.tryon.glasses import PreparedGlasses
from sidecar.tryon.layers import BadLayer, UnknownProduct, from_picture, from_product, resolve
from sidecar.tryon.top import PreparedTop


def on_white(name):
    picture = samples.picture(name)
    alpha = picture[..., 3:] / 255.0
    flat = np.rint(picture[..., :3] * alpha + 250 * (1 - alpha)).astype(np.uint8)
    wide = np.pad(flat, ((40, 40), (60, 60), (0, 0)), constant_values=250)
    return np.dstack([wide, np.full(wide.shape[:2], 255, np.uint8)])


def test_products_become_layers():
    layer = from_product("sample-top-1", size="l", colour="rose")
    assert layer.kind == "top"
    assert layer.size == "L"
    assert isinstance(layer.asset, PreparedTop)
    assert layer.asset.asset.ease.width > 1
    assert isinstance(from_product("sample-glasses-1").asset, PreparedGlasses)


def test_resolve_takes_one_or_the_other():
    picture = on_white("sample-top-1.png")
    assert resolve(product="sample-top-2").kind == "top"
    assert resolve(image=picture, kind="top").asset is not None
    for arguments in ({}, {"image": picture}, {"product": "sample-top-1", "image": picture, "kind": "top"}):
        with pytest.raises(BadLayer):
            resolve(**arguments)


def test_what_is_not_there():
    with pytest.raises(UnknownProduct):
        from_product("sample-hat-1")
    layer = from_product("sample-top-1", size="9XL")
    assert layer.asset is None
    assert layer.reason.code == "bad_size"
    with pytest.raises(BadLayer):
        from_product("sample-top-1", colour="plaid")
    with pytest.raises(BadLayer):
        from_picture(on_white("sample-top-1.png"), "shoes")


@pytest.mark.parametrize("colour", ["#ff0000", "sky", "cream", None])
def test_colours(colour):
    assert from_product("sample-top-1", colour=colour).asset is not None


@pytest.mark.parametrize("name", ["sample-top-1", "sample-top-2"])
@pytest.mark.parametrize("plain", [True, False])
def test_landmarks_are_found_in_the_outline(name, plain):
    """Against the record's own, in the picture as cropped."""
    picture = on_white(f"{name}.png") if plain else samples.picture(f"{name}.png")
    found = silhouette.top(picture)
    record = samples.record(name).landmarks
    alpha = samples.picture(f"{name}.png")[..., 3] > 96
    corner = np.array([np.flatnonzero(alpha.any(axis=0))[0], np.flatnonzero(alpha.any(axis=1))[0]])
    scale = found.picture.shape[1] / np.ptp(np.flatnonzero(alpha.any(axis=0)))
    own = found.landmarks
    for place in ("neck_left", "neck_centre", "neck_right", "shoulder_left", "armpit_left", "armpit_right", "hem_left"):
        expected = (np.array(getattr(record, place)) - corner) * scale
        assert np.linalg.norm(np.array(getattr(own, place)) - expected) < 0.07 * found.picture.shape[1], place
    assert len(own.sleeve_left) == len(record.sleeve_left)
    assert len(own.sleeve_right) == len(record.sleeve_right)


def test_pictures_that_are_no_garment_are_refused():
    rng = np.random.default_rng(0)
    opaque = np.full((300, 300, 1), 255, np.uint8)
    noise = np.dstack([rng.integers(0, 255, (300, 300, 3), dtype=np.uint8), opaque])
    disc = np.zeros((300, 300, 4), np.uint8)
    y, x = np.mgrid[0:300, 0:300]
    disc[np.hypot(x - 150, y - 150) < 100] = (90, 90, 200, 255)
    blank = np.full((300, 300, 4), 255, np.uint8)
    empty = np.zeros((300, 300, 4), np.uint8)
    for picture in (noise, disc, blank, empty, empty[:3, :3], on_white("sample-glasses-1.png")):
        layer = from_picture(picture, "top")
        assert layer.asset is None
        assert layer.reason.code == "no_assets"
    for picture in (noise, disc, blank, empty, empty[:1, :1], on_white("sample-top-1.png")):
        assert from_picture(picture, "glasses").reason.code == "no_assets"


def test_glasses_lenses_stay_clear_on_a_plain_background():
    found = silhouette.glasses(on_white("sample-glasses-1.png"))
    x, y = (int(value) for value in found.lens_left)
    assert found.front[y, x, 3] < 128
    assert found.front[..., 3].max() == 255
