"""What `vitrine catalog` does: the parser in `catalog_cli` comes with every command, this only with its own."""

from __future__ import annotations

import argparse
import json
import sys
import webbrowser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console, OverflowMethod
from rich.table import Table
from rich.text import Text

from .bars import Bars
from .catalog import exporting, importing, journal, sample_shop
from .catalog.cells import Defaults
from .catalog.database import FILE
from .catalog.errors import CatalogError
from .catalog.importing import Order, Stopped
from .catalog.journal import Totals
from .catalog.kinds import KINDS
from .catalog.outline import OutlinePreparer
from .catalog.preparing import MODEL, MODEL_GROUP, Outcome, prepare
from .catalog.records import Language, Product, title
from .catalog.review.server import ReviewServer
from .catalog.sources import look
from .catalog.store import Catalog, Filter
from .catalog.units import EXPONENTS
from .engine.registry import Registry, home
from .errors import VitrineError
from .tryon import silhouette

FAILED = 1
REFUSED = 3
"""Everything else came in, and some rows did not."""
CANCELLED = 130
WIDTH = 140  # of tables that go into a file or a pipe

def run(arguments: argparse.Namespace) -> int:
    """Runs one subcommand; the result is the process's exit code."""
    verbs = {"import": _import, "list": _list, "export": _export, "prepare": _prepare, "review": _review}
    path = (arguments.catalog or home() / FILE).absolute()
    try:
        return verbs[arguments.verb](path, arguments)
    except (CatalogError, VitrineError) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"vitrine: {error.filename or path}: {error.strerror}", file=sys.stderr)
        return FAILED


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def _import(path: Path, arguments: argparse.Namespace) -> int:
    if arguments.samples == (arguments.file is not None):
        print("vitrine: name a file to import, or --samples", file=sys.stderr)
        return 2
    if arguments.samples:
        with Catalog(path, create=True) as catalog:
            counted = sample_shop.install(catalog)
        print(f"{counted['added']} added, {counted['updated']} updated.")
        return 0
    console = _console()
    order = _order(arguments)
    _announce(console, order)
    if arguments.dry_run:
        return _rehearse(console, path, order)
    target = arguments.rejected or order.source.path.with_name(f"{order.source.path.name}.rejected.jsonl")
    with Catalog(path, create=True) as catalog:
        return _import_into(console, catalog, order, target, stop=arguments.on_error == "stop")


def _order(arguments: argparse.Namespace) -> Order:
    given: dict[str, str] = {}
    for pair in arguments.map:
        field, equals, column = pair.partition("=")
        if not equals or field in given:
            raise CatalogError(f"--map {pair}: write FIELD=COLUMN, each field once.")
        given[field] = column
    if arguments.currency is not None and arguments.currency.upper() not in EXPONENTS:
        raise CatalogError(f"{arguments.currency} is not a currency of ISO 4217, such as CNY.")
    source = look(arguments.file.absolute(), form=arguments.format, encoding=arguments.encoding)
    pictures: Path | None = arguments.pictures
    if pictures is None and source.native and exporting.pictures_folder(source.path).is_dir():
        pictures = exporting.pictures_folder(source.path)
    if pictures is not None and not pictures.is_dir():
        raise CatalogError(f"{pictures} is not a folder.")
    currency = arguments.currency.upper() if arguments.currency else None
    return importing.plan(source, given, defaults=Defaults(currency, arguments.unit, arguments.kind), pictures=pictures)


def _announce(console: Console, order: Order) -> None:
    source = order.source
    what = "an export of Vitrine" if source.native else f"{source.form.upper()}, {source.encoding.upper()}"
    if source.form == "csv":
        what += f", cells separated by {json.dumps(source.delimiter)}{'' if source.header else ', no header'}"
    console.print(f"{source.path.name}: {what}, {source.bytes / 1e6:.1f} MB", highlight=False, markup=False)
    if source.native:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("column", "field", "how", "unit", "for example"):
        table.add_column(heading, overflow="ellipsis", no_wrap=heading != "for example", max_width=48)
    for one in order.assigned:
        value = next((held for row in source.sample if (held := row.get(one.column)) not in ("", None)), "")
        example = " ".join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).split())
        tone = "dim" if not one.field else ""
        cells = (one.column, one.field or "-", one.how, one.unit, example[:60])
        table.add_row(*(Text(_plain(cell), style=tone) for cell in cells))
    console.print(table)


def _plain(text: str) -> str:
    """A file's text for a terminal: nothing in it moves the cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _rehearse(console: Console, path: Path, order: Order) -> int:
    catalog = Catalog(path) if path.exists() else None
    try:
        with Bars(console) as bars:
            bars.begin("read", total=order.source.lines, unit="rows")
            totals, shown = importing.rehearse(order, catalog, on_row=lambda line: bars.advance("read", line))
            bars.end("read")
    finally:
        if catalog is not None:
            catalog.close()
    for report in shown:
        for problem in report.problems:
            console.print(_plain(f"line {report.line}: {problem['field']}: {problem['reason']}"), markup=False)
    console.print(f"Nothing was written. It would be: {_said(totals)}", highlight=False)
    return REFUSED if totals.rejected else 0


def _import_into(console: Console, catalog: Catalog, order: Order, target: Path, *, stop: bool) -> int:
    try:
        with Bars(console) as bars:
            bars.begin("import", total=order.source.lines, unit="rows")
            totals = importing.run(
                catalog, order, stop_at_bad=stop, on_row=lambda line: bars.advance("import", line)
            )
            bars.end("import")
    except KeyboardInterrupt:
        print("Stopped. What is in stays: the same command goes on from there.", file=sys.stderr)
        return CANCELLED
    except Stopped as error:
        print(f"vitrine: {error}\nThe rows before it are in. Mend it and run the same command again.", file=sys.stderr)
        return FAILED
    with catalog.writing() as connection:
        refused = journal.write_reports(connection, order.key, target)
        journal.end(connection, order.key)
    console.print(_said(totals), highlight=False)
    if refused:
        console.print(f"The rows that were refused, each with its reason: {target}", soft_wrap=True, highlight=False)
    return REFUSED if refused else 0


def _said(totals: Totals) -> str:
    return f"{totals.rows} rows: {totals.added} added, {totals.updated} updated, {totals.rejected} refused."


def _filter(arguments: argparse.Namespace) -> Filter:
    return Filter(
        kinds=tuple(arguments.kind), brand=arguments.brand, text=arguments.text, state=arguments.state
    )


def _list(path: Path, arguments: argparse.Namespace) -> int:
    with Catalog(path) as catalog:
        if arguments.json:
            for product in catalog.products(_filter(arguments)):
                print(msgspec.json.encode(product).decode())
            return 0
        ids = catalog.ids(_filter(arguments))
        shown = [catalog.get(name) for name in ids[: arguments.limit]]
    console = _console()
    console.print(product_table(shown, arguments.lang))
    more = f", the first {len(shown)} are shown (--limit)" if len(shown) < len(ids) else ""
    console.print(f"{len(ids)} products{more}", highlight=False)
    return 0


def product_table(products: Sequence[Product], language: Language) -> Table:
    """One line a product."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    headings = ("id", "kind", "title", "brand", "price", "stock", "rating", "sizes", "pictures", "try-on")
    for heading in headings:
        right = heading in ("price", "stock", "rating", "pictures")
        overflow: OverflowMethod = "fold" if heading == "title" else "ellipsis"
        table.add_column(heading, justify="right" if right else "left", overflow=overflow)
    for product in products:
        kind = KINDS[product.kind]
        cells = (
            product.id,
            kind.zh if language == "zh" else kind.en,
            title(product, language),
            product.brand,
            _price(product),
            "" if product.stock is None else str(product.stock),
            f"{product.rating.mean:.1f}" if product.rating else "",
            " ".join(product.size_chart.sizes) if product.size_chart else "",
            str(len(product.pictures)) if product.pictures else "",
            _try_on(product),
        )
        table.add_row(*(Text(_plain(cell)) for cell in cells))
    return table


def _price(product: Product) -> str:
    if product.price is None:
        return ""
    places = EXPONENTS[product.price.currency]
    return f"{product.price.minor / 10**places:,.{places}f} {product.price.currency}"


def _try_on(product: Product) -> str:
    if not KINDS[product.kind].asset:
        return ""
    if not product.prepared:
        return "unprepared"
    first = product.prepared[0]
    return "reviewed" if first.reviewed else f"{first.confidence:.0%} sure"


def _export(path: Path, arguments: argparse.Namespace) -> int:
    console = _console()
    with Catalog(path) as catalog, Bars(console) as bars:
        chosen = _filter(arguments)
        bars.begin("export", total=len(catalog.ids(chosen)), unit="products")
        target = arguments.file.absolute()
        count, files = exporting.export(
            catalog, target, chosen=chosen, pictures=arguments.pictures, on_product=lambda n: bars.advance("export", n)
        )
        bars.end("export")
    folder = arguments.pictures or exporting.pictures_folder(target)
    console.print(f"{count} products in {target}, {files} files in {folder}", soft_wrap=True, highlight=False)
    return 0


def _prepare(path: Path, arguments: argparse.Namespace) -> int:
    console = _console()
    preparers = [OutlinePreparer(top=silhouette.top, glasses=silhouette.glasses)]
    with Catalog(path) as catalog, Bars(console) as bars:
        ids = arguments.ids or catalog.ids(Filter(kinds=tuple(name for name, kind in KINDS.items() if kind.asset)))
        bars.begin("prepare", total=len(ids), unit="products")
        outcomes: list[Outcome] = []
        for outcome in prepare(catalog, ids, preparers, again=arguments.again):
            outcomes.append(outcome)
            bars.advance("prepare", len(outcomes))
        bars.end("prepare")
    counted = Counter(outcome.state for outcome in outcomes)
    said = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(counted.items()))
    console.print(said or "No product of a kind that is worn.", highlight=False)
    left = [outcome for outcome in outcomes if outcome.state == "unprepared"]
    for outcome in left[:20]:
        console.print(f"{outcome.product}: left unprepared, {outcome.why}", highlight=False, markup=False)
    if left:
        console.print(needs_model(Registry().index.groups), soft_wrap=True, highlight=False)
    return 0


def needs_model(groups: object) -> str:
    """What to do about products whose outline tells nothing; `groups` of models that this version can install."""
    by_hand = "or place them by hand: vitrine catalog review"
    if isinstance(groups, dict) and MODEL_GROUP in groups:
        return f"needs the model {MODEL}; run: vitrine models install {MODEL_GROUP}, {by_hand}"
    return f"needs the model {MODEL}, which this version does not have yet; {by_hand.removeprefix('or ')}"


def _review(path: Path, arguments: argparse.Namespace) -> int:
    with Catalog(path) as catalog, ReviewServer(catalog, port=arguments.port) as server:
        print(server.link, flush=True)
        print("The page works while this command runs; Ctrl-C ends it.", flush=True)
        if not arguments.only_print and not webbrowser.open(server.link):
            print("No browser could be opened; open the link above.", file=sys.stderr)
        server.serve_forever()
    return 0
