"""A model hub on 127.0.0.1: as much of its HTTP interface as the hub's own library needs, and faults on request."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000  # files from this size on are kept as large files, with a sha256


@dataclass
class Repository:
    """Files by path; `listed` overrides the sha256 that the hub lists of a file."""

    files: dict[str, bytes]
    licence: str | None = "mit"
    gated: bool = False
    private: bool = False
    listed: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeHub:
    """Serves `repositories`. `cut` shortens the next downloads to so many bytes and drops the line, `fail` answers
    the next requests with these codes.
    """

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)
    fail: list[int] = field(default_factory=list)
    token: str = "hf_secret"
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, range

    def downloads(self) -> list[tuple[str, str | None]]:
        """Path and range of every GET of a file."""
        return [(path, span) for method, path, span in self.seen if method == "GET" and "/resolve/" in path]


@contextmanager
def hub() -> Iterator[FakeHub]:
    """A hub that runs inside the block."""
    state = FakeHub()

    class Handler(_Handler):
        fake = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: Any) -> None:
        return None

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.fake.seen.append((self.command, path, self.headers.get("Range")))
        if self.fake.fail:
            return self._refuse(self.fake.fail.pop(0), "")
        parts = path.strip("/").split("/")
        name = "/".join(parts[2:4]) if parts[0] == "api" else "/".join(parts[:2])
        repository = self.fake.repositories.get(name)
        allowed = self.headers.get("Authorization") == f"Bearer {self.fake.token}"
        if repository is None or (repository.private and not allowed):
            return self._refuse(401 if not allowed else 404, "RepoNotFound")
        if parts[0] == "api":
            return self._send(200, {"Content-Type": "application/json"}, _info(name, repository), body=body)
        if repository.gated and not allowed:
            return self._refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo")
        file = "/".join(parts[4:])
        if file not in repository.files:
            return self._refuse(404, "EntryNotFound")
        return self._file(repository, file, body=body)

    def _file(self, repository: Repository, file: str, *, body: bool) -> None:
        data = repository.files[file]
        etag = _sha256(repository, file) if len(data) >= LARGE else _blob(data)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        span = self.headers.get("Range")
        status, begin = 200, 0
        if span is not None:
            begin = int(span.removeprefix("bytes=").partition("-")[0])
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self._send(status, headers, data[begin:], body=body)

    def _send(self, status: int, headers: dict[str, str], data: bytes, *, body: bool) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        if not body:
            return
        if "ETag" in headers and self.fake.cut:
            self.wfile.write(data[: self.fake.cut.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(data)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _info(name: str, repository: Repository) -> bytes:
    siblings: list[dict[str, Any]] = []
    for path, data in repository.files.items():
        row: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": _blob(data)}
        if len(data) >= LARGE:
            row["lfs"] = {"sha256": _sha256(repository, path), "size": len(data), "pointerSize": 134}
        elif path in repository.listed:
            row["blobId"] = repository.listed[path]
        siblings.append(row)
    card = {} if repository.licence is None else {"license": repository.licence}
    return json.dumps({"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings, "cardData": card}).encode()


def _sha256(repository: Repository, path: str) -> str:
    return repository.listed.get(path) or hashlib.sha256(repository.files[path]).hexdigest()


def _blob(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
