"""A catalogue: one SQLite file and the files beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Engine, Select, delete, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as insert_or_update
from sqlalchemy.exc import DatabaseError

from ..errors import NotFound
from . import database
from .errors import CatalogError
from .picture_store import PictureStore
from .records import Product
from .schema import CHILDREN, files, prepared, products
from .table_rows import child_rows, file_names, load, product_row

_PAGE = 500
State = Literal["unprepared", "prepared", "reviewed"]


class Filter(Struct, frozen=True, kw_only=True):
    """Which products: all conditions hold. `text` is part of a title, the brand or the id."""

    kinds: tuple[str, ...] = ()
    brand: str | None = None
    text: str | None = None
    state: State | None = None


@dataclass
class Change:
    """A product on its way: what is in `product` at the end is written."""

    product: Product


class Catalog:
    """The products of a shop. Several threads and processes may use one file; a writer waits for the others.

    `path` is the database; pictures lie in a folder of its name beside it. Raises `CatalogError`.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self.files = PictureStore(path.with_name(f"{path.stem}.files"))
        self._engine: Engine = database.open_engine(path, create=create)

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of the block or nothing of it. Raises `CatalogError`."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise database.damaged(self.path, error) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the file, whatever others write meanwhile. Raises `CatalogError`."""
        try:
            with self._engine.connect().execution_options(vitrine_writes=False) as connection:
                yield connection
        except DatabaseError as error:
            raise database.damaged(self.path, error) from error

    def get(self, product: str) -> Product:
        """One product. Raises `NotFound`."""
        with self.reading() as connection:
            found = load(connection, [product])
        if not found:
            raise NotFound("No product of that name is in the catalogue; vitrine catalog list shows the names.")
        return found[0]

    def put(self, *changed: Product) -> Counter[str]:
        """Adds products, or replaces those of the same id, in one transaction; how many were `added`, `updated`."""
        with self.writing() as connection:
            return put(connection, self.files, changed)

    @contextmanager
    def changing(self, product: str) -> Iterator[Change]:
        """One product to be read, changed and written while nobody else writes. Raises `NotFound`, `CatalogError`."""
        with self.writing() as connection:
            found = load(connection, [product])
            if not found:
                raise NotFound("That product is no longer in the catalogue.")
            change = Change(found[0])
            yield change
            if change.product != found[0]:
                put(connection, self.files, [change.product])

    def remove(self, *ids: str) -> int:
        """Takes products out; how many there were."""
        with self.writing() as connection:
            return connection.execute(delete(products).where(products.c.id.in_(ids))).rowcount

    def ids(self, chosen: Filter = Filter()) -> list[str]:  # noqa: B008 - it is frozen
        """The ids of the products that fit, in order of kind and id."""
        with self.reading() as connection:
            return [row.id for row in connection.execute(_query(chosen))]

    def products(self, chosen: Filter = Filter()) -> Iterator[Product]:  # noqa: B008 - it is frozen
        """The products that fit, in order of kind and id, a page at a time."""
        ids = self.ids(chosen)
        for start in range(0, len(ids), _PAGE):
            with self.reading() as connection:
                page = load(connection, ids[start : start + _PAGE])
            yield from page

    def names_file(self, name: str) -> bool:
        """Whether a product may need this stored file."""
        with self.reading() as connection:
            return connection.execute(select(files.c.name).where(files.c.name == name)).first() is not None


def put(connection: Connection, held: PictureStore, changed: Sequence[Product]) -> Counter[str]:
    """As `Catalog.put`, in a transaction of the caller's. Raises `CatalogError` for a file that the store lacks."""
    latest = {product.id: product for product in changed}
    ids = list(latest)
    if not ids:
        return Counter()
    there = set(connection.execute(select(products.c.id).where(products.c.id.in_(ids))).scalars())
    _put_files(connection, held, set().union(*map(file_names, latest.values())))
    rows = [product_row(product) for product in latest.values()]
    upsert = insert_or_update(products)
    columns = {column.name: upsert.excluded[column.name] for column in products.c if column.name != "id"}
    connection.execute(upsert.on_conflict_do_update(index_elements=["id"], set_=columns), rows)
    lists = [child_rows(product) for product in latest.values()]
    for table in CHILDREN:
        if there:
            connection.execute(delete(table).where(table.c.product.in_(there)))
        children = [row for of_product in lists for row in of_product[table]]
        if children:
            connection.execute(insert(table), children)
    repeated = len(changed) - len(latest)  # an id that stands twice updates itself
    return Counter(added=len(latest) - len(there), updated=len(there) + repeated)


def _put_files(connection: Connection, held: PictureStore, names: set[str]) -> None:
    ordered, known = sorted(names), set[str]()
    for start in range(0, len(ordered), _PAGE):  # SQLite takes a limited number of values in one question
        page = select(files.c.name).where(files.c.name.in_(ordered[start : start + _PAGE]))
        known.update(connection.execute(page).scalars())
    rows = []
    for name in ordered:
        if name in known:
            continue
        if not held.has(name):
            raise CatalogError(f"The file {name[:70]} is not in the catalogue's folder.")
        rows.append({"name": name, "bytes": held.path(name).stat().st_size})
    if rows:
        connection.execute(insert(files), rows)


def _query(chosen: Filter) -> Select[tuple[str]]:
    query = select(products.c.id).order_by(products.c.kind, products.c.id)
    if chosen.kinds:
        query = query.where(products.c.kind.in_(chosen.kinds))
    if chosen.brand is not None:
        query = query.where(func.lower(products.c.brand) == chosen.brand.lower())
    if chosen.text is not None:
        columns = (products.c.id, products.c.brand, products.c.title_zh, products.c.title_en)
        query = query.where(or_(*(column.icontains(chosen.text, autoescape=True) for column in columns)))
    if chosen.state is not None:
        query = query.where(_in_state(chosen.state))
    return query


def _in_state(state: State) -> ColumnElement[bool]:
    here = select(prepared.c.product).where(prepared.c.product == products.c.id)
    if state == "unprepared":
        return ~here.exists()
    return here.where(prepared.c.reviewed == (1 if state == "reviewed" else 0)).exists()
