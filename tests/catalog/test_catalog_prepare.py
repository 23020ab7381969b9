"""Preparing by outline: places where they are, sure only where it can be, and a person's work never touched."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from catalog.shop_pictures import on_ground

from sidecar.catalog import cutout, sample_shop, samples
from sidecar.catalog.assets import SLEEVE_LEFT, SLEEVE_RIGHT, TORSO, GlassesAsset, TopAsset
from sidecar.catalog.errors import CatalogError
from sidecar.catalog.landmarks import FRAME, LAYOUTS, LENS, top_places
from sidecar.catalog.outline import CEILING, OutlinePreparer
from sidecar.catalog.preparing import Finding, prepare, save
from sidecar.catalog.store import Catalog
from sidecar.catalog.wearables import wearable
from sidecar.errors import NotFound
from sidecar.tryon import glasses, silhouette, top

OUTLINE = OutlinePreparer(top=silhouette.top, glasses=silhouette.glasses)


def rgba(pixels: np.ndarray) -> np.ndarray:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


@pytest.mark.parametrize("name", ["sample-top-1", "sample-top-2"])
@pytest.mark.parametrize("ground", [(250, 250, 250), (214, 222, 230), (20, 20, 24)])
def test_places_of_a_top_are_found_where_they_are(name, ground):
    found = OUTLINE(rgba(on_ground(f"{name}.png", ground)), "top")
    assert found is not None
    truth = top_places(samples.record(name).landmarks)
    width = truth["armpit_right"][0] - truth["armpit_left"][0]
    errors = {n: np.hypot(*np.subtract(found.landmarks[n], np.add(place, 60))) / width for n, place in truth.items()}
    assert found.landmarks.keys() == truth.keys()
    assert np.median(list(errors.values())) < 0.04
    assert max(errors.values()) < 0.16, errors
    drawn = np.pad(samples.picture(f"{name}.parts.png")[..., 0], 60)
    for bit in (TORSO, SLEEVE_LEFT, SLEEVE_RIGHT):
        ours, theirs = found.parts & bit > 0, drawn & bit > 0
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.85, bit
    assert (found.alpha[found.parts == 0] == 0).all()
    assert 0.6 < found.confidence <= CEILING


def test_stripes_in_the_colour_of_the_ground_are_no_holes():
    picture = on_ground("sample-top-1.png", (240, 234, 220))  # the cream of the tee itself
    cut = cutout.alpha_of(rgba(picture), see_through=False)
    assert cut is not None
    alpha, _ = cut
    inside = samples.picture("sample-top-1.png")[..., 3] == 255
    assert (alpha[60:-60, 60:-60][cv2.erode(inside.astype(np.uint8), np.ones((31, 31))) > 0] == 255).mean() > 0.8


def test_lenses_of_glasses_are_seen_through():
    found = OUTLINE(rgba(on_ground("sample-glasses-1.png", (255, 255, 255))), "glasses")
    assert found is not None
    truth = samples.record("sample-glasses-1")
    for place in ("lens_left", "lens_right"):
        x, y = np.add(getattr(truth, place), 60).astype(int)
        assert found.alpha[y, x] < 60 and found.parts[y, x] == LENS
        assert np.hypot(*np.subtract(found.landmarks[place], (x, y))) < 25
    x, y = np.add(truth.bridge, 60).astype(int)
    assert found.parts[y, x] == FRAME
    assert found.side is not None


def blot(*, seed: int) -> np.ndarray:
    """A shape that is no garment."""
    picture = np.full((400, 400, 3), 255, np.uint8)
    points = np.random.default_rng(seed).integers(30, 370, (7, 1, 2)).astype(np.int32)
    cv2.fillPoly(picture, [points], (40, 60, 120))
    return picture


def test_it_leaves_what_it_cannot_tell():
    noise = np.random.default_rng(2).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    portrait = cv2.imread(str(Path(samples.__file__).parent / "portrait" / "astronaut.png"))
    for picture in (noise, portrait, np.full((300, 300, 3), 255, np.uint8)):
        for kind in ("top", "glasses"):
            assert OUTLINE(rgba(picture), kind) is None
    sure = [found.confidence for seed in range(40) if (found := OUTLINE(rgba(blot(seed=seed)), "top"))]
    assert len(sure) < 30
    assert max(sure, default=0) < 0.6  # below what a sound garment gets


def test_a_tilted_garment_is_less_sure():
    straight = on_ground("sample-top-2.png", (250, 250, 250))
    turn = cv2.getRotationMatrix2D((380, 380), 14, 0.9)
    tilted = cv2.warpAffine(straight, turn, straight.shape[:2], borderValue=(250, 250, 250))
    first, second = OUTLINE(rgba(straight), "top"), OUTLINE(rgba(tilted), "top")
    assert first is not None
    assert second is None or second.confidence < first.confidence - 0.2


def test_a_shop_is_prepared(shop: Catalog):
    states = {product.id: [one.confidence > 0.6 for one in product.prepared] for product in shop.products()}
    assert states == {"round": [True], "sweatshirt": [True], "tee": [True], "worn": []}
    for product in shop.products():
        for one in product.prepared:
            picture, parts = shop.files.pixels(one.picture), shop.files.pixels(one.parts)
            assert max(picture.shape[:2]) == 640 and picture.shape[:2] == parts.shape
            assert not np.any(parts & ~np.uint8(LAYOUTS[one.kind].bits))


def test_what_is_prepared_is_worn(shop: Catalog):
    shirt = wearable(shop, shop.get("sweatshirt"))
    pair = wearable(shop, shop.get("round"))
    assert isinstance(shirt, TopAsset) and isinstance(pair, GlassesAsset)
    assert top.prepare(shirt) is not None and glasses.prepare(pair) is not None
    assert pair.width_mm == 142
    with pytest.raises(NotFound, match="vitrine catalog prepare"):
        wearable(shop, shop.get("worn"))


def test_the_samples_are_products_too(catalog: Catalog):
    assert sample_shop.install(catalog) == {"added": 4, "updated": 0}
    assert sample_shop.install(catalog) == {"added": 0, "updated": 4}
    tee, pair = catalog.get("sample-top-1"), catalog.get("sample-glasses-1")
    assert all(one.title.zh and one.title.en and one.description.zh and one.price for one in catalog.products())
    large = wearable(catalog, tee, size="XL", rgb=(200, 40, 40))
    known = samples.top_asset(samples.record("sample-top-1"), size="XL", rgb=(200, 40, 40))
    assert isinstance(large, TopAsset)
    assert (large.ease, large.landmarks) == (known.ease, known.landmarks)
    assert np.array_equal(large.parts, known.parts)
    assert np.abs(large.picture.astype(int) - known.picture).mean() < 4
    front = wearable(catalog, pair, size="L")
    assert isinstance(front, GlassesAsset)
    assert front.width_mm == samples.glasses_asset(samples.record("sample-glasses-1"), size="L", rgb=None).width_mm
    with pytest.raises(NotFound, match="comes in XS, S"):
        wearable(catalog, tee, size="9XL")


def test_a_person_has_the_last_word(shop: Catalog):
    made = shop.get("tee").prepared[0]
    moved = msgspec.structs.replace(
        made, landmarks=made.landmarks | {"hem_centre": (1.0, 2.0)}, reviewed=True, confidence=1.0
    )
    save(shop, "tee", moved)
    for again in (False, True):
        outcomes = {one.product: one.state for one in prepare(shop, shop.ids(), [OUTLINE], again=again)}
        others = "prepared" if again else "kept"
        assert outcomes == {"tee": "reviewed", "worn": "unprepared", "sweatshirt": others, "round": others}
    assert shop.get("tee").prepared == (moved,)
    with pytest.raises(CatalogError, match="changed meanwhile"):
        save(shop, "tee", msgspec.structs.replace(moved, source="0" * 64 + ".jpg"))


class Net:
    """Finds the same places on everything."""

    kinds = frozenset({"top"})

    def __call__(self, picture: np.ndarray, kind: str) -> Finding | None:
        height, width = picture.shape[:2]
        places = {name: (x * width, y * height) for name, (x, y) in LAYOUTS[kind].template.items()}
        whole = np.full((height, width), 255, np.uint8)
        return Finding(whole, np.full_like(whole, TORSO), places, 0.7, "net-1")


def test_another_preparer_takes_what_the_outline_leaves(shop: Catalog):
    outcomes = list(prepare(shop, ["worn", "tee"], [OUTLINE, Net()]))
    assert [(one.product, one.state) for one in outcomes] == [("worn", "prepared"), ("tee", "kept")]
    assert shop.get("worn").prepared[0].method == "net-1"
