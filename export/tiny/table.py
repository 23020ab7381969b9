"""Holds every recipe's small random model against its export: `python -m export tiny --all` prints the table.

For each recipe: a source folder of the recipe's own class (or a stand-in ONNX file where the libraries have none), the
recipe's route, ONNX Runtime on the result, and the source itself, at every size that the recipe names.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import decoders, graph_check, route
from ..errors import ExportError
from ..recipe import GraphSpec, Recipe
from ..recipes.hub import RECIPES
from ..route import Reference
from ..routes.example import feeds
from ..runner_config import resolve, runner_files, sizes
from ..sessions import Session
from .ready import write as write_stand_in
from .source import has_source
from .source import write as write_source

TOLERANCE = 5e-5  # of the largest magnitude of an answer: float32 on another kernel, a few layers deep
_SEED = 7


@dataclass
class Result:
    """What was seen of one graph: the largest difference, the answer's largest magnitude, how many sizes were tried."""

    recipe: str
    route: str
    graph: str
    max_abs: float = 0.0
    magnitude: float = 0.0
    sizes: int = 0
    seconds: float = 0.0
    greedy: int | None = None
    problem: str = ""
    inputs: tuple[str, ...] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        """Whether it lies within the tolerance everywhere, and could be tried at all."""
        return not self.problem and self.sizes > 0 and self.max_abs <= TOLERANCE * max(1.0, self.magnitude)


def check(recipe: Recipe, folder: Path) -> Iterator[Result]:
    """Makes the recipe's small model in `folder`, exports it, yields a result a graph. Raises `ExportError`."""
    source, target = folder / "source", folder / "onnx"
    target.mkdir(parents=True)
    if has_source(recipe):
        write_source(recipe, source)
    else:
        write_stand_in(recipe, source)
    module = route.load(recipe.route)
    began = time.perf_counter()
    files = module.convert(recipe, source, target)
    converted = (time.perf_counter() - began) / len(files)
    (module.runner or runner_files)(recipe, source)  # the runner, too, must come out of this source
    assert module.reference is not None
    reference = module.reference(recipe, source)
    known = sizes(recipe, source)
    for graph in resolve(recipe, source).graphs:
        began = time.perf_counter()
        result = _held(recipe, graph, files[graph.name], reference, known)
        result.seconds = converted + time.perf_counter() - began
        yield result


def _held(recipe: Recipe, graph: GraphSpec, file: Path, reference: Reference, known: Mapping[str, int]) -> Result:
    """One graph at every size. Raises `ExportError` for names, shapes, a cache or greedy tokens that differ."""
    session = Session(file)
    result = Result(recipe.name, recipe.route, graph.name, inputs=tuple(tensor.name for tensor in graph.inputs))
    graph_check.check_declared(graph, session)
    for index, vary in enumerate(graph.vary):
        given = feeds(graph, known, vary, seed=_SEED + index)
        answers, found = reference(graph.name, given), session.run(given)
        graph_check.check_answers(graph, vary, found)
        graph_check.check_answers(graph, vary, answers)
        for name, values in answers.items():
            difference = np.abs(np.asarray(found[name], np.float64) - values)
            result.max_abs = max(result.max_abs, float(difference.max(initial=0.0)))
            result.magnitude = max(result.magnitude, float(np.abs(values).max(initial=0.0)))
        result.sizes += 1
    if decoders.is_decoder(graph):
        result.greedy = decoders.check(
            graph, session.run, lambda given: reference(graph.name, given), vocabulary=known["vocabulary"]
        )
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table of the named recipes, or of all; 0 if every row passed."""
    parser = argparse.ArgumentParser(prog="python -m export tiny", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", help="recipes to try")
    parser.add_argument("--all", action="store_true", help="every recipe of the hub")
    arguments = parser.parse_args(argv)
    if not arguments.names and not arguments.all:
        parser.error("name recipes, or give --all")
    with quiet():
        return _print([recipe for recipe in RECIPES if arguments.all or recipe.name in arguments.names])


def _print(chosen: Sequence[Recipe]) -> int:
    print(f"{'recipe':22}{'route':9}{'graph':18}{'sizes':>6}{'max error':>11}{'largest':>9}{'seconds':>9}  result")
    rows: list[Result] = []
    for recipe in chosen:
        for row in tried(recipe):
            rows.append(row)
            print(line(row), flush=True)
    bad = [row for row in rows if not row.passed]
    print(f"{len(rows) - len(bad)} of {len(rows)} graphs of {len(chosen)} recipes pass")
    return 1 if bad or not rows else 0


def tried(recipe: Recipe) -> Iterator[Result]:
    """The rows of one recipe; what goes wrong becomes a row of its own."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield from check(recipe, Path(folder))
        except ExportError as error:
            yield Result(recipe.name, recipe.route, "-", problem=f"{type(error).__name__}: {error}")


def line(row: Result) -> str:
    """One line of the table."""
    told = row.problem or ("equal" if row.passed else "too far")
    if row.greedy is not None:
        told += f", cache equal, {row.greedy} greedy tokens equal"
    return (
        f"{row.recipe:22}{row.route:9}{row.graph:18}{row.sizes:6}{row.max_abs:11.1e}{row.magnitude:9.2f}"
        f"{row.seconds:9.1f}  {told}"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silences what the libraries say about tracing while this lasts, and keeps them off the network."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
