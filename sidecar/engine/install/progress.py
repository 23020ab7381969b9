"""What an installation tells while it goes on."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Shows tasks that run side by side; calls may come from several threads."""

    def begin(self, task: str, *, total: int | None, unit: str) -> None:
        """A task starts; `total` is in `unit` (`bytes` or `models`), None if unknown."""

    def advance(self, task: str, done: int) -> None:
        """So much of the task's total is done."""

    def note(self, task: str, text: str) -> None:
        """What the task does just now."""

    def end(self, task: str) -> None:
        """The task is complete."""
