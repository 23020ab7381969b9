"""A result as JUnit XML: one test case a check and a threshold, so that a build server shows what was missed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ..thresholds import Verdict
from .source import Check, Result, typed

# What XML 1.0 cannot hold, not even escaped.
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")


def write(result: Mapping[str, Any], verdicts: Iterable[Verdict], path: Path) -> None:
    """Writes one suite. Raises `NotAResult` or `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.indent(root := suites(typed(result), list(verdicts)))
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def suites(result: Result, verdicts: list[Verdict]) -> Element:
    """The document's root: every check, then every threshold."""
    cases = [_check(check) for check in result.checks] + [_threshold(verdict) for verdict in verdicts]
    failed = sum(failure is not None for _, _, failure in cases)
    counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0"}
    root = Element("testsuites", counts)
    name = f"vitrine.bench.{clean(result.scenario)}"
    moment = TIME.match(str(result.environment.get("time_utc", "")))
    started = moment[1] if moment else "1970-01-01T00:00:00"
    known = {"name": name, "skipped": "0", "time": "0", "hostname": "localhost", "timestamp": started}
    suite = SubElement(root, "testsuite", {**known, **counts})
    _properties(suite, result)
    for kind, title, failure in cases:
        case = SubElement(suite, "testcase", classname=f"{name}.{kind}", name=clean(title), time="0")
        if failure is not None:
            SubElement(case, "failure", type=kind, message=clean(failure)).text = clean(failure)
    SubElement(suite, "system-out").text = clean("\n".join(result.warnings))
    SubElement(suite, "system-err")
    return root


def clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return ILLEGAL.sub("\ufffd", text)


def _check(check: Check) -> tuple[str, str, str | None]:
    unit = f" {check.unit}" if check.unit else ""
    note = f" ({check.note})" if check.note else ""
    wanted = f"measured {check.measured:.6g}{unit}, wanted {check.comparison} {check.target:.6g}{unit}{note}"
    return "target", check.name, None if check.held else wanted


def _threshold(verdict: Verdict) -> tuple[str, str, str | None]:
    one = verdict.threshold
    found = f"measured {verdict.measured:.6g}, which must not be {one.comparison} {one.limit:.6g}"
    return "threshold", str(one), found if verdict.crossed else None


def _properties(suite: Element, result: Result) -> None:
    properties = SubElement(suite, "properties")
    for name, value in [*flat(result.environment), *flat(result.options, "option")]:
        SubElement(properties, "property", name=clean(name), value=clean(value))


def flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested plain data as dotted names and texts."""
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        found += flat(value, name) if isinstance(value, Mapping) else [(name, plain(value))]
    return found


def plain(value: Any) -> str:
    """A leaf as text."""
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(one) for one in value)
    return "" if value is None else str(value)
