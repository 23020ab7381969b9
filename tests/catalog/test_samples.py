"""The sample catalogue: whole, checked, drawn by the script that is said to draw it."""

from __future__ import annotations

from importlib import resources

import msgspec
import numpy as np
import pytest

from export.world.draw_samples import draw_all
from sidecar.catalog import samples
from sidecar.catalog.assets import SLEEVE_LEFT, SLEEVE_RIGHT, TORSO
from sidecar.errors import NotFound

IDS = ("sample-glasses-1", "sample-glasses-2", "sample-top-1", "sample-top-2")
FOLDER = resources.files("sidecar.catalog") / "pictures"


def test_the_four_products_are_there():
    assert tuple(samples.records()) == IDS
    kinds = {name: type(samples.record(name)) for name in IDS}
    assert [kinds[name] is samples.GlassesRecord for name in IDS] == [True, True, False, False]


@pytest.mark.parametrize("name", IDS)
def test_titles_sizes_and_colours(name):
    record = samples.record(name)
    assert record.title.zh and record.title.en
    assert len(record.colours) >= 3
    assert all(colour.title.zh and colour.title.en for colour in record.colours)
    column = [zones["width_mm" if "glasses" in name else "chest"] for zones in record.size_chart.values()]
    assert column == sorted(column)
    assert len(set(column)) == len(column)


def test_an_unknown_product_is_not_found():
    with pytest.raises(NotFound):
        samples.record("sample-hat-1")


@pytest.mark.parametrize("name", IDS)
def test_landmarks_lie_on_the_picture(name):
    record = samples.record(name)
    alpha = samples.picture(record.picture)[..., 3]
    if isinstance(record, samples.GlassesRecord):
        for x, y in (record.hinge_left, record.hinge_right, record.bridge):
            assert alpha[int(y), int(x)] > 128
        for x, y in (record.lens_left, record.lens_right):
            assert 0 < alpha[int(y), int(x)] < 250
        return
    places = msgspec.structs.asdict(record)["landmarks"]
    parts = samples.picture(record.parts)[..., 0]
    for side, bit in (("left", SLEEVE_LEFT), ("right", SLEEVE_RIGHT)):
        for pair in getattr(places, f"sleeve_{side}")[1:]:
            middle = np.mean(pair, axis=0).astype(int)
            inward = (np.array([320, 300]) - middle) * 0.04
            x, y = (middle + inward).astype(int)
            assert parts[y, x] & bit
    chest = np.add(places.armpit_left, places.armpit_right) / 2
    assert parts[int(chest[1]), int(chest[0])] == TORSO


def test_parts_cover_the_garment_and_share_the_armhole():
    for name in IDS[2:]:
        record = samples.record(name)
        alpha, parts = samples.picture(record.picture)[..., 3], samples.picture(record.parts)[..., 0]
        assert (parts[alpha > 32] > 0).mean() > 0.999
        shared = (parts & TORSO > 0) & (parts & (SLEEVE_LEFT | SLEEVE_RIGHT) > 0)
        assert 300 < shared.sum() < 12_000


def test_pictures_are_small_and_read_only():
    for item in FOLDER.iterdir():
        assert len(item.read_bytes()) <= 150_000
        picture = samples.picture(item.name)
        assert max(picture.shape[:2]) >= 320
        assert not picture.flags.writeable


def test_pictures_are_those_that_the_script_draws():
    for name, drawn in draw_all().items():
        kept = samples.picture(name)
        assert kept.shape == drawn.shape
        # Libraries differ by a grey level in antialiased edges.
        assert np.abs(kept.astype(int) - drawn).mean() < 0.05


def test_a_size_changes_the_ease():
    record = samples.record("sample-top-1")
    small, base, large = (samples.top_asset(record, size=size, rgb=None).ease for size in ("XS", "M", "XL"))
    assert (base.width, base.length, base.sleeve) == (1, 1, 1)
    assert small.width < 1 < large.width
    glasses = samples.record("sample-glasses-1")
    widths = [samples.glasses_asset(glasses, size=size, rgb=None).width_mm for size in ("S", "M", "L")]
    assert widths == sorted(widths)


def test_recolouring_keeps_prints_alpha_and_lenses():
    record = samples.record("sample-top-1")
    own = samples.top_asset(record, size="M", rgb=None).picture
    red = samples.top_asset(record, size="M", rgb=(200, 40, 40)).picture
    parts = samples.picture(record.parts)
    stripes = (parts[..., 1] == 0) & (parts[..., 2] == 255)
    fabric = (parts[..., 1] == 255) & (parts[..., 2] == 255)
    assert np.array_equal(own[..., 3], red[..., 3])
    assert np.abs(own[stripes].astype(int) - red[stripes]).max() <= 1
    assert np.abs(red[fabric][:, :3].mean(axis=0) - (185, 37, 37)).max() < 25
    glasses = samples.record("sample-glasses-2")
    own = samples.glasses_asset(glasses, size="M", rgb=None).front
    red = samples.glasses_asset(glasses, size="M", rgb=(178, 34, 40)).front
    x, y = (int(value) for value in glasses.lens_left)
    assert np.array_equal(own[y, x], red[y, x])
    x, y = (int(value) for value in glasses.hinge_left)
    assert red[y, x, 0] > red[y, x, 1] + 60


@pytest.mark.parametrize(
    "damage",
    [
        {"base_size": "XXL"},
        {"colours": []},
        {"size_chart": {"M": {"chest": 100, "length": 70}}},
        {"size_chart": {"M": {"chest": -1, "length": 70, "sleeve": 20}}},
        {"picture": "../secret.png"},
        {"landmarks": {}},
        {"kind": "hat"},
        {"surprise": 1},
    ],
)
def test_a_damaged_record_is_refused(damage):
    data = msgspec.to_builtins(samples.record("sample-top-1")) | damage
    with pytest.raises((msgspec.ValidationError, ValueError)):
        samples.check(msgspec.convert(data, samples.Record))
