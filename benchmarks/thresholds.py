"""Thresholds of a run: `--fail-if 'p99_age_ms>30'` fails it when the 99th percentile of the row "age" is above 30 ms.

A name is the quantile, the row's name and its unit, or the name of a single value or of a check, in small letters with
`_` between the words: `p99.9_age_at_every_refresh_ms`, `max_service_ms`, `answered_frames_a_second_at_90_hz`.
"""

from __future__ import annotations

import argparse
import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CROSSED = 4
FORM = re.compile(r"\s*([A-Za-z0-9_.]{1,200})\s*(<=|>=|==|<|>)\s*(\S{1,40})\s*")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
}  # fmt: skip
QUANTILE = re.compile(r"p(\d\d)[._]?(\d*)")
OTHERS = ("max", "mean", "count")


class BadThreshold(argparse.ArgumentTypeError):
    """A threshold is not of the form, or names what was not measured; the message says what would do."""


@dataclass(frozen=True)
class Threshold:
    """What must not happen: the named figure compares so with the limit."""

    name: str
    comparison: str
    limit: float

    def __str__(self) -> str:
        return f"{self.name}{self.comparison}{self.limit:g}"


@dataclass(frozen=True)
class Verdict:
    """A threshold and what was measured."""

    threshold: Threshold
    measured: float

    @property
    def crossed(self) -> bool:
        """Whether the run fails by it; a figure that is not a number always does."""
        if math.isnan(self.measured):
            return True
        return COMPARISONS[self.threshold.comparison](self.measured, self.threshold.limit)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the result's details."""
        found = {"threshold": str(self.threshold), "name": self.threshold.name, "limit": self.threshold.limit}
        return {**found, "comparison": self.threshold.comparison, "measured": self.measured, "crossed": self.crossed}

    def __str__(self) -> str:
        word = "CROSSED" if self.crossed else "kept"
        return f"{word}: fail if {self.threshold}; measured {self.measured:.6g}"


def parse(text: str) -> Threshold:
    """A threshold from words as on the command line; fits argparse's `type`. Raises `BadThreshold`."""
    form = FORM.fullmatch(text)
    if form is None:
        raise BadThreshold(f"{text[:80]!r} is no threshold; write a name, one of < <= > >= ==, and a number: "
                           "'p99_age_ms>30'")  # fmt: skip
    name, comparison, limit = form.groups()
    try:
        number = float(limit)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadThreshold(f"{limit!r} in {text[:80]!r} is no number; write 'p99_age_ms>30'")
    return Threshold(name.lower(), comparison, number)


def judge(result: Mapping[str, Any], thresholds: Iterable[Threshold]) -> list[Verdict]:
    """Every threshold with what the result (a report's `as_dict()`) measured. Raises `BadThreshold`."""
    known = figures(result)
    return [Verdict(one, _figure(known, one.name)) for one in thresholds]


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0, or 4 when one is crossed."""
    return CROSSED if any(verdict.crossed for verdict in verdicts) else 0


def figures(result: Mapping[str, Any]) -> dict[str, float | None]:
    """Every figure of a result by the name that a threshold uses; None where one name fits two different figures."""
    known: dict[str, float | None] = {}
    for row in result["rows"]:
        for key, value in row["summary"].items():
            _add(known, "_".join(filter(None, (quantile(key), slug(row["name"]), slug(row["unit"])))), value)
    for name, value in result["values"].items():
        _add(known, slug(name), value)
    for check in result["checks"]:
        _add(known, slug(check["name"]), check["measured"])
    return known


def quantile(key: str) -> str:
    """A summary's key as people write it: p999 and p99_9 are p99.9."""
    form = QUANTILE.fullmatch(key)
    if form is None:
        return key
    return f"p{form[1]}.{form[2]}" if form[2] else f"p{form[1]}"


def slug(name: str) -> str:
    """A name in small letters and digits, with `_` between the words."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower().replace("%", " percent ")).strip("_")


def _add(known: dict[str, float | None], name: str, value: float) -> None:
    known[name] = float(value) if name not in known or known[name] == value else None


def _figure(known: Mapping[str, float | None], name: str) -> float:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise BadThreshold(f"nothing measured is called {name!r}{hint}\nknown: {', '.join(sorted(known))}")
    value = known[name]
    if value is None:
        raise BadThreshold(f"{name!r} fits two figures of this result; it cannot be judged")
    return value
