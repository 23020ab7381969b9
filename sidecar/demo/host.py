"""A sidecar of one's own: a subprocess on a free port with its own run folder, gone when its `with` block ends."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..endpoint import FILE, Endpoint, NoServer, read_endpoint

POLL_S = 0.01
HTTP_TIMEOUT_S = 2.0
STOP_S = 5.0
LOG_LINES = 12


class HostFailed(RuntimeError):
    """The sidecar did not start, or ended before it should; the message holds the end of its log."""


class Host:
    """Starts `vitrine serve` with `arguments` added. `started_at` is `time.monotonic()` just before the process began.

    The process has a session of its own, so Ctrl-C reaches only us and we stop it in order; if we are killed, it
    notices by `--parent-pid`.
    """

    def __init__(self, *, packs: Path | None = None, arguments: Sequence[str] = ()) -> None:
        self.started_at = 0.0
        self._arguments = [*arguments, *([] if packs is None else ["--packs", str(packs)])]
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._endpoint: Endpoint | None = None

    def __enter__(self) -> Host:
        self._folder = Path(tempfile.mkdtemp(prefix="vitrine-run-"))
        command = [sys.executable, "-m", "sidecar", "serve", "--port", "0", "--run-dir", str(self._folder)]
        command += ["--parent-pid", str(os.getpid()), *self._arguments]
        try:
            with self._log.open("wb") as log:
                self.started_at = time.monotonic()
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    **_apart(),
                )
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The gateway's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, with its token; known once `wait_ready` has returned."""
        if self._endpoint is None:
            raise HostFailed("The sidecar does not listen yet.")
        return self._endpoint

    def wait_ready(self, *, timeout_s: float, progress: Callable[[float], None] | None = None) -> float:
        """Waits until `/readyz` answers 200 and returns the seconds since the process began. Raises `HostFailed`.

        `progress` is told the server's own estimate, 0..1.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self._check_alive()
            if self._endpoint is None:
                self._endpoint = self._look()
            if self._endpoint is not None:
                ready, done = self._ask(self._endpoint)
                if ready:
                    return time.monotonic() - self.started_at
                if progress is not None:
                    progress(done)
            time.sleep(POLL_S)
        raise HostFailed(f"The sidecar was not ready within {timeout_s:g} s.\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of the sidecar's log."""
        if not self._log.exists():
            return ""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])

    @property
    def run_file(self) -> Path:
        """Its `run.json`."""
        return self._folder / FILE

    def stop(self) -> None:
        """Ends the process, politely first, and removes its folder."""
        process, self._process = self._process, None
        try:
            if process is not None:
                _end(process)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self._folder / "sidecar.log"

    def _check_alive(self) -> None:
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            raise HostFailed(f"The sidecar ended with code {code}.\n{self.last_words()}")

    def _look(self) -> Endpoint | None:
        try:
            return read_endpoint(self.run_file)
        except NoServer:
            return None

    def _ask(self, endpoint: Endpoint) -> tuple[bool, float]:
        """Whether it is ready, and how far it is."""
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            state: dict[str, Any] = json.loads(response.read(1 << 20))
            return response.status == 200, float(state.get("progress", 0.0))
        except (OSError, http.client.HTTPException):
            return False, 0.0
        finally:
            connection.close()


def _apart() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)
