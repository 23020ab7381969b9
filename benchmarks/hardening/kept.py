"""A sidecar that can be killed and started again in the same runtime folder, as somebody who keeps it running would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from sidecar.demo.host import HostFailed
from sidecar.endpoint import FILE, NoServer, read_endpoint

from ..target import ROOT

START_S = 30.0
STOP_S = 10.0
POLL_S = 0.01
LOG_BYTES = 2000


class Kept:
    """`with` starts it in a folder of its own and ends it after; `environ` is added to its environment."""

    def __init__(self, *options: str, packs: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._options = [*options, *([] if packs is None else ["--packs", str(packs)])]
        self._environ = {**os.environ, **(environ or {})}
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Kept:
        self._folder = Path(tempfile.mkdtemp(prefix="vitrine-run-"))
        try:
            self.start()
            self.wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def run_file(self) -> Path:
        """Its `run.json`."""
        return self._folder / FILE

    @property
    def pid(self) -> int:
        """The gateway's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts a gateway; a killed one's `run.json` may still lie there."""
        command = [sys.executable, "-m", "sidecar", "serve", "--port", "0", "--no-install"]
        command += ["--run-dir", str(self._folder), "--parent-pid", str(os.getpid()), *self._options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_apart()
            )

    def wait(self) -> None:
        """Waits until `run.json` names this gateway. Raises `HostFailed`."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                raise HostFailed(f"The sidecar ended with code {self._process.returncode}.\n{self.log()[-LOG_BYTES:]}")
            try:
                if read_endpoint(self.run_file).pid == self._process.pid:
                    return
            except NoServer:
                pass
            time.sleep(POLL_S)
        raise HostFailed(f"The sidecar did not listen within {START_S:g} s.\n{self.log()[-LOG_BYTES:]}")

    def kill(self) -> list[psutil.Process]:
        """Kills the gateway as a crash would; its workers, which should end by themselves."""
        assert self._process is not None
        workers = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        self._process.wait(STOP_S)
        return workers

    def log(self) -> str:
        """What it and its predecessors wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return self._folder / "sidecar.log"

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_S)
        shutil.rmtree(self._folder, ignore_errors=True)


def _apart() -> dict[str, Any]:
    """Ctrl-C is for us, who then end it in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
