"""Tests that need a card are deselected where there is none, and the summary counts and names them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))  # tiny_graphs, whichever folder is collected first

import card

LEFT = pytest.StashKey[dict[str, list[str]]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept: list[pytest.Item] = []
    gone: list[pytest.Item] = []
    left: dict[str, list[str]] = {}
    for item in items:
        mark = item.get_closest_marker("device")
        why = card.why_none(*mark.args) if mark is not None else None
        (kept if why is None else gone).append(item)
        if why is not None:
            left.setdefault(why, []).append(item.nodeid)
    config.stash[LEFT] = left
    if gone:
        items[:] = kept
        config.hook.pytest_deselected(items=gone)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for why, names in config.stash.get(LEFT, {}).items():
        tests = "device test" if len(names) == 1 else "device tests"
        cases = Counter(name.split("[")[0] for name in names)
        told = ", ".join(name if count == 1 else f"{name} ({count} cases)" for name, count in cases.items())
        terminalreporter.write_line(f"{len(names)} {tests} not run: {why}: {told}", yellow=True)
