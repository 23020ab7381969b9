"""A package registry on 127.0.0.1 that misbehaves on request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Seen:
    """One request: its path and its headers."""

    path: str
    headers: dict[str, str]


@dataclass
class RegistryServer:
    """Serves `files` by path, with ranges; `cut` shortens the next answers to so many bytes and drops the line."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)
    ranges: bool = True
    fail: list[int] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        """Status, headers and body of one GET."""
        self.seen.append(Seen(path, headers))
        if self.fail:
            return self.fail.pop(0), {}, b""
        body = self.files.get(path)
        if body is None:
            return 404, {}, b""
        kind = {"Content-Type": self.kinds.get(path, "application/octet-stream")}
        begin = headers.get("Range", "")
        if begin and self.ranges:
            first = int(begin.removeprefix("bytes=").removesuffix("-"))
            if first >= len(body):
                return 416, {}, b""
            return 206, kind | {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}, body[first:]
        return 200, kind, body


@contextmanager
def serving() -> Iterator[RegistryServer]:
    """Runs a server on a free port until the block ends."""
    state = RegistryServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state.answer, state.cut))
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(answer: Callable[[str, dict[str, str]], Answer], cut: list[int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer(self.path, dict(self.headers))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: cut.pop(0)] if cut and status in (200, 206) else body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    return Handler
