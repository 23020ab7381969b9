"""What is exported imports back to the same records, files and all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from catalog.conftest import product
from catalog.test_catalog_import import imported, whole
from catalog.test_catalog_pictures import model, photo

from sidecar.catalog import exporting, importing, sample_shop
from sidecar.catalog.errors import CatalogError
from sidecar.catalog.records import View
from sidecar.catalog.sources import look
from sidecar.catalog.store import Catalog, Filter


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def shop(photo_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """Photos, samples, a product with everything that a record can hold; tests leave it as it is."""
    folder = shutil.copytree(photo_shop, tmp_path_factory.mktemp("whole") / "shop")
    with Catalog(folder / "shop.sqlite3") as catalog:
        sample_shop.install(catalog)
        picture = catalog.files.add_pixels(photo(channels=4))
        everything = msgspec.structs.replace(
            product(), glb=catalog.files.add_model(model()), pictures=(picture,), views=(View(-30.5, picture),)
        )
        catalog.put(everything)
        yield catalog


def test_there_and_back(shop: Catalog, tmp_path: Path):
    target = tmp_path / "out" / "shop.jsonl"
    target.parent.mkdir()
    count, copied = exporting.export(shop, target)
    assert count == 9 and copied == len(files(target.with_name("shop.files")))
    with Catalog(tmp_path / "again.sqlite3", create=True) as again:
        totals, refused = imported(again, target, pictures=exporting.pictures_folder(target))
        assert (totals.added, refused) == (9, [])
        assert whole(again) == whole(shop)
        assert all(again.get(name) == shop.get(name) for name in shop.ids())
        assert files(again.files.folder) == files(target.with_name("shop.files"))
        second = tmp_path / "second.jsonl"
        exporting.export(again, second)
        assert second.read_bytes() == target.read_bytes()


def test_a_part_of_the_shop(shop: Catalog, tmp_path: Path):
    target = tmp_path / "tops.jsonl"
    exporting.export(shop, target, chosen=Filter(kinds=("top",)), pictures=tmp_path / "elsewhere")
    lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert lines[0] == {"vitrine_catalog": 1}
    assert [line["id"] for line in lines[1:]] == ["sample-top-1", "sample-top-2", "sweatshirt", "tee"]
    assert not target.with_name("tops.files").exists()


def test_a_damaged_picture_ends_an_export_that_leaves_the_old_one(shop: Catalog, tmp_path: Path):
    target = tmp_path / "shop.jsonl"
    exporting.export(shop, target)
    before = target.read_bytes()
    picture = shop.files.path(shop.get("tee").pictures[0])
    sound = picture.read_bytes()
    picture.write_bytes(b"spoilt")
    try:
        with pytest.raises(CatalogError, match="damaged"):
            exporting.export(shop, target, pictures=tmp_path / "new")
    finally:
        picture.write_bytes(sound)
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".shop.jsonl.*"))


DAMAGE = [
    (("prepared", 0, "parts"), "PICTURE", "no part map"),
    (("prepared", 0, "landmarks"), {}, "missing"),
    (("prepared", 0, "confidence"), 7, "<= 1"),
    (("pictures",), ["../a.jpg"], "in the folder"),
    (("glb",), "PICTURE", "no GLB"),
    (("id",), "a b", "ids are letters"),
    (("nonsense",), 1, "unknown field"),
]


def test_a_damaged_export_is_refused_row_by_row(shop: Catalog, tmp_path: Path):
    target = tmp_path / "shop.jsonl"
    exporting.export(shop, target, chosen=Filter(text="tee"))
    lines = target.read_text("utf-8").splitlines()
    sound = next(line for line in lines if '"id":"tee"' in line)
    for path, value, _ in DAMAGE:
        row = held = json.loads(sound)
        for step in path[:-1]:
            held = held[step]
        held[path[-1]] = row["pictures"][0] if value == "PICTURE" else value
        lines.append(json.dumps(row))
    target.write_text("\n".join(lines), "utf-8")
    order = importing.plan(look(target), {}, pictures=exporting.pictures_folder(target))
    assert importing.rehearse(order, None)[0].rejected == len(DAMAGE)
    with Catalog(tmp_path / "again.sqlite3", create=True) as again:
        totals, refused = imported(again, target, pictures=exporting.pictures_folder(target))
        assert totals.rejected == len(DAMAGE) and again.get("tee") == shop.get("tee")
    for (_, _, says), report in zip(DAMAGE, refused, strict=True):
        assert says in report["problems"][0]["reason"]
