"""A real sidecar in a process of its own, as `python -m sidecar serve` starts it, and what can be seen of it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from integration.rawpeer import RawPeer

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0


def serve_command(run_dir: Path, *options: str) -> list[str]:
    """The command line of a server on a free port that installs nothing."""
    fixed = ["serve", "--port", "0", "--run-dir", str(run_dir), "--no-install", "--threads", "1"]
    return [sys.executable, "-m", "sidecar", *fixed, *options]


def environment(**more: str) -> dict[str, str]:
    """This environment, with the project importable."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def wait_until(happened: Callable[[], bool], *, timeout: float = 8.0, what: str = "it") -> None:
    """Polls until `happened`; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout} s"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


class Sidecar:
    """A started server. `log` holds what it wrote; `endpoint` is its `run.json`."""

    def __init__(self, run_dir: Path, *options: str, env: dict[str, str] | None = None) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self.run_file = run_dir / "run.json"
        self._log_path = run_dir / "log.txt"
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                serve_command(run_dir, *options),
                cwd=ROOT,
                env=env or environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with self._ended_on_failure():
            self._wait_for_run_file()

    @contextmanager
    def _ended_on_failure(self) -> Iterator[None]:
        """No test's failure leaves a server behind."""
        try:
            yield
        except BaseException:
            self.process.kill()
            self.process.wait(5)
            raise

    def _wait_for_run_file(self) -> None:
        def written() -> bool:
            assert self.process.poll() is None, self.log
            with suppress(OSError, ValueError, KeyError):
                self.endpoint = json.loads(self.run_file.read_text())
                return bool(self.endpoint["pid"] == self.process.pid)
            return False

        wait_until(written, timeout=START_S, what="run.json")

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    @property
    def port(self) -> int:
        return int(self.endpoint["port"])

    @property
    def token(self) -> str:
        return str(self.endpoint["token"])

    def peer(self, **options: Any) -> RawPeer:
        """A connection that has shaken hands and said nothing yet."""
        return RawPeer(self.port, **options)

    def client(self, *, shm: bool = False, **options: Any) -> RawPeer:
        """A welcome connection."""
        return self.peer(**options).hello(self.token, shm=shm)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """A plain GET: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=8)
        try:
            connection.putrequest("GET", path, skip_host="Host" in (headers or {}))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ready(self) -> Sidecar:
        """Waits for `/readyz` 200."""
        with self._ended_on_failure():
            wait_until(lambda: self.get("/readyz")[0] == 200, timeout=START_S, what="readiness")
        return self

    def working(self) -> Sidecar:
        """Waits until every worker takes work, whatever of its models failed."""
        def started() -> bool:
            return {row["state"] for row in self.stats()["workers"]} <= {"ready", "busy"}

        with self._ended_on_failure():
            wait_until(started, timeout=START_S, what="starting")
        return self

    def stats(self) -> dict[str, Any]:
        """The result of `server.stats`, over a connection of its own."""
        with self.client() as client:
            result: dict[str, Any] = client.ask("server.stats")["d"]
            return result

    def worker(self, name: str) -> psutil.Process:
        """A worker's process."""
        pids = {row["name"]: row["pid"] for row in self.stats()["workers"]}
        return psutil.Process(pids[name])

    def kill_worker(self, name: str) -> None:
        """Kills a worker and waits until the gateway has noticed."""

        def restarts() -> int:
            return next(int(row["restarts"]) for row in self.stats()["workers"] if row["name"] == name)

        before = restarts()
        self.worker(name).kill()
        wait_until(lambda: restarts() > before, what="noticing")

    @property
    def gateway(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def rss(self) -> int:
        """Resident bytes of the gateway and its workers."""
        family = [self.gateway, *self.gateway.children(recursive=True)]
        total = 0
        for process in family:
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def stop(self) -> int:
        """Ends it as Ctrl-C does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(subprocess.signal.SIGINT)  # type: ignore[attr-defined]
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise AssertionError(f"the server did not stop: {self.log}") from None
