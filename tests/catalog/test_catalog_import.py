"""Imports: every row ends in the catalogue or in the report, whenever the run is killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from catalog.shop_pictures import photo_folder
from catalog.shopfiles import csv_file, jsonl_file
from PIL import Image

from sidecar.catalog import importing, journal
from sidecar.catalog.cells import Defaults
from sidecar.catalog.errors import CatalogError
from sidecar.catalog.importing import Order
from sidecar.catalog.sources import look
from sidecar.catalog.store import Catalog

# Dies as a killed process dies, at the Nth row or inside the transaction of the Nth batch.
CHILD = """
import os, signal, sys
from pathlib import Path
from sidecar.catalog import importing, journal
from sidecar.catalog.sources import look
from sidecar.catalog.store import Catalog

file, database, where, at = sys.argv[1:]
left = int(at)
def tick(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
importing.BATCH_ROWS = 100
advance = journal.advance
def before(*arguments):
    tick()
    return advance(*arguments)
def after(*arguments):
    found = advance(*arguments)
    tick()
    return found
if where in ("before", "after"):
    journal.advance = {"before": before, "after": after}[where]
with Catalog(Path(database), create=True) as catalog:
    order = importing.plan(look(Path(file)), {})
    importing.run(catalog, order, on_row=tick if where == "row" else lambda line: None)
"""


def whole(catalog: Catalog) -> list[Any]:
    return [msgspec.to_builtins(product) for product in catalog.products()]


def reports(catalog: Catalog, order: Order) -> list[dict[str, Any]]:
    with catalog.reading() as connection:
        return [json.loads(report) for report in journal.reports(connection, order.key)]


def imported(catalog: Catalog, path: Path, **options: Any) -> tuple[journal.Totals, list[dict[str, Any]]]:
    """Imports a file to its end."""
    order = importing.plan(look(path), options.pop("given", {}), **options)
    totals = importing.run(catalog, order)
    found = reports(catalog, order)
    with catalog.writing() as connection:
        journal.end(connection, order.key)
    return totals, found


def test_every_broken_row_is_named_and_the_rest_is_in(catalog: Catalog, tmp_path: Path):
    made = csv_file(tmp_path / "shop.csv", 2000)
    totals, found = imported(catalog, made.path)
    assert msgspec.structs.asdict(totals) == {"rows": 2000, "added": 1980, "updated": 0, "rejected": 20}
    assert catalog.ids() and set(catalog.ids()) == set(made.ids)
    assert {report["line"]: report["problems"][0]["field"] for report in found} == made.broken
    assert all(report["problems"][0]["reason"] and report["row"] for report in found)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any], list[Any]]:
    """A file, and what a run that nobody disturbs makes of it."""
    folder = tmp_path_factory.mktemp("unbroken")
    made = csv_file(folder / "shop.csv", 600, broken=0.05)
    with made.path.open("a", encoding="utf-8") as stream:  # an id that stands twice, in another batch
        stream.write('SKU-00003,,,,Renamed,"¥1,000.00",,,,,,\r\n')
    with Catalog(folder / "whole.sqlite3", create=True) as catalog:
        _, found = imported(catalog, made.path)
        return made.path, whole(catalog), found


@pytest.mark.parametrize(("where", "at"), [("row", 333), ("before", 4), ("after", 2)])
def test_a_killed_import_goes_on(tmp_path: Path, unbroken, where: str, at: int):
    file, products, found = unbroken
    database = tmp_path / "catalog.sqlite3"
    child = [sys.executable, "-c", CHILD, str(file), str(database), where, str(at)]
    assert subprocess.run(child, check=False, timeout=60).returncode != 0
    with Catalog(database) as catalog:
        order = importing.plan(look(file), {})
        with catalog.writing() as connection:
            done = journal.begin(connection, order.key, str(file.absolute()))
        before = whole(catalog)
        # Nothing is half-written: whole batches are in, and the journal says which.
        assert (done.rows % 100, done.added, done.rejected) == (0, len(before), len(reports(catalog, order)))
        assert all(one in products or one["id"] == "SKU-00003" for one in before)
        totals = importing.run(catalog, order)
        assert whole(catalog) == products
        assert reports(catalog, order) == found
        assert (totals.rows, totals.updated) == (601, 1)


@pytest.mark.full
def test_ten_thousand_rows_survive_ten_kills_at_random_moments(tmp_path: Path):
    made = csv_file(tmp_path / "shop.csv", 10_000)
    with Catalog(tmp_path / "whole.sqlite3", create=True) as catalog:
        _, found = imported(catalog, made.path)
        products = whole(catalog)
    command = [sys.executable, "-m", "sidecar", "catalog", "import", str(made.path)]
    command += ["--catalog", str(tmp_path / "c.sqlite3")]
    chance, killed = random.Random(11), 0
    for _ in range(10):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.7, 1.8))
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        killed += process.wait() not in (0, 3)
    assert killed >= 5
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False, timeout=120).returncode == 3
    with Catalog(tmp_path / "c.sqlite3") as catalog:
        assert whole(catalog) == products
    rejected = (tmp_path / "shop.csv.rejected.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in rejected] == found


def test_the_same_file_twice_updates_and_changes_nothing(catalog: Catalog, tmp_path: Path):
    made = csv_file(tmp_path / "shop.csv", 120)
    imported(catalog, made.path)
    before = whole(catalog)
    totals, _ = imported(catalog, made.path)
    assert (totals.added, totals.updated) == (0, len(made.ids))
    assert whole(catalog) == before


def test_a_file_of_some_columns_leaves_the_others(catalog: Catalog, tmp_path: Path):
    imported(catalog, csv_file(tmp_path / "shop.csv", 3, broken=0).path)
    before = catalog.get("SKU-00001")
    (tmp_path / "prices.csv").write_text("sku,price,stock\nSKU-00001,8 EUR,7\nSKU-00009,9 EUR,1\n", "utf-8")
    totals, found = imported(catalog, tmp_path / "prices.csv")
    after = catalog.get("SKU-00001")
    assert msgspec.structs.replace(after, price=before.price, stock=before.stock) == before
    assert (after.price.minor, after.price.currency, after.stock) == (800, "EUR", 7)
    assert [report["line"] for report in found] == [3]  # a new product needs a kind
    assert totals.rejected == 1


def test_a_report_that_was_mended_is_a_file_to_import(catalog: Catalog, tmp_path: Path):
    (tmp_path / "shop.csv").write_text("id,kind,title,price\na,top,Tee,5 EUR\nb,top,Tee,free\n", "utf-8")
    order = importing.plan(look(tmp_path / "shop.csv"), {})
    importing.run(catalog, order)
    with catalog.writing() as connection:
        assert journal.write_reports(connection, order.key, tmp_path / "bad.jsonl") == 1
    text = (tmp_path / "bad.jsonl").read_text("utf-8").replace("free", "6 EUR")
    (tmp_path / "bad.jsonl").write_text(text, "utf-8")
    totals, _ = imported(catalog, tmp_path / "bad.jsonl")
    assert totals.added == 1 and catalog.get("b").price.minor == 600


def test_stopping_at_the_first_bad_row_keeps_what_stands_before_it(catalog: Catalog, tmp_path: Path):
    path = tmp_path / "shop.csv"
    path.write_text("id,kind,title\na,top,A\nb,ufo,B\nc,top,C\n", "utf-8")
    order = importing.plan(look(path), {})
    with pytest.raises(importing.Stopped, match="Line 3, kind"):
        importing.run(catalog, order, stop_at_bad=True)
    assert catalog.ids() == ["a"]
    path.write_text(path.read_text("utf-8").replace("ufo", "hat"), "utf-8")
    totals, found = imported(catalog, path)
    assert (totals.added, totals.updated, found) == (2, 1, [])


def test_two_runs_of_one_file_do_not_mix(catalog: Catalog, tmp_path: Path):
    made = csv_file(tmp_path / "shop.csv", 4)
    order = importing.plan(look(made.path), {})
    with catalog.writing() as connection:
        begun = journal.begin(connection, order.key, "shop.csv")
        journal.advance(connection, order.key, begun, journal.Totals(rows=2))
    with pytest.raises(CatalogError, match="another process"), catalog.writing() as connection:
        journal.advance(connection, order.key, begun, journal.Totals(rows=2))


def test_a_rehearsal_says_the_same_and_writes_nothing(catalog: Catalog, tmp_path: Path):
    made = csv_file(tmp_path / "shop.csv", 300, broken=0.05)
    with made.path.open("a", encoding="utf-8") as stream:
        stream.write("SKU-00001,,,,Renamed,,,,,,,\r\n")
    order = importing.plan(look(made.path), {})
    for there in (None, catalog):
        totals, shown = importing.rehearse(order, there)
        assert [report.line for report in shown] == list(made.broken)
        assert msgspec.structs.asdict(totals) == {"rows": 301, "added": 285, "updated": 1, "rejected": 15}
    assert catalog.ids() == [] and not catalog.files.folder.exists()
    assert importing.run(catalog, order) == totals
    assert importing.rehearse(order, catalog)[0].updated == 286


def test_a_file_without_ids_is_refused(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("colour,name\nred,Tee\n", "utf-8")
    with pytest.raises(CatalogError, match="--map id=COLUMN"):
        importing.plan(look(path), {})
    assert importing.plan(look(path), {"id": "name"}).assigned[1].field == "id"


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path / "photos"
    return folder, photo_folder(folder)


def test_pictures_come_from_their_folder(catalog: Catalog, tmp_path: Path, photos):
    folder, records = photos
    totals, found = imported(catalog, jsonl_file(tmp_path / "a.jsonl", records), pictures=folder)
    assert (totals.added, found) == (4, [])
    tee = catalog.get("tee")
    pixels = catalog.files.pixels(tee.pictures[0])
    original = np.asarray(Image.open(folder / "tee.jpg"))
    assert np.abs(pixels[..., :3].astype(int) - original).mean() < 1.5
    assert imported(catalog, tmp_path / "a.jsonl")[0].updated == 4  # without the folder pictures are left as they are
    assert catalog.get("tee").pictures == tee.pictures


def test_another_picture_takes_away_what_was_prepared_from_the_old_one(shop: Catalog, tmp_path: Path, photos):
    folder, _ = photos
    rows = [{"id": "tee", "image": "tee.jpg"}, {"id": "sweatshirt", "image": "tee.jpg"}]
    imported(shop, jsonl_file(tmp_path / "a.jsonl", rows), pictures=folder)
    assert len(shop.get("tee").prepared) == 1
    assert shop.get("sweatshirt").pictures == shop.get("tee").pictures
    assert shop.get("sweatshirt").prepared == ()


HOSTILE = [
    ("../secret.png", "not a file in the folder"),
    ("/etc/passwd", "not a file in the folder"),
    ("..\\secret.png", "not a file in the folder"),
    ("link.png", "not a file in the folder"),
    ("sub", "not a file in the folder"),
    ("gone.png", "not in the folder"),
    ("nul\x00.png", "not in the folder"),
    ("https://example.org/a.png", "is an address"),
    ("file:///etc/passwd", "is an address"),
    ("text.png", "no JPEG, PNG or WebP"),
    ("cut.jpg", "damaged or cut short"),
    ("bomb.png", "million pixels"),
    ("fat.png", "larger than 20 MiB"),
]


def spoilt(folder: Path) -> None:
    (folder.parent / "secret.png").write_bytes((folder / "round.png").read_bytes())
    (folder / "sub").mkdir()
    (folder / "text.png").write_text("<svg onload=alert(1)>", "utf-8")
    data = (folder / "tee.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    Image.new("1", (8000, 8000)).save(folder / "bomb.png")
    (folder / "fat.png").write_bytes(bytes(21 * 2**20))
    if sys.platform != "win32":
        (folder / "link.png").symlink_to(folder.parent / "secret.png")


def test_files_that_no_row_may_name(catalog: Catalog, tmp_path: Path, photos):
    folder, _ = photos
    spoilt(folder)
    rows = [{"id": f"h{n}", "kind": "top", "title": "x", "image": [name]} for n, (name, _) in enumerate(HOSTILE)]
    totals, found = imported(catalog, jsonl_file(tmp_path / "a.jsonl", rows), pictures=folder)
    if sys.platform != "win32":
        assert (totals.rejected, catalog.ids()) == (len(HOSTILE), [])
    for report in found:
        name, reason = HOSTILE[report["line"] - 1]
        assert report["problems"][0]["field"] == "image"
        assert reason in report["problems"][0]["reason"] or sys.platform == "win32", name
    assert not list(catalog.path.parent.glob("catalog.files/*/*"))


def test_pictures_that_are_one_are_kept_once(catalog: Catalog, tmp_path: Path, photos):
    folder, _ = photos
    (folder / "again.jpg").write_bytes((folder / "tee.jpg").read_bytes())
    rows = [{"id": "a", "kind": "top", "title": "x", "image": "tee.jpg|again.jpg"}]
    for there in (None, catalog):
        order = importing.plan(look(jsonl_file(tmp_path / "a.jsonl", rows)), {}, pictures=folder)
        assert importing.rehearse(order, there)[0].added == 1
    imported(catalog, tmp_path / "a.jsonl", pictures=folder)
    assert len(catalog.get("a").pictures) == 1


def test_defaults_of_the_order_count(catalog: Catalog, tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,title,price\na,Lamp,5\n", "utf-8")
    imported(catalog, tmp_path / "a.csv", defaults=Defaults(currency="JPY", kind="lamp"))
    assert (catalog.get("a").kind, catalog.get("a").price.minor) == ("lamp", 5)
