"""What an export tells while it goes on: one JSON object a line on standard output, for the command that started it."""

from __future__ import annotations

import json
import sys
import time
from typing import Protocol, TextIO

EVERY_S = 0.1


class Tell(Protocol):
    """Shows tasks one after another."""

    def begin(self, task: str, *, total: int | None = None, unit: str = "") -> None:
        """A task starts; `total` is in `unit` (`bytes`, `files`, `runs`), None if unknown."""

    def advance(self, task: str, done: int) -> None:
        """So much of the task's total is done."""

    def note(self, task: str, text: str) -> None:
        """What the task does just now."""

    def end(self, task: str) -> None:
        """The task is complete."""


class Lines:
    """Writes the lines: `{event, task, done, total, unit, text}`; an `advance` at most ten times a second."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._totals: dict[str, int | None] = {}
        self._told_at = 0.0

    def begin(self, task: str, *, total: int | None = None, unit: str = "") -> None:
        """See `Tell`."""
        self._totals[task] = total
        self.say(event="begin", task=task, total=total, unit=unit)

    def advance(self, task: str, done: int) -> None:
        """See `Tell`."""
        now = time.monotonic()
        if done == self._totals.get(task) or now - self._told_at >= EVERY_S:
            self._told_at = now
            self.say(event="advance", task=task, done=done)

    def note(self, task: str, text: str) -> None:
        """See `Tell`."""
        self.say(event="note", task=task, text=text)

    def end(self, task: str) -> None:
        """See `Tell`."""
        self.say(event="end", task=task)

    def say(self, **event: object) -> None:
        """One line."""
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()
