"""`python -m export recipes | plan | model`: what `vitrine export` runs. Events go to standard output, one JSON a
line.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from . import estimate, fetching, finding, licences, origin
from .errors import ExportError
from .origin import Hub, Local
from .recipe import HubSource, Recipe
from .telling import Lines

COMMANDS = ("recipes", "plan", "model")
LOG = "log.txt"


def main(argv: Sequence[str]) -> int:
    """Runs one command; 0 if it did what it was asked for."""
    arguments = _parser().parse_args(argv)
    lines = Lines(_own_output(arguments.work / LOG) if arguments.command == "model" else None)
    try:
        if arguments.command == "recipes":
            lines.say(event="recipes", rows=[_row(recipe) for recipe in finding.recipes().values()])
        elif arguments.command == "plan":
            lines.say(event="plan", **_plan(arguments))
        else:
            _model(arguments, lines)
    except ExportError as error:
        lines.say(event="failed", kind=type(error).__name__, message=str(error))
        return 1
    except Exception as error:  # the one place where what nobody foresaw becomes a sentence; the rest goes into the log
        traceback.print_exc()
        where = f" The details are in {arguments.work / LOG}." if arguments.command == "model" else ""
        lines.say(event="failed", kind=type(error).__name__, message=f"{type(error).__name__}: {_first(error)}{where}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export", description="Exports models of the hub.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("recipes", help="every recipe, as one JSON")
    plan = commands.add_parser("plan", help="what an export would do, as one JSON; fetches nothing")
    model = commands.add_parser("model", help="make one pack")
    for command in (plan, model):
        command.add_argument("recipe", metavar="NAME")
        command.add_argument("--from", dest="origin", metavar="HUB_ID|FOLDER|FILE")
        command.add_argument("--device", choices=("cpu", "cuda", "directml"), default="cpu")
        command.add_argument("--precision", choices=("auto", "fp32", "fp16", "int8", "int4"), default="auto")
        command.add_argument("--accept-licence", metavar="ID")
    model.add_argument("--name", required=True, help="name of the pack")
    model.add_argument("--into", type=Path, required=True, help="folder that gets the pack's folder")
    model.add_argument("--work", type=Path, required=True, help="folder of the steps; the next try goes on from there")
    model.add_argument("--budget", type=float, default=20.0, help="seconds for timing one graph's candidates")
    return parser


def _own_output(log: Path) -> TextIO:
    """A stream of our own on the real standard output, where everything else that is printed goes into a log: libraries
    say much, and not in JSON."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    with log.open("ab") as stream:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    return events


def _row(recipe: Recipe) -> dict[str, object]:
    """One recipe for the table."""
    size = recipe.megabytes.get("fp16") or recipe.megabytes.get("fp32") or max(recipe.megabytes.values())
    return {
        "name": recipe.name,
        "title": recipe.title,
        "task": recipe.task,
        "architecture": recipe.architecture,
        "route": recipe.route,
        "runner": recipe.runner,
        "licence": recipe.licence.spdx,
        "restriction": recipe.restriction,
        "megabytes": dict(recipe.megabytes),
        "size_mb": size,
        "source": estimate.source_text(recipe, None),
        "hub": isinstance(recipe.source, HubSource),
    }


def _plan(arguments: argparse.Namespace) -> dict[str, object]:
    recipe, source = _chosen(arguments)
    terms = fetching.terms_before(recipe, source)
    known = terms is not None
    terms = terms or licences.of_repository(recipe, getattr(source, "repository", ""), None, "the repository's page")
    document = estimate.document(recipe, terms, source, arguments.device, arguments.precision)
    refused = ""
    if known:
        try:
            licences.require(terms, arguments.accept_licence, name=recipe.title)
        except ExportError as error:
            refused = str(error)
    return document | {"refused": refused, "licence_known": known}


def _model(arguments: argparse.Namespace, lines: Lines) -> None:
    from . import auto, job  # ONNX, its runtime and what the route needs: only where a pack is made

    recipe, source = _chosen(arguments)
    request = job.Request(
        name=arguments.name,
        recipe=recipe,
        origin=source,
        device=arguments.device,
        precision=arguments.precision,
        accepted=arguments.accept_licence,
        into=arguments.into,
        work=arguments.work,
        budget_s=arguments.budget,
    )
    made = job.run(request, lines)
    lines.say(
        event="made",
        pack=arguments.name,
        folder=str(made.folder),
        version=made.version,
        licence=made.licence,
        restriction=made.restriction,
        files={name: {"sha256": digest, "bytes": size} for name, (digest, size) in made.files.items()},
        table=[list(auto.HEAD), *(auto.cells(row) for row in made.rows)],
    )


def _chosen(arguments: argparse.Namespace) -> tuple[Recipe, Hub | Local | None]:
    return finding.find(arguments.recipe), origin.parse(arguments.origin) if arguments.origin else None


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
