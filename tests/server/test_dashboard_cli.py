"""`vitrine dashboard`: a link with a ticket that really opens, and what it says when there is none."""

from __future__ import annotations

import json
import os
import webbrowser
from pathlib import Path

import psutil
import pytest
from integration.running import Sidecar

from sidecar.cli import main
from sidecar.dashboard_cli import link
from sidecar.endpoint import Endpoint


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was told to open."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) or True)
    return found


def run_dir(sidecar: Sidecar) -> str:
    return str(sidecar.run_file.parent)


def test_it_opens_a_link_whose_ticket_is_taken(
    shared_sidecar: Sidecar, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", "--run-dir", run_dir(shared_sidecar)]) == 0
    printed = capsys.readouterr().out.strip()
    assert opened == [printed]
    base, ticket = printed.split("/#ticket=")
    assert base == f"http://127.0.0.1:{shared_sidecar.port}"
    assert shared_sidecar.token not in printed
    with shared_sidecar.peer() as peer:
        assert "server.stats" in peer.hello(ticket).welcome["ops"]


def test_print_opens_nothing_and_each_link_has_its_own_ticket(
    shared_sidecar: Sidecar, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["dashboard", "--print", "--run-dir", run_dir(shared_sidecar)]) == 0
    first, second = capsys.readouterr().out.split()
    assert opened == [] and first != second


def test_no_browser_is_said(
    shared_sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    assert main(["dashboard", "--run-dir", run_dir(shared_sidecar)]) == 0
    assert "open the link above within 60 seconds" in capsys.readouterr().err


def test_without_a_server(tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", "--run-dir", str(tmp_path)]) == 1
    assert "vitrine serve" in capsys.readouterr().err and opened == []


def write_endpoint(folder: Path, port: int) -> None:
    """A `run.json` that names this very process, so that it is believed."""
    started = psutil.Process().create_time()
    record = {"host": "127.0.0.1", "port": port, "token": "t", "pid": os.getpid(), "started": started, "version": "1"}
    path = folder / "run.json"
    path.write_text(json.dumps(record))
    path.chmod(0o600)


def test_a_port_where_nothing_answers(tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    write_endpoint(tmp_path, 9)
    assert main(["dashboard", "--run-dir", str(tmp_path)]) == 1
    assert "does not answer" in capsys.readouterr().err and opened == []


def test_a_server_that_knows_another_token(
    shared_sidecar: Sidecar, tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_endpoint(tmp_path, shared_sidecar.port)
    assert main(["dashboard", "--run-dir", str(tmp_path)]) == 1
    assert "HTTP 401" in capsys.readouterr().err and opened == []


def test_a_link_over_ipv6() -> None:
    endpoint = Endpoint(host="::1", port=5, token="t", pid=1, started=0.0, version="1")
    assert link(endpoint, "abc") == "http://[::1]:5/#ticket=abc"
