"""The store: what goes in comes out, all or nothing, in a file that only its user can read."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from catalog.conftest import product
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from sidecar.catalog import schema
from sidecar.catalog.errors import CatalogError
from sidecar.catalog.records import Product, View
from sidecar.catalog.schema import MIGRATIONS, migrate
from sidecar.catalog.store import Catalog, Filter
from sidecar.errors import NotFound


def test_a_record_comes_back_as_it_went_in(catalog: Catalog):
    assert catalog.put(product()) == {"added": 1, "updated": 0}
    found = catalog.get("coat-1")
    assert found == product()
    assert list(found.size_chart.sizes) == ["S", "M"]
    assert found.attributes["weight_g"] == 1180 and found.attributes["lined"] is True


def test_pictures_views_and_models_come_back(catalog: Catalog):
    rng = np.random.default_rng(1)
    names = [catalog.files.add_pixels(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)) for _ in range(3)]
    whole = msgspec.structs.replace(
        product(), pictures=(names[1], names[0]), views=(View(90.0, names[2]), View(0.0, names[0]))
    )
    catalog.put(whole)
    assert catalog.get("coat-1") == whole
    assert catalog.names_file(names[2]) and not catalog.names_file("0" * 64 + ".png")


def test_an_update_replaces_every_list(catalog: Catalog):
    catalog.put(product())
    bare = msgspec.convert({"id": "coat-1", "kind": "outer", "title": {"en": "Coat"}}, Product)
    assert catalog.put(bare, product(id="coat-2"), product(id="coat-2")) == {"added": 1, "updated": 2}
    assert catalog.get("coat-1") == bare
    assert catalog.remove("coat-1", "coat-9") == 1
    with catalog.reading() as connection:
        for table in schema.CHILDREN:
            rows = connection.execute(table.select().where(table.c.product == "coat-1")).all()
            assert rows == [], table.name


def test_unknown_products_and_files(catalog: Catalog):
    with pytest.raises(NotFound):
        catalog.get("coat-1")
    with pytest.raises(CatalogError, match="not in the catalogue's folder"):
        catalog.put(product(pictures=["ab" * 32 + ".jpg"]))
    assert catalog.ids() == []


def test_a_failed_transaction_leaves_nothing(catalog: Catalog):
    catalog.put(product())
    with pytest.raises(RuntimeError), catalog.changing("coat-1") as change:
        change.product = product(stock=5)
        raise RuntimeError
    with pytest.raises(CatalogError), catalog.writing() as connection:
        connection.execute(insert(schema.files).values(name="x", bytes=1))
        connection.execute(insert(schema.pictures).values(product="nobody", position=0, file="x"))
    assert catalog.get("coat-1").stock == 0
    assert not catalog.names_file("x")


def test_filters(catalog: Catalog):
    catalog.put(
        product(),
        product(id="tee-1", kind="top", brand="North", title={"zh": "条纹100%", "en": "Striped"}),
        product(id="tee_2", kind="top", brand="north", title={"zh": "", "en": "Plain_Tee"}),
    )
    assert catalog.ids() == ["coat-1", "tee-1", "tee_2"]
    assert catalog.ids(Filter(kinds=("top",), brand="NORTH")) == ["tee-1", "tee_2"]
    assert catalog.ids(Filter(text="stRiped")) == ["tee-1"]
    assert catalog.ids(Filter(text="大衣")) == ["coat-1"]
    assert catalog.ids(Filter(text="0%")) == ["tee-1"]
    assert catalog.ids(Filter(text="n_t")) == ["tee_2"]
    assert catalog.ids(Filter(state="reviewed")) == []
    assert [one.id for one in catalog.products(Filter(state="unprepared", kinds=("outer",)))] == ["coat-1"]


@pytest.mark.skipif(sys.platform == "win32", reason="the folder's own access list keeps others out there")
def test_only_its_user_can_read_it(catalog: Catalog):
    catalog.put(product())
    for path in catalog.path.parent.glob("catalog.sqlite3*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    link = catalog.path.with_name("link.sqlite3")
    link.symlink_to(catalog.path)
    with pytest.raises(CatalogError, match="not a plain file"):
        Catalog(link)


def test_it_keeps_what_was_committed_beside_a_reader(catalog: Catalog):
    catalog.put(product())
    with catalog.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        catalog.put(product(id="coat-2"))  # a reader does not stop a writer
    with Catalog(catalog.path) as again:
        assert again.ids() == ["coat-1", "coat-2"]


def test_writers_wait_for_each_other(catalog: Catalog):
    def count(times: int) -> None:
        with Catalog(catalog.path) as own:
            for _ in range(times):
                with own.changing("coat-1") as change:
                    change.product = msgspec.structs.replace(change.product, stock=change.product.stock + 1)

    catalog.put(product())
    threads = [threading.Thread(target=count, args=(8,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert catalog.get("coat-1").stock == 32


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE diary (entry TEXT)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "There is no catalogue yet"),
        (lambda path: path.mkdir(), "not a plain file"),
        (lambda path: path.write_bytes(b"id,title\n" * 400), "cannot be used as a catalogue"),
        (foreign, "not a catalogue of Vitrine"),
    ],
)
def test_what_is_no_catalogue_is_refused_and_left(tmp_path: Path, make, says):
    path = tmp_path / "shop.sqlite3"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(CatalogError, match=says):
        Catalog(path)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_start_that_was_killed_is_begun_again(tmp_path: Path):
    path = tmp_path / "catalog.sqlite3"
    path.touch(0o600)
    with Catalog(path) as catalog:
        catalog.put(product())


def damage(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE products SET kind = 'ufo'",
        "UPDATE attributes SET value = '{'",
        "UPDATE products SET title_en = char(27) || '[2J'",
        "UPDATE sizes SET zone = 'tail' WHERE zone = 'length'",
    ],
)
def test_a_damaged_record_says_so(catalog: Catalog, statement: str):
    catalog.put(product())
    damage(catalog.path, statement)
    with pytest.raises(CatalogError, match="coat-1 is damaged"):
        catalog.get("coat-1")


def add_origin(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE products ADD COLUMN origin VARCHAR NOT NULL DEFAULT 'shop'")


def test_an_older_file_is_brought_up_to_date(catalog: Catalog):
    catalog.put(product())
    with catalog.writing() as connection:
        migrate(connection, (*MIGRATIONS, add_origin))
        migrate(connection, (*MIGRATIONS, add_origin))  # nothing is left to do
    with catalog.reading() as connection:
        assert connection.exec_driver_sql("SELECT origin FROM products").scalar_one() == "shop"
        assert connection.execute(schema.schema_version.select()).scalar_one() == len(MIGRATIONS) + 1
    with pytest.raises(CatalogError, match="newer Vitrine"):
        Catalog(catalog.path)


def test_a_migration_that_fails_changes_nothing(catalog: Catalog):
    def fail(connection: Connection) -> None:
        add_origin(connection)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError), catalog.writing() as connection:
        migrate(connection, (*MIGRATIONS, fail))
    with catalog.reading() as connection:
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(products)")]
    assert "origin" not in columns
    Catalog(catalog.path).close()


def test_the_database_itself_refuses_nonsense(catalog: Catalog):
    catalog.put(product())
    for changes in ({"price_minor": -1}, {"rating": 9}, {"stock": -1}, {"currency": None}):
        connection = catalog._engine.connect()
        with pytest.raises(IntegrityError), connection.begin():
            connection.execute(schema.products.update().values(**changes))
        connection.close()


def test_the_folder_of_a_missing_file_is_made(tmp_path: Path):
    with Catalog(tmp_path / "a" / "b" / "c.sqlite3", create=True) as catalog:
        assert catalog.ids() == []
    assert not os.path.lexists(tmp_path / "a" / "b" / "c.files")
