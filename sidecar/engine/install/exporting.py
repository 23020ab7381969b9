"""Makes a pack of a model that is not in the package registries: `python -m export` in an environment of its own.

What it makes is checked like any pack, moved into the registry in one rename, and its hashes go into the person's own
index. The steps of an export that was interrupted stay in Vitrine's folder, and the next try goes on from there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from .. import local_index
from ..index import PackEntry, shipped
from ..manifest import PackName
from ..pack import Pack
from ..registry import Registry
from . import child
from .environment import BuildEnvironment
from .errors import InstallError, plain_disk_errors
from .installer import Environment
from .lock import exclusive
from .progress import Progress

_ASK_TIMEOUT_S = 60.0
_EXPORT_TIMEOUT_S = 24 * 3600.0
_LOCK_TIMEOUT_S = 6 * 3600.0
_SPARE_MB = 200


@dataclass(frozen=True)
class Order:
    """What a person asked for. `name` is the pack's; `into` is a folder other than the registry's."""

    recipe: str
    name: str
    origin: str | None = None
    device: str = "cpu"
    precision: str = "auto"
    accepted: str | None = None
    into: Path | None = None
    keep: bool = False

    @property
    def words(self) -> list[str]:
        """The part of the command line that `plan` and `model` share."""
        words = [self.recipe, "--device", self.device, "--precision", self.precision]
        if self.origin is not None:
            words += ["--from", self.origin]
        if self.accepted is not None:
            words += ["--accept-licence", self.accepted]
        return words


class ExportFailed(InstallError):
    """The export stopped; the message is the exporter's own sentence."""


class Exporter:
    """Carries orders out. `home` is Vitrine's folder; `environment` makes the converting environment of a set of
    packages in a folder (`BuildEnvironment` outside tests).
    """

    def __init__(
        self,
        registry: Registry,
        *,
        home: Path,
        progress: Progress,
        environment: Callable[[str], Environment] | None = None,
    ) -> None:
        self._registry = registry
        self._home = home
        self._work = home / "export"
        self._progress = progress
        self._make_environment = environment or partial(BuildEnvironment, self._work / "environments")

    def export(self, order: Order, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Makes, checks and publishes one pack; returns what the exporter said of it, `already` set where another
        export made it while this one waited.

        Raises `InstallError` or `NotFound` when it cannot go on. Interrupted or failed, it can be called again.
        """
        check_name(order.name)
        before = self._known(order)
        with plain_disk_errors(self._work), self._alone():
            after = self._known(order)
            if after is not None and after != before:
                return {"already": True, "pack": order.name, "folder": str(self._registry.root / order.name)}
            environment = self._make_environment(str(plan["environment"]))
            self._check_space(plan, environment)
            self._prepare(environment)
            made = self._run(environment, order)
            if order.into is None:
                made["folder"] = str(self._publish(order, made))
            if not order.keep:
                shutil.rmtree(self._folder(order), ignore_errors=True)
            return made

    def _known(self, order: Order) -> PackEntry | None:
        return self._registry.index.packs.get(order.name) if order.into is None else None

    def _folder(self, order: Order) -> Path:
        return self._work / "work" / order.name

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One export at a time: two would time each other's noise, and share the memory."""
        task = "waiting for another export"
        with exclusive(
            self._work / ".lock",
            timeout_s=_LOCK_TIMEOUT_S,
            on_wait=lambda: self._progress.begin(task, total=None, unit=""),
        ):
            self._progress.end(task)
            yield

    def _check_space(self, plan: Mapping[str, Any], environment: Environment) -> None:
        """What an earlier try has fetched already is not counted off: a little too careful is better than a full
        disk.
        """
        packages = 0 if environment.sources.exists() else int(plan["environment_disk_mb"])
        needed = int(plan["disk_mb"]) + packages + _SPARE_MB
        free = shutil.disk_usage(self._work).free // 10**6
        if free < needed:
            raise InstallError(
                f"Exporting {plan['name']} needs about {needed} MB free in {self._work}, there are {free} MB. Free "
                "some space or set VITRINE_HOME to another disk."
            )

    def _prepare(self, environment: Environment) -> None:
        task = "packages for converting"
        self._progress.begin(task, total=None, unit="")
        environment.ensure(stop=threading.Event(), note=lambda text: self._progress.note(task, text))
        self._progress.end(task)

    def _run(self, environment: Environment, order: Order) -> dict[str, Any]:
        folder = self._folder(order)
        into = order.into or folder / "pack"
        relay = Relay(self._progress)
        words = ["--name", order.name, "--into", str(into), "--work", str(folder / "steps")]
        code = child.run(
            [str(environment.python), "-m", "export", "model", *order.words, *words],
            cwd=environment.sources,
            environ=environment.environ(),
            timeout_s=_EXPORT_TIMEOUT_S,
            stop=threading.Event(),
            on_line=relay,
        )
        if relay.failed is not None:
            raise ExportFailed(relay.failed)
        if code != 0 or relay.made is None:
            environment.distrust()
            said = " ".join(relay.other[-3:]) or f"exit code {code}"
            raise ExportFailed(f"The exporter ended without a pack ({said}). Its log: {folder / 'steps' / 'log.txt'}")
        return relay.made

    def _publish(self, order: Order, made: Mapping[str, Any]) -> Path:
        """Checks the pack as the engine does, moves it into the registry, and writes its hashes down."""
        folder = Path(str(made["folder"]))
        wanted = {key: made[key] for key in ("version", "licence", "restriction", "files")}
        entry = msgspec.convert(wanted, PackEntry)
        Pack.open(folder, index=shipped().plus({order.name: entry})).check()
        root = self._registry.root
        target, old = root / order.name, root / ".incoming" / f".old-{order.name}"
        with exclusive(root / ".lock", timeout_s=_LOCK_TIMEOUT_S):
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(old, ignore_errors=True)
            if os.path.lexists(target):
                target.replace(old)
            folder.replace(target)
            local_index.add(self._home, order.name, entry)
            shutil.rmtree(old, ignore_errors=True)
        return target


class Relay:
    """Turns the exporter's lines into progress. `made` and `failed` hold its last word, `other` what was no event."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._begun: set[str] = set()
        self.made: dict[str, Any] | None = None
        self.failed: str | None = None
        self.other: list[str] = []

    def __call__(self, line: str) -> None:
        """One line of the exporter's output."""
        event = child.event(line)
        kind, task = (event or {}).get("event"), str((event or {}).get("task", ""))
        if event is None:
            self.other = [*self.other[-20:], line]
        elif kind == "begin":
            self._begun.add(task)
            total = event.get("total")
            self._progress.begin(task, total=total if isinstance(total, int) else None, unit=str(event.get("unit", "")))
        elif kind == "advance" and task in self._begun:
            self._progress.advance(task, int(event.get("done", 0)))
        elif kind == "note" and task in self._begun:
            self._progress.note(task, str(event.get("text", "")))
        elif kind == "end" and task in self._begun:
            self._progress.end(task)
        elif kind == "made":
            self.made = event
        elif kind == "failed":
            self.failed = str(event.get("message"))


def recipes() -> list[dict[str, Any]]:
    """Every recipe as a row: name, title, route, licence, sizes."""
    rows: list[dict[str, Any]] = _ask(["recipes"])["rows"]
    return rows


def plan(order: Order) -> dict[str, Any]:
    """What an export would do, by the recipe alone; nothing is fetched. Raises `ExportFailed`."""
    return _ask(["plan", *order.words])


def check_name(name: str) -> None:
    """Raises `InstallError` where a pack may not have this name."""
    if name in shipped().packs or name in shipped().groups:
        raise InstallError(
            f"{name} is the name of one of Vitrine's own models; choose another one for yours: --name my-{name}"
        )
    try:
        msgspec.convert(name, PackName)
    except msgspec.ValidationError as error:
        raise InstallError(
            f"{name!r} cannot be the name of a pack: small letters, digits and single hyphens, at most 64."
        ) from error


def clean(home: Path) -> int:
    """Deletes the converting environments and what unfinished exports left; returns the bytes that became free."""
    folder = home / "export"
    if not folder.is_dir():
        return 0
    with exclusive(folder / ".lock", timeout_s=0.0):
        freed = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
        for name in ("environments", "work"):
            shutil.rmtree(folder / name, ignore_errors=True)
        return freed


def _ask(words: list[str]) -> dict[str, Any]:
    """One answer of `python -m export` in this very Python: plain data about recipes needs nothing else."""
    spec = importlib.util.find_spec("export")
    if spec is None or not spec.submodule_search_locations:
        raise InstallError("The package export is not installed. Run: pip install --force-reinstall vitrine-vr")
    parent = Path(next(iter(spec.submodule_search_locations))).parent
    installed = parent.name in ("site-packages", "dist-packages")
    shown = subprocess.run(
        [sys.executable, "-m", "export", *words],
        cwd=None if installed else parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_ASK_TIMEOUT_S,
        check=False,
    )
    event = child.event(shown.stdout.strip().splitlines()[-1]) if shown.stdout.strip() else None
    if event is None:
        said = (shown.stderr.strip().splitlines() or [f"exit code {shown.returncode}"])[-1]
        raise ExportFailed(f"The recipes cannot be read: {said}")
    if event.get("event") == "failed":
        raise ExportFailed(str(event.get("message")))
    return event
