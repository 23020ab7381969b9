"""How commands that take long show it: bars for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

LINE_EVERY_S = 0.1


class JsonLines:
    """The progress of an installation for programs: one object a line, `{event, task, done, total, unit, text}`.

    `event` is `plan` (what would be downloaded), `begin`, `advance`, `note`, `end` of a task, and one `done` or `error`
    at the very end. Every key is in every line; `total` is null where it is unknown. A task's `advance` comes at most
    ten times a second.
    """

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._lock = threading.Lock()  # tasks run side by side
        self._totals: dict[str, tuple[int | None, str]] = {}
        self._told_at: dict[str, float] = {}
        self._done: dict[str, int] = {}

    def tell(
        self, event: str, task: str = "", *, done: int = 0, total: int | None = None, unit: str = "", text: str = ""
    ) -> None:
        """One line."""
        row = {"event": event, "task": task, "done": done, "total": total, "unit": unit, "text": text}
        with self._lock:
            self._out.write(json.dumps(row) + "\n")
            self._out.flush()

    def begin(self, task: str, *, total: int | None, unit: str) -> None:
        """A task starts; `total` is in `unit`, None if unknown."""
        self._totals[task] = (total, unit)
        self.tell("begin", task, total=total, unit=unit)

    def advance(self, task: str, done: int) -> None:
        """So much of the task's total is done."""
        total, unit = self._totals.get(task, (None, ""))
        now = self._clock()
        self._done[task] = done
        if done != total and now - self._told_at.get(task, float("-inf")) < LINE_EVERY_S:
            return
        self._told_at[task] = now
        self.tell("advance", task, done=done, total=total, unit=unit)

    def note(self, task: str, text: str) -> None:
        """What the task does just now."""
        total, unit = self._totals.get(task, (None, ""))
        self.tell("note", task, done=self._done.get(task, 0), total=total, unit=unit, text=text)

    def end(self, task: str) -> None:
        """The task is complete; one that never began is ignored."""
        if task in self._totals:
            total, unit = self._totals[task]
            self.tell("end", task, done=self._done.get(task, 0) if total is None else total, total=total, unit=unit)


class _Amount(DownloadColumn):
    """Bytes for downloads, a plain count for models, nothing where the total is unknown."""

    def render(self, task: Task) -> Text:
        """The column's text for one task."""
        unit = task.fields.get("unit", "")
        if unit == "bytes":
            return super().render(task)
        return Text(f"{int(task.completed)}/{int(task.total)}" if task.total is not None and unit else "")


class Bars:
    """The progress of an installation as bars; one line a task where the output is not a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            SpinnerColumn(finished_text="✓" if console.encoding.lower().startswith("utf") else "*"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _Amount(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, task: str, *, total: int | None, unit: str) -> None:
        """A task starts; `total` is in `unit`, None if unknown."""
        if not self._console.is_terminal:
            self._console.print(f"- {task} ...", soft_wrap=True, highlight=False)
        self._tasks[task] = self._bars.add_task(task, total=total, unit=unit, note="")

    def advance(self, task: str, done: int) -> None:
        """So much of the task's total is done."""
        self._bars.update(self._tasks[task], completed=done)

    def note(self, task: str, text: str) -> None:
        """What the task does just now."""
        self._bars.update(self._tasks[task], note=text)

    def end(self, task: str) -> None:
        """The task is complete; one that never began is ignored."""
        if task not in self._tasks:
            return
        known = next(row for row in self._bars.tasks if row.id == self._tasks[task])
        total = known.total if known.total is not None else 1
        self._bars.update(known.id, total=total, completed=total, note="")
        if not self._console.is_terminal:
            self._console.print(f"- {task}: done", soft_wrap=True, highlight=False)
