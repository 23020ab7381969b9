"""Peers: kept to loopback, ended with all they started, measured fairly, compared by honest arithmetic."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from benchmarks import streams
from benchmarks.__main__ import main
from benchmarks.frames import Bank
from benchmarks.peers import environment, family, run
from benchmarks.peers.cases import (
    BEYOND,
    CAREFUL,
    FRAME,
    OVERLOAD,
    SMALL_CALL,
    SMALL_WORKER,
    Seconds,
    turn_of_peer,
)
from benchmarks.peers.environment import PeerFailed
from benchmarks.peers.http_client import Pool, parse_head
from benchmarks.peers.process import free_port, running
from benchmarks.peers.protocol import PACKS, PORT, THREADS
from benchmarks.peers.ratios import Beside, ratio, ratios
from benchmarks.peers.servers import SERVERS, Server
from benchmarks.report import MISSED, Report
from benchmarks.stats import Summary, summarise
from sidecar.engine.registry import Registry

ROOT = Path(__file__).parents[2]
PEER = Path(__file__).with_name("stdlib_peer.py")
BRIEF = Seconds(small=0.1, frame=0.4, overload=1.0)


def made_server(model: str = "none", delay_ms: float = 0.0, *hosts: str, key: str = "made") -> Server:
    """A peer that runs in this interpreter."""
    words = [str(PEER), model, str(delay_ms), *(hosts or ("127.0.0.1",))]
    return Server(key, key.title(), (), lambda python, port: [python, *words], ("psutil",), "by hand", hop=True)


def variables(port: int) -> dict[str, str]:
    return environment.variables(ROOT, {PORT: str(port), PACKS: str(Registry().root), THREADS: "1"})


@contextlib.asynccontextmanager
async def started(server: Server, folder: Path):
    port = free_port()
    command = server.command(sys.executable, port)
    async with running(command, port=port, echo=server.echo, variables=variables(port), folder=folder) as peer:
        yield peer


def gone(pid: int, *, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


# -- options -----------------------------------------------------------------------------------------------------------


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    run.add_options(parser)
    return parser.parse_args(words)


def test_options_have_bounds_and_defaults() -> None:
    options = parsed()
    assert (options.rounds, options.keep, options.only) == (3, False, None)
    assert options.overload_seconds <= run.LONGEST_OVERLOAD_S
    chosen = parsed("--only", "fastapi", "--only", "ray", "--rounds", "5", "--keep")
    assert (chosen.only, chosen.rounds, chosen.keep) == (["fastapi", "ray"], 5, True)


@pytest.mark.parametrize(
    "words",
    [
        ("--rounds", "0"), ("--rounds", "21"), ("--seconds", "nan"), ("--seconds", "0"), ("--overload-seconds", "8"),
        ("--overload-seconds", "inf"), ("--only", "flask"), ("--rounds", "three"),
    ],
)  # fmt: skip
def test_options_out_of_bounds_are_wrong_usage(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["peers", *words])
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err


# -- loopback ----------------------------------------------------------------------------------------------------------

LISTENER = """import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[2] == "udp" else socket.SOCK_STREAM
one = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, kind)
if ":" in sys.argv[1]:
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
one.bind((sys.argv[1], 0))
if sys.argv[2] == "tcp":
    one.listen()
print(one.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def listener(host: str, kind: str) -> Iterator[tuple[int, int]]:
    """A process that listens; its id and port."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", LISTENER, host, kind], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


@pytest.mark.parametrize(
    ("host", "kind", "seen"),
    [
        ("0.0.0.0", "tcp", True), ("::", "tcp", True), ("0.0.0.0", "udp", True),
        ("127.0.0.1", "tcp", False), ("127.0.0.3", "tcp", False), ("127.0.0.1", "udp", False),
        ("::ffff:127.0.0.1", "tcp", False),
    ],
)  # fmt: skip
def test_a_listener_beyond_loopback_is_seen(host: str, kind: str, seen: bool) -> None:
    with listener(host, kind) as (pid, port):
        found = family.outside([psutil.Process(pid)])
    assert len(found) == int(seen)
    if seen:
        assert found[0].endswith(f":{port}")


def test_a_peer_that_listens_beyond_loopback_is_stopped_and_says_where(tmp_path: Path) -> None:
    server = made_server("none", 0.0, "127.0.0.1", "0.0.0.0")

    async def start() -> None:
        async with started(server, tmp_path):
            raise AssertionError("it was let in")

    with pytest.raises(PeerFailed, match=r"listens beyond loopback \(.* 0\.0\.0\.0:\d+\)"):
        asyncio.run(start())
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(PEER) in (one.info["cmdline"] or [])]


# -- processes ---------------------------------------------------------------------------------------------------------

STRAYS = """import os, subprocess, sys
words = [sys.executable, "-c", "import time; time.sleep(60)"]
first = subprocess.Popen(words)
second = subprocess.Popen(words, start_new_session=True)
print(os.getpid(), first.pid, second.pid, file=open(sys.argv[1], "w"), flush=True)
if sys.argv[2] == "dies":
    os._exit(3)
sys.stdin = None
import time
time.sleep(60)
"""


@pytest.mark.parametrize("how", ["stays", "dies"])
def test_a_peer_ends_with_all_that_it_started(how: str, tmp_path: Path) -> None:
    """Even a process in a session of its own, and even when the peer has died before it."""
    wrote = tmp_path / "pids"
    leash = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.leash", f"mark-{os.getpid()}-{how}", sys.executable, "-c", STRAYS,
         str(wrote), how],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert leash.stdin is not None and leash.stdout is not None
    assert int(leash.stdout.readline()) > 0
    deadline = time.monotonic() + 10
    while not (wrote.exists() and len(wrote.read_text().split()) == 3):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if how == "stays":
        leash.stdin.close()  # as when the harness is killed
    code = leash.wait(30)
    assert all(gone(int(pid)) for pid in wrote.read_text().split())
    assert (code == 3) is (how == "dies")
    leash.stdout.close()


def test_a_peer_that_does_not_start_says_its_last_words(tmp_path: Path) -> None:
    words = ["-c", "raise SystemExit('no models here')"]
    broken = Server("b", "B", (), lambda python, port: [python, *words], (), "", hop=True)

    async def start() -> None:
        async with started(broken, tmp_path):
            raise AssertionError("it never answered")

    with pytest.raises(PeerFailed, match=r"ended with code 1: no models here"):
        asyncio.run(start())


# -- the client --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: y", (200, 12)),
        (b"HTTP/1.1 503 Busy\r\ncontent-length:0", (503, 0)),
    ],
)
def test_heads_are_read(head: bytes, found: tuple[int, int]) -> None:
    assert parse_head(head) == found


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"HTTP/1.1 200 OK\r\nContent-Length: -1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999", b"SSH-2.0-x\r\nContent-Length: 1", b"\xff\xfe", b"",
        "HTTP/1.1 200 OK\r\nContent-Length: ²".encode("latin-1"),
    ],
)  # fmt: skip
def test_strange_heads_are_refused(head: bytes) -> None:
    with pytest.raises(PeerFailed):
        parse_head(head)


def answering(*answers: bytes) -> object:
    """Asks a server that sends these bytes, each for one request on the same connection, and then closes."""

    async def ask() -> list[object]:
        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for answer in answers:
                await reader.readuntil(b"\r\n\r\nask")
                writer.write(answer)
            writer.close()

        server = await asyncio.start_server(client, "127.0.0.1", 0)
        got: list[object] = []
        async with Pool(server.sockets[0].getsockname()[1], most=2) as pool:
            for _ in answers:
                await pool.request("/", b"ask", read=lambda body: got.append(bytes(body)))
        server.close()
        return got

    return asyncio.run(asyncio.wait_for(ask(), 10))


def test_connections_are_kept() -> None:
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert answering(one + b"abc", empty, one + b"def") == [b"abc", b"", b"def"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nlost", "answered 500 lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlonger", "longer than it says"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlo", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "no end of head"),
    ],
)  # fmt: skip
def test_broken_answers_say_what_is_wrong(answer: bytes, why: str) -> None:
    with pytest.raises(PeerFailed, match=why):
        answering(answer)


# -- measuring ---------------------------------------------------------------------------------------------------------


def test_a_slow_server_is_measured_as_slow(tmp_path: Path) -> None:
    """20 ms a frame fed at 90 Hz: the queue grows by 9 ms a frame, while a client that waits sees 20 to 40 ms."""
    server = made_server("none", 20.0)

    async def measure() -> dict[str, list[float]]:
        async with started(server, tmp_path) as peer:
            found = {}
            for case in (SMALL_CALL, FRAME, OVERLOAD):
                found |= await turn_of_peer(peer, server, Bank(), case, BRIEF)
            return found

    found = asyncio.run(measure())
    assert summarise(found[SMALL_CALL]).p50 < 5 and found[SMALL_CALL] == found[SMALL_WORKER]
    assert summarise(found[FRAME]).p50 >= 20 and summarise(found[BEYOND]).p50 >= 20  # its model takes nothing
    assert len(found[OVERLOAD]) == 90
    assert summarise(found[OVERLOAD]).max > 0.8 * 90 * (20 - 1000 / 90)
    assert 20 <= summarise(found[CAREFUL]).p50 < summarise(found[OVERLOAD]).p50 / 2
    assert len(found[CAREFUL]) < 60


def test_a_server_that_undresses_is_no_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peers.cases.LEAST_CONFIDENCE", 1.1)
    server = made_server()

    async def measure() -> None:
        async with started(server, tmp_path) as peer:
            await turn_of_peer(peer, server, Bank(), FRAME, BRIEF)

    with pytest.raises(PeerFailed, match="undressed"):
        asyncio.run(measure())


# -- ratios ------------------------------------------------------------------------------------------------------------


def flat(ms: float, p99: float | None = None) -> Summary:
    return Summary(count=100, mean=ms, p50=ms, p90=ms, p95=ms, p99=ms if p99 is None else p99, max=ms)


def test_ratios_are_the_peer_over_vitrine_of_the_same_pair() -> None:
    pairs = [(flat(1.0, 4.0), flat(3.0, 4.0)), (flat(10.0, 1.0), flat(20.0, 9.0)), (flat(2.0, 1.0), flat(1.0, 2.0))]
    assert ratios(pairs) == [3.0, 2.0, 0.5]
    assert ratio(pairs) == 2.0 and ratio(pairs, "p99") == 2.0
    with pytest.raises(ValueError):
        ratio([])


def filled(*, slow: float, hop: bool = True, rounds: int = 3) -> Beside:
    """A peer that takes `slow` times what Vitrine takes of everything but the echo at the gateway."""
    server = Server("made", "Made", (), lambda python, port: [], (), "by hand", hop=hop)
    beside = Beside({"made": server}, versions={"made": {"made": "1.2"}})
    for _ in range(rounds):
        ours = {case: [2.0] for case in (SMALL_WORKER, FRAME, BEYOND, OVERLOAD, CAREFUL)}
        beside.add(server, {**ours, SMALL_CALL: [1.0]}, {case: [2.0 * slow] for case in (*ours, SMALL_CALL)})
    return beside


def shown(beside: Beside) -> tuple[Report, str, int]:
    report = Report("peers", {}, {})
    outcome = beside.outcome(report)
    text = io.StringIO()
    outcome.show(Console(file=text, width=160))
    return report, text.getvalue(), outcome.exit_code(judged=True)


def test_ahead_is_shown_and_held() -> None:
    report, text, code = shown(filled(slow=1.5))
    assert code == 0 and "1.50x" in text and "3.00x" in text and "3.00 / 2.00" in text and "BEHIND" not in text
    assert "made 1.2" in text and not report.warnings
    assert report.details["peers"]["made"]["ratios"][FRAME]["p50"] == [1.5, 1.5, 1.5]
    assert {row.name: row.beside for row in report.rows}["Made: frame"] == "Vitrine beside Made: frame"
    json.dumps(report.as_dict(), allow_nan=False)


def test_behind_is_said_and_judged() -> None:
    _, text, code = shown(filled(slow=0.75))
    assert code == MISSED and text.count("BEHIND") == 4 and "0.75x" in text


def test_a_small_call_is_judged_by_what_it_crosses() -> None:
    """The same milliseconds are 0.75 of Vitrine's way to a worker and 1.5 of its gateway's echo."""
    small = [check for check in shown(filled(slow=0.75, hop=False))[0].checks if "small call" in check.name]
    assert [check.measured for check in small] == [1.5]


def test_unsteady_and_few_rounds_are_warned_of() -> None:
    beside = filled(slow=1.5)
    server = beside.servers["made"]
    beside.add(server, {FRAME: [2.0]}, {FRAME: [8.0]})
    assert any("Made, frame: may be unstable" in warning for warning in shown(beside)[0].warnings)
    assert any("only 2 round(s)" in warning for warning in shown(filled(slow=1.5, rounds=2))[0].warnings)


def test_a_peer_that_failed_is_left_out_whole() -> None:
    beside = filled(slow=1.5)
    beside.leave_out(beside.servers["made"], "it listens beyond loopback (x 0.0.0.0:1)")
    report, text, _ = shown(beside)
    assert not report.rows and not beside.measured()
    assert "left out: Made: it listens beyond loopback (x 0.0.0.0:1)" in text


# -- environments ------------------------------------------------------------------------------------------------------


def test_peers_get_the_models_libraries_that_run_here() -> None:
    for server in SERVERS:
        wanted = environment.requirements(server)
        assert f"numpy=={environment._version('numpy')}" in wanted
        assert any(name.startswith("onnxruntime") for name in wanted)
        assert all("<" in name for name in server.requirements), "a range without an end"


def test_an_environment_is_used_again_only_as_it_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made once; made again when what is wanted has changed, when it was cut short, and when its stamp is garbled."""
    steps: list[str] = []

    def step(command: list[str], timeout_s: float, what: str) -> str:
        steps.append(what)
        python = environment.python_of(tmp_path / "made")
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        return ""

    monkeypatch.setattr(environment, "_step", step)
    server = made_server()

    def make() -> int:
        steps.clear()
        assert environment.make(server, told=lambda _: None, root=tmp_path) == environment.python_of(tmp_path / "made")
        return len(steps)

    assert [make(), make()] == [2, 0]
    (tmp_path / "made" / environment.STAMP).write_text("[1")
    assert [make(), make()] == [2, 0]
    monkeypatch.setattr(environment, "SAME", ("numpy",))
    assert [make(), make()] == [2, 0]
    (tmp_path / "made" / environment.STAMP).unlink()
    assert not environment.ready(server, root=tmp_path)
    environment.remove(server, root=tmp_path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; print('noise', file=sys.stderr); sys.exit('ERROR: No matching distribution')", "No matching"),
        ("import sys; sys.exit(7)", "exit code 7"),
        ("import time; time.sleep(30)", "more than 0.5 s"),
    ],
)
def test_a_step_that_fails_says_why(code: str, why: str) -> None:
    with pytest.raises(PeerFailed, match=why):
        environment._step([sys.executable, "-c", code], 0.5 if "sleep" in code else 30.0, "installing it")


def test_a_peer_sees_this_project_and_no_environment_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "x")
    found = environment.variables(tmp_path, {"BENTOML_DO_NOT_TRACK": "True"})
    assert "VIRTUAL_ENV" not in found and found["PYTHONPATH"] == str(tmp_path) and found["DO_NOT_TRACK"] == "1"
    code = environment.copied_code(tmp_path / "code")
    assert sorted(path.name for path in code.iterdir()) == ["benchmarks", "sidecar"]
    assert (code / "benchmarks" / "peers" / "fastapi_peer.py").is_file()


# -- the whole command -------------------------------------------------------------------------------------------------


def test_the_command_compares_and_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real sidecar beside a peer with the real try-on, and one that listens on all interfaces."""
    good = made_server("tryon", 20.0, key="good")
    open_to_all = made_server("none", 0.0, "127.0.0.1", "0.0.0.0", key="open")
    removed: list[str] = []
    monkeypatch.setattr(run, "SERVERS", (good, open_to_all))
    monkeypatch.setattr(environment, "make", lambda server, told: Path(sys.executable))
    monkeypatch.setattr(environment, "remove", lambda server: removed.append(server.key))
    monkeypatch.setattr(run, "WARM_UP_S", 0.3)
    monkeypatch.setattr(streams, "WARM_UP_FRAMES", 2)  # so that a busy machine has frames left
    result = tmp_path / "peers.json"
    words = ["--rounds", "1", "--seconds", "0.6", "--overload-seconds", "0.7", "--json", str(result)]
    assert main(["peers", *words]) == 0
    out = capsys.readouterr().out
    found = json.loads(result.read_text(encoding="utf-8"))
    assert "Good" in out and "left out: Open: it listens beyond loopback" in out
    assert list(found["details"]["peers"]) == ["good"] and list(found["details"]["left_out"]) == ["open"]
    assert found["environment"]["peers"]["good"]["psutil"] == psutil.__version__
    of = {row["name"]: row["summary"] for row in found["rows"]}
    # 20 ms a frame beyond the model is what differs, and it is found as that.
    assert of["Good: frame, beyond the model"]["p50"] > 20 > of["Vitrine beside Good: frame, beyond the model"]["p50"]
    assert found["details"]["peers"]["good"]["ratios"]["90 Hz, age"]["p50"][0] > 1
    assert removed == ["good", "open"]
