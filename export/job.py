"""One export from beginning to end: fetch, check, convert, ask the source, try candidates, decide, write the pack.

Each step leaves its result in the work folder, keyed by what it follows from, so that the next try goes on from there.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.engine.manifest import MANIFEST_FILE

from . import assemble, auto, card, decoders, environment_text, evaluate, fetching, finding, probes, quantize, route
from .accuracy import Comparison
from .auto import Row
from .candidates import Candidate, Device, candidates
from .constants import data_files, tidy
from .errors import DiskFull, ExportError
from .licences import Terms
from .origin import Fetched, Hub, Local
from .publish import publish
from .recipe import GraphSpec, Recipe
from .runner_config import resolve, runner_files, sizes
from .sessions import Session
from .stages import Stages, key_of
from .telling import Tell

_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT
_CODE_VERSION = 1  # of the steps below: a change of it makes every earlier result stale


@dataclass(frozen=True)
class Request:
    """What is to be made. `into` gets the folder `name`; `work` keeps the steps; `accepted` is the licence that the
    person accepted by name; `origin` None means the recipe's own source.
    """

    name: str
    recipe: Recipe
    origin: Hub | Local | None
    device: Device
    precision: str
    accepted: str | None
    into: Path
    work: Path
    budget_s: float = 20.0


@dataclass
class Made:
    """A published pack: its folder, the sha256 and size of each file, and the table that the precision was chosen
    by.
    """

    folder: Path
    version: str
    licence: str
    restriction: str
    files: Mapping[str, tuple[str, int]]
    table: str
    rows: Sequence[Row] = field(default_factory=list)


def run(request: Request, tell: Tell) -> Made:
    """Makes the pack. Raises `ExportError`; what is done is kept in `request.work`, and nothing half-made is
    published.
    """
    candidates(request.recipe, request.device, request.precision)  # what cannot be made is said before the fetch
    request.work.mkdir(parents=True, exist_ok=True)
    with plain_disk_errors(request.work):
        stages = Stages(request.work)
        fetched = fetching.fetch(request.recipe, request.origin, request.accepted, stages, tell)
        job = _Job(request, stages, fetched.files, fetched.terms, tell)
        return job.make()


@contextmanager
def plain_disk_errors(folder: Path) -> Iterator[None]:
    """Turns a full disk, and what else the disk refuses, into `ExportError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                f"The disk that holds {folder} is full. Free some space or set VITRINE_HOME to another disk, then run "
                "the same command again; it goes on where it stopped."
            ) from error
        raise ExportError(
            f"{error.filename or folder} cannot be read or written ({error.strerror or error})."
        ) from error


class _Job:
    """The steps after the fetch."""

    def __init__(self, request: Request, stages: Stages, files: Sequence[Fetched], terms: Terms, tell: Tell) -> None:
        self._request, self._stages, self._tell = request, stages, tell
        self._files, self._terms = files, terms
        self._source = stages.folder / fetching.SOURCE
        self._route = route.load(request.recipe.route)
        finding.check_architecture(request.recipe, self._source)
        self._recipe = resolve(request.recipe, self._source)
        self._known = sizes(request.recipe, self._source)
        digest = [(file.path, file.sha256) for file in files]
        self._key = key_of(_CODE_VERSION, digest, _as_data(self._recipe), environment_text.versions())

    def make(self) -> Made:
        """Converts, checks, decides, publishes."""
        runner = (self._route.runner or runner_files)(self._request.recipe, self._source)
        converted = self._convert()
        answers, greedy = self._ask(converted)
        rows = self._try(converted, answers)
        kept = [row for row in rows if row.chosen]
        parts = assemble.Parts(self._request.name, self._recipe, self._terms, self._files, kept, runner)
        text = card.write(parts, rows, device=self._request.device, greedy=greedy)
        return self._publish(assemble.files(parts, text), rows)

    def _convert(self) -> dict[str, Path]:
        with self._task("converting"):
            folder = self._stages.step("converted", self._key, self._run_route)
        return {graph.name: folder / f"{graph.name}.onnx" for graph in self._recipe.graphs}

    def _run_route(self, folder: Path) -> None:
        made = self._route.convert(self._request.recipe, self._source, folder)
        for graph in self._recipe.graphs:
            file = made.get(graph.name)
            if file != folder / f"{graph.name}.onnx" or not file.is_file():
                raise ExportError(f"The route {self._recipe.route} made no {graph.name}.onnx.")
            tidy(file)
            data_files(file)  # they lie beside it, or this raises
        gc.collect()

    def _ask(self, converted: Mapping[str, Path]) -> tuple[Path, dict[str, int]]:
        """The source's answers; decoders are compared with the source step by step while it is in memory."""
        with self._task("asking the source"):
            folder = self._stages.step("answers", self._key, lambda part: self._run_source(converted, part))
        greedy = {
            graph.name: int((folder / f"{graph.name}-greedy.txt").read_text())
            for graph in self._recipe.graphs
            if decoders.is_decoder(graph)
        }
        return folder, greedy

    def _run_source(self, converted: Mapping[str, Path], folder: Path) -> None:
        if self._route.reference is None:
            raise ExportError(
                f"The route {self._recipe.route} cannot run its source, so nothing can be held against it."
            )
        reference = self._route.reference(self._request.recipe, self._source)
        probes.ask(self._recipe, self._known, reference, self._source, folder)
        for graph in self._recipe.graphs:
            if decoders.is_decoder(graph):
                session = Session(converted[graph.name])
                _fail_on_values(self._recipe, graph, evaluate.compare(graph, session, folder))
                count = decoders.check(
                    graph,
                    session.run,
                    lambda feeds, name=graph.name: reference(name, feeds),  # type: ignore[misc]
                    vocabulary=self._known["vocabulary"],
                )
                (folder / f"{graph.name}-greedy.txt").write_text(str(count))

    def _try(self, converted: Mapping[str, Path], answers: Path) -> list[Row]:
        """Every candidate of every graph, and for each graph the one that is kept."""
        choice = candidates(self._recipe, self._request.device, self._request.precision)
        rows: list[Row] = []
        with self._task("trying precisions", total=len(self._recipe.graphs), unit="graphs") as task:
            for index, graph in enumerate(self._recipe.graphs):
                found = evaluate.evaluate(
                    self._recipe,
                    graph,
                    converted[graph.name],
                    answers,
                    choice,
                    make=lambda candidate, file, name=graph.name: self._candidate(name, candidate, file),  # type: ignore[misc]
                    device=self._request.device,
                    note=lambda text: self._tell.note(task, text),
                )
                if len(choice) > 1:
                    evaluate.time_rows(
                        found,
                        graph,
                        answers,
                        device=self._request.device,
                        budget_s=self._request.budget_s,
                        note=lambda text: self._tell.note(task, text),
                    )
                rows += found
                self._tell.advance(task, index + 1)
        auto.choose(rows, self._request.precision)
        return rows

    def _candidate(self, graph: str, candidate: Candidate, converted: Path) -> Path:
        name = f"{graph}-{candidate.precision}" if candidate.precision != "int8" else f"{graph}-{candidate.name}"
        folder = self._stages.step(
            f"candidate-{graph}-{candidate.name}",
            key_of(self._key, candidate.method),
            lambda part: quantize.make(candidate, converted, part / f"{name}.onnx"),
        )
        return folder / f"{name}.onnx"

    def _publish(self, files: Mapping[str, bytes | Path], rows: Sequence[Row]) -> Made:
        with self._task("writing the pack"):
            _check_space(files, self._request.into)
            folder = self._request.into / self._request.name
            publish(files, folder)
            digests = assemble.digests(folder)
        assert MANIFEST_FILE in digests
        terms = self._terms
        return Made(
            folder, self._recipe.version, terms.licence.spdx, terms.restriction, digests, auto.table(rows), list(rows)
        )

    @contextmanager
    def _task(self, task: str, *, total: int | None = None, unit: str = "") -> Iterator[str]:
        self._tell.begin(task, total=total, unit=unit)
        yield task
        self._tell.end(task)


def _fail_on_values(recipe: Recipe, graph: GraphSpec, comparison: Comparison) -> None:
    gate = recipe.gates.get("fp32") or next(iter(recipe.gates.values()))
    for failure in comparison.failures(graph.name, gate):
        raise failure


def _check_space(files: Mapping[str, bytes | Path], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    needed = sum(len(item) if isinstance(item, bytes) else item.stat().st_size for item in files.values())
    free = shutil.disk_usage(into).free
    if free < needed:
        raise DiskFull(
            f"The pack needs {needed / 1e6:.0f} MB in {into}, there are {free / 1e6:.0f} MB free. Free some space, "
            "then run the same command again; it goes on where it stopped."
        )


def _as_data(recipe: Recipe) -> dict[str, Any]:
    """What a conversion follows from; titles and notes may change without a new one."""
    return {
        "architecture": recipe.architecture,
        "route": recipe.route,
        "graphs": [repr(graph) for graph in recipe.graphs],
        "parts": sorted(recipe.parts),
    }
