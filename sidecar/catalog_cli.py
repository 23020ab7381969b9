"""The command line of `vitrine catalog import | list | export | prepare | review`."""

from __future__ import annotations

import argparse
from pathlib import Path

from .catalog.columns import FIELDS
from .catalog.kinds import KINDS

FILE = "catalog.sqlite3"
EPILOG = """examples:
  vitrine catalog import shop.csv --dry-run              how the columns are read; nothing is written
  vitrine catalog import shop.csv --pictures ./photos    products and their pictures; goes on where it stopped
  vitrine catalog import shop.csv --map title_en=Name --map attribute.season=Season --currency CNY
  vitrine catalog import --samples                       the four products that ship with Vitrine
  vitrine catalog prepare                                places and parts for try-on
  vitrine catalog review                                 correct them by hand, in the browser
  vitrine catalog list --kind top --lang zh
  vitrine catalog export shop.jsonl                      with shop.files beside it; imports back to the same records
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `catalog` and its subcommands to the command line."""
    parser = commands.add_parser(
        "catalog",
        help="import, prepare, review, list or export the shop's products",
        description="Manages the products of a shop on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="verb")
    _add_import(verbs.add_parser("import", help="take products from a CSV or JSONL file"))
    listing = verbs.add_parser("list", help="the products as a table")
    _add_filters(listing)
    listing.add_argument("--lang", choices=("zh", "en"), default="en", help="language of titles (default: en)")
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="show so many at most (default: 200)")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line, whole records")
    export = verbs.add_parser("export", help="write products and their files; they import back as they were")
    export.add_argument("file", type=Path, metavar="FILE", help="a .jsonl file to write")
    export.add_argument("--pictures", type=Path, metavar="DIR", help="folder for the files (default: NAME.files)")
    _add_filters(export)
    preparation = verbs.add_parser("prepare", help="find the places and parts that try-on needs")
    preparation.add_argument("ids", nargs="*", metavar="ID", help="these products (default: all that can be worn)")
    preparation.add_argument("--again", action="store_true", help="also what is prepared; never what was reviewed")
    review = verbs.add_parser("review", help="a page in the browser to correct places and parts by hand")
    review.add_argument("--port", type=int, default=0, help="default: a free one")
    review.add_argument("--print", action="store_true", dest="only_print", help="print the link, open nothing")
    for verb in verbs.choices.values():
        verb.add_argument(
            "--catalog", type=Path, metavar="FILE", help=f"the catalogue (default: {FILE} in Vitrine's folder)"
        )
    parser.set_defaults(run=run)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="CSV or JSONL; UTF-8 or GB18030")
    parser.add_argument("--samples", action="store_true", help="take the products that ship with Vitrine")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help=f"a column for a field: {', '.join(FIELDS)}, attribute.NAME, size.SIZE.ZONE",
    )
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="folder of the files that pictures and views name")
    parser.add_argument("--currency", help="of prices without one (ISO 4217, such as CNY)")
    parser.add_argument("--unit", choices=("mm", "cm", "m", "inch"), help="of lengths without one")
    parser.add_argument("--kind", choices=tuple(KINDS), help="of new products whose row names none")
    parser.add_argument("--encoding", choices=("utf-8", "gb18030"), help="default: found out")
    parser.add_argument("--format", choices=("csv", "jsonl"), help="default: by the file's name and beginning")
    parser.add_argument("--dry-run", action="store_true", help="read and check everything, write nothing")
    parser.add_argument(
        "--on-error",
        choices=("report", "stop"),
        default="report",
        help="report (default): bad rows go into FILE.rejected.jsonl; stop: end at the first one",
    )
    parser.add_argument(
        "--rejected", type=Path, metavar="FILE", help="where bad rows go (default: FILE.rejected.jsonl)"
    )


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", action="append", choices=tuple(KINDS), default=[], help="only this kind; give it again for more"
    )
    parser.add_argument("--brand", help="only this brand")
    parser.add_argument("--text", help="only where it stands in a title, the brand or the id")
    parser.add_argument(
        "--state", choices=("unprepared", "prepared", "reviewed"), help="only with this state for try-on"
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs one subcommand; the result is the process's exit code."""
    # Pictures, SQL and models are not for the gateway, which has the same command line.
    from .catalog_commands import run as run_verb

    return run_verb(arguments)
