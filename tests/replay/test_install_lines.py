"""`vitrine models install --json`: one object a line, for a program that shows a bar."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from sidecar import models_cli
from sidecar.cli import main
from sidecar.engine.index import Archive
from sidecar.engine.install.errors import InstallError
from sidecar.engine.install.installer import Plan
from sidecar.models_cli import JsonLines

KEYS = {"event", "task", "done", "total", "unit", "text"}


def rows(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    assert all(row.keys() == KEYS for row in found)
    return found


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["event"], row["task"], row["done"], row["total"], row["unit"], row["text"]


def test_a_task_from_begin_to_end() -> None:
    out, now = io.StringIO(), [0.0]
    lines = JsonLines(out, clock=lambda: now[0])
    lines.begin("archive 1", total=100, unit="bytes")
    for done in range(0, 101, 10):
        lines.advance("archive 1", done)
        now[0] += 0.04
    lines.note("archive 1", "unpacking")
    lines.end("archive 1")
    lines.end("never begun")
    assert [told(row) for row in rows(out.getvalue())] == [
        ("begin", "archive 1", 0, 100, "bytes", ""),
        ("advance", "archive 1", 0, 100, "bytes", ""),
        ("advance", "archive 1", 30, 100, "bytes", ""),
        ("advance", "archive 1", 60, 100, "bytes", ""),
        ("advance", "archive 1", 90, 100, "bytes", ""),
        ("advance", "archive 1", 100, 100, "bytes", ""),
        ("note", "archive 1", 100, 100, "bytes", "unpacking"),
        ("end", "archive 1", 100, 100, "bytes", ""),
    ]


def test_lines_of_several_threads_do_not_mix() -> None:
    out = io.StringIO()
    lines = JsonLines(out, clock=lambda: 0.0)
    threads = [
        threading.Thread(target=lambda n=n: [lines.begin(f"{n}-{i}", total=1, unit="") for i in range(200)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({row["task"] for row in rows(out.getvalue())}) == 800


class Fake:
    """An installer that reports one task and then does what the test says."""

    outcome: Any = ("tiny",)

    def __init__(self, registry: Any, *, build: Path, progress: Any) -> None:
        self.progress = progress

    def install(self, names: Any, *, keep_build: bool, accepted: Any) -> tuple[str, ...]:
        self.progress.begin("converting", total=1, unit="models")
        self.progress.advance("converting", 1)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        self.progress.end("converting")
        return tuple(self.outcome)


TINY = Archive(registry="npm", package="tiny", version="1", file="tiny-1.tgz", sha256="0" * 64, bytes=5_000_000)


def install(monkeypatch: pytest.MonkeyPatch, outcome: Any, *names: str) -> int:
    monkeypatch.setattr(Fake, "outcome", outcome)
    monkeypatch.setattr(models_cli, "Installer", Fake)
    made = Plan(names, (TINY,) if names else (), (), 9, 7)
    monkeypatch.setattr(models_cli, "plan", lambda *_: made)
    return main(["models", "install", "--yes", "--json"])


def test_plan_tasks_and_done(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert install(monkeypatch, ("tiny",), "tiny") == 0
    found = rows(capsys.readouterr().out)
    assert [row["event"] for row in found] == ["plan", "begin", "advance", "end", "done"]
    assert (found[0]["total"], found[0]["unit"], found[0]["text"]) == (5_000_000, "bytes", "tiny")
    assert found[-1]["text"] == "Installed and checked: tiny"


def test_nothing_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert install(monkeypatch, ()) == 0
    found = rows(capsys.readouterr().out)
    assert found[0]["total"] == 0 and "intact" in found[-1]["text"] and found[-1]["event"] == "done"


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [(InstallError("The disk is full; free some space."), 1, "free some space"), (KeyboardInterrupt(), 130, "goes on")],
)
def test_errors_are_lines_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: Any, code: int, words: str
) -> None:
    assert install(monkeypatch, outcome, "tiny") == code
    captured = capsys.readouterr()
    last = rows(captured.out)[-1]
    assert last["event"] == "error" and words in last["text"]


def test_an_unknown_name_is_an_error_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "install", "absent", "--yes", "--json", "--packs", str(tmp_path)]) == 1
    (row,) = rows(capsys.readouterr().out)
    assert row["event"] == "error" and row["text"]
