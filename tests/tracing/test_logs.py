"""What logs hold: one JSON object a line, and nothing that anybody said, showed or owns."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.running import Sidecar

from sidecar import logs

SECRET = "my-words-to-nobody"


@pytest.fixture
def log() -> Iterator[Callable[..., list[str]]]:
    """Configures logs to memory, does what it is given, and tells the lines."""
    root = logging.getLogger()
    before, level, hooks = root.handlers[:], root.level, (sys.excepthook, logging.threading.excepthook)  # type: ignore[attr-defined]

    def run(act: Callable[[], Any], form: logs.Form = "json") -> list[str]:
        stream = io.StringIO()
        logs.configure(level="INFO", process="gateway", form=form, stream=stream)
        act()
        return stream.getvalue().splitlines()

    yield run
    logging.captureWarnings(False)
    root.handlers[:], sys.excepthook, logging.threading.excepthook = before, *hooks  # type: ignore[attr-defined]
    root.setLevel(level)


def only(lines: list[str]) -> dict[str, Any]:
    assert len(lines) == 1, lines
    found: dict[str, Any] = json.loads(lines[0])
    return found


def test_a_line_is_one_object(log: Callable[..., list[str]]) -> None:
    fields = {"session": "s1", "took_s": 1.5, "models": ["iris"]}
    act = lambda: logging.getLogger("vitrine.x").warning("it took %d s", 2, extra={"fields": fields})  # noqa: E731
    line = only(log(act))
    assert line["ts"].endswith("Z") and len(line["ts"]) == 24
    del line["ts"]
    assert line == {
        "level": "WARNING", "process": "gateway", "logger": "vitrine.x", "message": "it took 2 s", "fields": fields,
    }  # fmt: skip


def fails() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        raise KeyError(SECRET) from error


def caught() -> None:
    try:
        fails()
    except KeyError:
        logging.getLogger("vitrine.x").exception("job failed")


@pytest.mark.parametrize("form", logs.FORMS)
def test_an_exception_tells_where_and_not_what_was_said(log: Callable[..., list[str]], form: logs.Form) -> None:
    text = "\n".join(log(caught, form))
    assert SECRET not in text and "KeyError" in text and "ValueError" in text
    assert "test_logs.py:" in text and " fails" in text and str(Path(__file__).parent) not in text
    assert ("Traceback" in text) == (form == "text")


def test_what_the_system_says_of_a_file_stays_without_its_name(log: Callable[..., list[str]]) -> None:
    def act() -> None:
        try:
            Path(f"/nowhere/{SECRET}").read_bytes()
        except OSError:
            logging.getLogger("vitrine.x").exception("no file")

    error = only(log(act))["error"]
    assert error["said"] == "No such file or directory" and error["type"] == ["FileNotFoundError"]
    assert SECRET not in json.dumps(error)


@pytest.mark.parametrize("form", logs.FORMS)
def test_asyncios_own_lines_do_not_quote_the_exception(log: Callable[..., list[str]], form: logs.Form) -> None:
    async def lost() -> None:
        async def fail() -> None:
            raise ValueError(SECRET)

        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0.01)
        del task

    lines = log(lambda: asyncio.run(lost()), form)
    assert "Task exception was never retrieved" in lines[0] and "ValueError" in "\n".join(lines)
    assert SECRET not in "\n".join(lines)


@pytest.mark.parametrize("form", logs.FORMS)
def test_an_error_that_nobody_caught_is_a_line_too(log: Callable[..., list[str]], form: logs.Form) -> None:
    def act() -> None:
        try:
            fails()
        except KeyError as error:
            sys.excepthook(KeyError, error, error.__traceback__)

    text = "\n".join(log(act, form))
    assert "nobody expected" in text and "KeyError" in text and SECRET not in text


@pytest.mark.parametrize("form", logs.FORMS)
def test_nobody_forges_a_line(log: Callable[..., list[str]], form: logs.Form) -> None:
    act = lambda: logging.getLogger("vitrine.x").info("client %s", "a\n2026 ERROR gateway on fire\x1b[2J\u2028x")  # noqa: E731
    (line,) = log(act, form)
    assert "\x1b" not in line and "\u2028" not in line


def test_the_home_folder_is_not_named(log: Callable[..., list[str]]) -> None:
    act = lambda: logging.getLogger("vitrine.x").info("in %s", Path.home() / "x")  # noqa: E731
    assert only(log(act))["message"].startswith("in ~")


def test_a_long_message_is_cut(log: Callable[..., list[str]]) -> None:
    (line,) = log(lambda: logging.getLogger("vitrine.x").info("x" * 100_000))
    assert len(line) < 3000  # one write of a pipe, so that processes' lines do not mix


@pytest.mark.parametrize("form", logs.FORMS)
def test_a_session_leaves_nothing_of_its_content(start_sidecar: Callable[..., Sidecar], form: logs.Form) -> None:
    sidecar = start_sidecar("--no-warm", "--log-format", form, "--log-level", "DEBUG").working()
    picture = {"w": 4, "h": 4, "f": "rgb8", "o": "top", "d": (SECRET * 3)[:48].encode()}
    with sidecar.client() as client:
        assert client.ask("server.echo", {"where": "engine", "data": SECRET.encode()})["t"] == "done"
        assert client.ask("server.echo", {"where": "engine", "image": picture})["t"] == "done"
        for a in (
            {"where": SECRET, SECRET: SECRET},
            {"where": "engine", "image": {**picture, "w": 5}},
            {"where": "engine", "image": {**picture, "f": SECRET}},
        ):
            assert client.ask("server.echo", a)["t"] == "fail"
        broken = {**picture, "f": "png", "w": 0, "h": 0}
        assert client.ask("vision.segment", {"image": broken, "what": "person"})["t"] == "fail"
        layers = [{"product": SECRET}]
        assert client.ask("tryon.still", {"image": picture, "layers": layers})["t"] == "fail"
        assert client.ask(SECRET, {"text": SECRET})["code"] == "unknown_op"
        assert client.ask("shop.guide", {"text": SECRET})["t"] == "fail"
        client.send({"t": "cancel", "id": 99, SECRET: SECRET})
        assert client.ask("server.echo")["t"] == "done"
    sidecar.kill_worker("frame")
    sidecar.stop()
    assert SECRET not in sidecar.log and sidecar.token not in sidecar.log
    assert str(Path.home()) not in sidecar.log
    assert sidecar.log.count("\n") > 3
    if form == "json":
        lines = [json.loads(line) for line in sidecar.log.splitlines() if not line.startswith("Vitrine listens")]
        assert {line["process"] for line in lines} >= {"gateway"}
        assert all({"ts", "level", "process", "logger", "message"} <= line.keys() for line in lines)
        ready = [line["fields"] for line in lines if "is ready after" in line["message"]]
        assert {fields["worker"] for fields in ready} == {"frame", "general"}


def test_workers_log_in_the_same_form(start_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = start_sidecar("--no-warm", "--log-format", "json").working()
    pids = {row["name"]: row["pid"] for row in sidecar.stats()["workers"]}
    sidecar.process.kill()  # the workers see their gateway go
    sidecar.process.wait(5)
    assert pids
    for line in sidecar.log.splitlines():
        if not line.startswith("Vitrine listens"):
            json.loads(line)
