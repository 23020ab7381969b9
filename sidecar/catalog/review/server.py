"""The review page on loopback: a few fixed files, and an API that answers to the page's token alone."""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import socketserver
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any, cast

import msgspec

from ...errors import NotFound
from ..errors import CatalogError, Outdated
from ..store import Catalog
from .work import Correction, Review

MAX_BODY = 4 * 2**20
MAX_CONNECTIONS = 16
TIMEOUT_S = 10
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
)
SECURITY: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": "; ".join(POLICY),
}
SCRIPTS = ("api", "edit", "review", "stage")
# Address -> file of the package, and its kind. Only what stands here is ever read: no part of a path comes from a
# request.
FILES: Mapping[str, tuple[str, str]] = {
    "/": ("catalog/review/page/index.html", "text/html; charset=utf-8"),
    "/review.css": ("catalog/review/page/review.css", "text/css; charset=utf-8"),
    "/icon.svg": ("pages/icon.svg", "image/svg+xml"),
    "/theme.js": ("pages/theme.js", "text/javascript; charset=utf-8"),
    **{f"/{name}.js": (f"catalog/review/page/{name}.js", "text/javascript; charset=utf-8") for name in SCRIPTS},
}
_ITEM = re.compile(r"^/api/item/([A-Za-z0-9][A-Za-z0-9._-]{0,63})(/picture|/source|/parts)?\Z")


class Refused(Exception):
    """A request that is not answered; `status` of HTTP, the message for the page."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReviewServer(ThreadingHTTPServer):
    """Serves one catalogue's review on 127.0.0.1. `link` opens the page; its token stands after `#`, which a browser
    sends to nobody."""

    daemon_threads = True
    # On Windows the option would let another program take the same port.
    allow_reuse_address = os.name != "nt"
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, catalog: Catalog, *, port: int = 0) -> None:
        self.review = Review(catalog)
        self.token = secrets.token_urlsafe(32)
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise CatalogError(f"Port {port} cannot be opened; choose another --port.") from error
        own = [f"{name}:{self.server_address[1]}" for name in ("127.0.0.1", "localhost")]
        self.hosts = frozenset(own)
        self.origins = frozenset(f"http://{host}" for host in own)
        self.link = f"http://127.0.0.1:{self.server_address[1]}/#token={self.token}"

    def server_bind(self) -> None:
        """Binds without asking the name service who 127.0.0.1 is, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """One thread a connection, a few at once; more are closed."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As the library has it, and the place is free again."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no news."""


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_S

    @property
    def _owner(self) -> ReviewServer:
        return cast(ReviewServer, self.server)

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_PUT(self) -> None:
        self._answer(self._put)

    def _answer(self, respond: Callable[[], None]) -> None:
        try:
            self._check_door()
            respond()
        except Refused as error:
            self._say(error.status, str(error))
        except NotFound as error:
            self._say(404, str(error))
        except Outdated as error:
            self._say(409, str(error))
        except CatalogError as error:
            self._say(400, str(error))

    def _check_door(self) -> None:
        """A page of another site may send requests here; it cannot choose their `Host` and `Origin`."""
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._owner.hosts:
            raise Refused(403, "This Host is not allowed; open the link that the command printed.")
        if len(origins) > 1 or not self._owner.origins.issuperset(origin.lower() for origin in origins):
            raise Refused(403, "This Origin is not allowed; open the link that the command printed.")

    def _check_token(self) -> None:
        offered = self.headers.get_all("Authorization", [])
        expected = f"Bearer {self._owner.token}".encode()
        if len(offered) != 1 or not hmac.compare_digest(expected, offered[0].encode("utf-8", "replace")):
            raise Refused(401, "The page needs the link that the command printed.")

    def _get(self) -> None:
        if self.path in FILES:
            name, kind = FILES[self.path]
            data = resources.files("sidecar").joinpath(*name.split("/")).read_bytes()
            self._send(200, data, kind)
            return
        self._check_token()
        if self.path == "/api/queue":
            self._json(self._owner.review.queue())
            return
        name, what = self._item()
        review = self._owner.review
        if not what:
            self._json(review.item(name))
            return
        pictures = {"/picture": review.picture, "/source": review.source, "/parts": review.parts}
        self._send(200, pictures[what](name), "image/png")

    def _put(self) -> None:
        self._check_token()
        name, what = self._item()
        if what:
            raise Refused(405, "That can only be read.")
        if self.headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
            raise Refused(415, "Send JSON.")
        try:
            correction = msgspec.json.decode(self._body(), type=Correction)
        except msgspec.DecodeError as error:
            raise Refused(400, f"The correction cannot be read ({error}).") from error
        self._json(self._owner.review.correct(name, correction))

    def _item(self) -> tuple[str, str]:
        found = _ITEM.match(self.path)
        if found is None:
            raise Refused(404, "There is nothing here.")
        return found[1], found[2] or ""

    def _body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length", [])
        if len(lengths) != 1 or not re.fullmatch("[0-9]+", lengths[0]) or "Transfer-Encoding" in self.headers:
            raise Refused(411, "Say how long it is.")
        if len(lengths[0]) > 8 or int(lengths[0]) > MAX_BODY:
            raise Refused(413, "That is too long.")
        data = self.rfile.read(int(lengths[0]))
        if len(data) != int(lengths[0]):
            raise Refused(400, "The request was cut short.")
        return data

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), "application/json")

    def _say(self, status: int, message: str) -> None:
        self._send(status, f"{message}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **SECURITY}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The library's own refusals in our words: no page of its making is ever served."""
        self._say(int(code), "That request is not understood.")

    def version_string(self) -> str:
        """Whatever a scanner wants to know."""
        return "Vitrine"

    def log_message(self, format: str, *args: object) -> None:
        """The terminal belongs to the command."""
