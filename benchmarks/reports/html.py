"""A result as one page that needs nothing else: its style, script and data stand inside, and it may load nothing.

    python -m benchmarks html RESULT.json OUT.html --baseline BEFORE.json
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from rich.console import Console

from .. import compare
from ..report import MISSED
from . import sections, view
from .markup import EMPTY, Markup, join, tag, text, words
from .source import Result, read, typed

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """A written page."""

    path: Path
    document: Mapping[str, Any]

    def show(self, console: Console) -> None:
        """Says where it is."""
        console.print(f"Written to {self.path.absolute()}", soft_wrap=True, highlight=False, markup=False)

    def write(self, path: Path) -> None:
        """Writes the result that the page shows once more. Raises `OSError`."""
        path.write_text(json.dumps(self.document, indent=2, allow_nan=False) + "\n", encoding="utf-8")

    def exit_code(self, *, judged: bool) -> int:
        """0, or 3 when targets count and the result missed one."""
        return MISSED if judged and any(not check["held"] for check in self.document["checks"]) else 0


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("result", type=Path, metavar="RESULT.json", help="a result that was written with --json")
    parser.add_argument("page", type=Path, metavar="OUT.html", help="the page to write")
    parser.add_argument("--baseline", type=Path, metavar="BEFORE.json", help="an earlier result to compare with")


def run(options: argparse.Namespace) -> Page:
    """Reads the result and writes the page. Raises `NotAResult` or `OSError`."""
    document = read(options.result)
    write(document, options.page, baseline=read(options.baseline) if options.baseline else None)
    return Page(options.page, document)


def write(result: Mapping[str, Any], path: Path, baseline: Mapping[str, Any] | None = None) -> None:
    """Writes the page. Raises `NotAResult` or `OSError`."""
    page = document(result, baseline)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def document(result: Mapping[str, Any], baseline: Mapping[str, Any] | None = None) -> str:
    """The page's text. Raises `NotAResult`."""
    found = typed(result)
    before = typed(baseline, "the baseline") if baseline is not None else None
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    compared = compare.compare(baseline, result) if baseline is not None else None
    return Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        style=style, script=script, style_hash=_hash(style), script_hash=_hash(script),
        title=text(f"{found.scenario}: latency report"), data=_data(found, before),
        body=_body(found, compared),
    )  # fmt: skip


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _data(result: Result, before: Result | None) -> str:
    """What the script draws, as JSON that cannot end its element."""
    curves = view.curves(result) + (view.curves(before, baseline=True) if before is not None else [])
    calls = view.timeline(result.calls) if result.calls is not None and len(result.calls) else None
    data = {"hz": result.refresh_hz, "curves": curves, "calls": calls}
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _body(result: Result, compared: compare.Comparison | None) -> Markup:
    calls = result.calls if result.calls is not None and len(result.calls) else None
    return join([
        _header(result),
        tag(
            "main",
            tag("div", _card("Verdict", sections.sentences(result), sections.tiles(result),
                             sections.warnings(result)),
                _card("Targets", sections.targets(result)), class_="pair"),
            _card("This run against the baseline", sections.comparison(compared)) if compared else EMPTY,
            tag("div", _card("Latency by percentile", _plot("curve")),
                _card("Where the time goes", sections.stages(calls)) if calls else EMPTY, class_="pair uneven"),
            _card("Timeline", _timeline(result)) if calls else EMPTY,
            _card("The slowest calls", sections.waterfall(result, calls)) if calls else EMPTY,
            _card("Every series", sections.series(result)) if result.rows else EMPTY,
            _card("Values", sections.values(result)) if result.values else EMPTY,
            _card("Measured on", sections.environment(result)),
        ),
    ])  # fmt: skip


def _header(result: Result) -> Markup:
    facts = [words(str(result.environment[key]), "environment", key) for key in ("time_utc", "cpu", "system")
             if isinstance(result.environment.get(key), str)]  # fmt: skip
    title = tag("h1", words(result.scenario, "scenario"), text(" "), sections.headline(result))
    return tag("header", title, tag("p", join(facts, " · "), class_="muted"))


def _card(title: str, *content: Markup) -> Markup:
    return tag("section", tag("h2", text(title)), *content, class_="card") if any(content) else EMPTY


def _plot(name: str) -> Markup:
    button = tag("button", text("Linear"), type="button", data_scale=name)
    return tag("div", tag("div", class_="key", id=f"{name}-key"), button, tag("div", id=name, class_="plot"),
               class_="drawing")  # fmt: skip


def _timeline(result: Result) -> Markup:
    hint = tag("p", text("Point at a call, or press the arrow keys, to see it. "), tag("span", id="drawn"),
               class_="muted", id="timeline-hint")  # fmt: skip
    canvas = tag("canvas", id="timeline", tabindex="0", role="img", aria_label="Latency of every call over time",
                 aria_describedby="timeline-hint")  # fmt: skip
    button = tag("button", text("Linear"), type="button", data_scale="timeline")
    tip = tag("div", id="tip", role="status", hidden="")
    return join([tag("div", tag("div", class_="key", id="timeline-key"), button, tag("div", canvas, class_="plot"), tip,
                     class_="drawing"), hint])  # fmt: skip
