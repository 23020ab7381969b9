"""Imports a file in batches, each whole or not at all, with a journal by which a killed run goes on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from . import journal, validate
from .cells import Change, Defaults
from .columns import Assigned, assign
from .errors import CatalogError, FieldError
from .incoming import Folder
from .journal import Totals
from .lines import Row
from .records import Product
from .sources import Source
from .store import Catalog, put
from .table_rows import load
from .validate import BadRow

BATCH_ROWS = 500
_SHOWN_BYTES = 64 * 1024
"""Of a row that is reported; longer ones are cut."""


@dataclass(frozen=True)
class Order:
    """What to import and how. `pictures`: the folder that pictures may come from, None for no pictures."""

    source: Source
    assigned: tuple[Assigned, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)
    pictures: Path | None = None

    @property
    def key(self) -> str:
        """The journal's name for exactly this work: the bytes of the file and everything that changes their meaning."""
        columns = [[one.column, one.field, one.unit] for one in self.assigned]
        defaults = [self.defaults.currency, self.defaults.unit, self.defaults.kind]
        folder = str(self.pictures.resolve()) if self.pictures else None
        meaning = json.dumps([self.source.sha256, self.source.encoding, columns, defaults, folder])
        return hashlib.sha256(meaning.encode()).hexdigest()


class Report(Struct, frozen=True, kw_only=True):
    """A row that did not get in: `line` of the file, what is wrong by `field` and `reason`, the `row` as it stands."""

    line: int
    problems: tuple[dict[str, str], ...]
    row: Any


class Stopped(CatalogError):
    """A bad row ended the import, as it was told to."""


def plan(
    source: Source, given: Mapping[str, str], *, defaults: Defaults | None = None, pictures: Path | None = None
) -> Order:
    """The order for a file, its columns assigned. Raises `CatalogError` where no id, or nothing else, would come in."""
    defaults = defaults or Defaults()
    if source.native:
        return Order(source, (), defaults, pictures)
    assigned = assign(source.columns, given, pictures=pictures is not None)
    fields = {one.field for one in assigned}
    if "id" not in fields:
        raise CatalogError(
            "No column looks like the products' ids; name it: --map id=COLUMN. "
            f"Columns of the file: {', '.join(source.columns[:40])}"
        )
    return Order(source, assigned, defaults, pictures)


def run(
    catalog: Catalog, order: Order, *, stop_at_bad: bool = False, on_row: Callable[[int], None] = lambda line: None
) -> Totals:
    """Imports everything that is not in yet and ends the journal. Raises `CatalogError`, `Stopped`.

    `on_row` hears the line that is reached. A run that is killed at any moment is gone on with by the same call.
    """
    catalog.files.sweep()
    folder = Folder(order.pictures, catalog.files)
    with catalog.writing() as connection:
        totals = journal.begin(connection, order.key, str(order.source.path))
    rows = islice(order.source.rows(), totals.rows, None)
    while batch := list(islice(rows, BATCH_ROWS)):
        made = _Batch(order, folder)
        # Pictures are read before the catalogue is locked: that is what takes long.
        made.read(batch, on_row)
        with catalog.writing() as connection:
            done = made.write(connection, catalog, stop_at_bad=stop_at_bad)
            totals = journal.advance(connection, order.key, totals, done)
        if made.stopped is not None:
            raise Stopped(made.stopped)
    return totals


def rehearse(
    order: Order, catalog: Catalog | None, *, on_row: Callable[[int], None] = lambda line: None
) -> tuple[Totals, list[Report]]:
    """What `run` would do, with nothing written: how many rows, and the first bad ones. Raises `CatalogError`."""
    folder = Folder(order.pictures, None)
    totals, shown, seen = Counter[str](), list[Report](), dict[str, bytes]()
    for batch in _batches(order.source.rows()):
        made = _Batch(order, folder)
        made.read(batch, on_row)
        known = made.known(catalog)
        earlier = {name: seen[name] for name in made.names() if name in seen}
        known |= {name: msgspec.json.decode(record, type=Product) for name, record in earlier.items()}
        before = set(known)
        for product in made.products(known):
            totals["updated" if product.id in before else "added"] += 1
            before.add(product.id)
            seen[product.id] = msgspec.json.encode(product)
        made.reports.sort(key=lambda pair: pair[0])
        totals["rejected"] += len(made.reports)
        totals["rows"] += len(batch)
        shown += [report for _, report in made.reports[: max(0, 20 - len(shown))]]
    return Totals(**{name: totals[name] for name in ("rows", "added", "updated", "rejected")}), shown


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH_ROWS)):
        yield batch


class _Batch:
    """Some rows on their way in: first read by themselves, then joined with what the catalogue has of them."""

    def __init__(self, order: Order, folder: Folder) -> None:
        self._order = order
        self._folder = folder
        self._read: list[tuple[int, Row, str, list[Change] | Product]] = []
        self._count = 0
        self.reports: list[tuple[int, Report]] = []
        self.stopped: str | None = None

    def read(self, rows: Sequence[Row], on_row: Callable[[int], None]) -> None:
        """Everything that can be said of the rows without the catalogue; pictures are taken into the store."""
        self._count = len(rows)
        for number, row in enumerate(rows):
            try:
                self._read.append((number, row, *self._understood(row)))
            except BadRow as error:
                self._reject(number, row, error.problems)
            on_row(row.line)

    def _understood(self, row: Row) -> tuple[str, list[Change] | Product]:
        if row.problem:
            raise BadRow([FieldError("line", row.problem)])
        if self._order.source.native:
            product = self._folder.adopt(validate.native(row.values))
            return product.id, product
        name = validate.identity(row.values, self._order.assigned)
        if name is None:
            column = next(one.column for one in self._order.assigned if one.field == "id")
            raise BadRow([FieldError(column, "the row has no id")])
        found = validate.changes(row.values, self._order.assigned, self._order.defaults)
        return name, self._folder.adopt_changes(found, self._order.assigned)

    def known(self, catalog: Catalog | None) -> dict[str, Product]:
        """What a catalogue has of these products already."""
        if catalog is None:
            return {}
        with catalog.reading() as connection:
            return self._known(connection)

    def _known(self, connection: Connection) -> dict[str, Product]:
        return {product.id: product for product in load(connection, self.names())}

    def names(self) -> list[str]:
        """The ids that the rows name, each once."""
        return list(dict.fromkeys(name for _, _, name, _ in self._read))

    def products(self, known: dict[str, Product]) -> list[Product]:
        """The records to write, in the order of the rows; a later row of the same id builds on the earlier one."""
        made: list[Product] = []
        for number, row, name, what in self._read:
            try:
                product = what if isinstance(what, Product) else self._joined(known.get(name), what)
            except BadRow as error:
                self._reject(number, row, error.problems)
                continue
            known[product.id] = product
            made.append(product)
        return made

    def _joined(self, existing: Product | None, found: list[Change]) -> Product:
        return validate.applied(existing, found, self._order.assigned, self._order.defaults)

    def write(self, connection: Connection, catalog: Catalog, *, stop_at_bad: bool) -> Totals:
        """Puts the records and the reports in; with `stop_at_bad` only what stands before the first bad row."""
        products = self.products(self._known(connection))
        self.reports.sort(key=lambda pair: pair[0])
        if stop_at_bad and self.reports:
            first, report = self.reports[0]
            problem = report.problems[0]
            self.stopped = f"Line {report.line}, {problem['field']}: {problem['reason']}"
            self._read = [one for one in self._read if one[0] < first]
            self.reports, self._count = [], first
            products = self.products(self._known(connection))
        counted = put(connection, catalog.files, products)
        journal.reject(connection, self._order.key, [(report.line, report) for _, report in self.reports])
        return Totals(
            rows=self._count, added=counted["added"], updated=counted["updated"], rejected=len(self.reports)
        )

    def _reject(self, number: int, row: Row, problems: Sequence[FieldError]) -> None:
        said = tuple({"field": problem.field, "reason": problem.reason} for problem in problems)
        self.reports.append((number, Report(line=row.line, problems=said, row=_shown(row))))


def _shown(row: Row) -> Any:
    """The row for the report: its values where it has some, else what stands there."""
    if not row.values or len(row.raw) > _SHOWN_BYTES:
        return row.raw[:_SHOWN_BYTES]
    return row.values
