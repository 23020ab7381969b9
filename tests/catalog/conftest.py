"""A catalogue in a folder of its own, records to put in, and the browser of the page tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browser.conftest import browser  # noqa: F401 - a fixture
from catalog.shop_pictures import filled

from sidecar.catalog.records import Product
from sidecar.catalog.store import Catalog

RECORD: dict[str, Any] = {
    "id": "coat-1",
    "kind": "outer",
    "brand": "海岸 Shore",
    "title": {"zh": "羊毛大衣", "en": "Wool coat"},
    "description": {"zh": "双面呢\n手工缝制", "en": "Double-faced wool"},
    "attributes": {"material": "wool", "season": ["autumn", "winter"], "lined": True, "weight_g": 1180, "warmth": 0.75},
    "colours": [{"id": "camel", "title": {"zh": "驼色", "en": "Camel"}, "rgb": [193, 154, 107]}, {"id": "ink"}],
    "price": {"minor": 129900, "currency": "CNY"},
    "stock": 0,
    "rating": {"mean": 4.25, "count": 12},
    "size_chart": {"base": "M", "sizes": {"S": {"chest": 96.5, "length": 98.0}, "M": {"chest": 101.0, "length": 100}}},
    "real_size": {"height": 1.0},
    "rules": {
        "care": [{"zh": "干洗", "en": "Dry clean"}],
        "goes_with": ["kind:bottom", "colour=black", "hat-3"],
        "not_with": ["kind:top"],
    },
}


def product(**changes: Any) -> Product:
    """A whole record with changes."""
    return msgspec.convert(RECORD | changes, Product)


@pytest.fixture(scope="session")
def photo_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a catalogue of photos, imported and prepared: to be copied."""
    folder = tmp_path_factory.mktemp("shop")
    filled(folder / "shop.sqlite3", folder / "photos").close()
    return folder


@pytest.fixture
def shop(photo_shop: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A catalogue of photos of the test's own."""
    shutil.copytree(photo_shop, tmp_path / "copy")
    with Catalog(tmp_path / "copy" / "shop.sqlite3") as opened:
        yield opened


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """An empty catalogue."""
    with Catalog(tmp_path / "shop" / "catalog.sqlite3", create=True) as opened:
        yield opened
