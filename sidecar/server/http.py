"""Plain HTTP on the same port, decided without I/O: who may ask, and what the few pages answer."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from websockets.datastructures import Headers, MultipleValuesError
from websockets.http11 import Request, Response

from ..wire.messages import PATH
from .auth import TICKET_S

# The dashboard loads its own files, speaks to its own origin and may use the camera; everything else is closed.
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
)
SECURITY = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Content-Security-Policy": "; ".join(POLICY),
}
REASONS = {200: "OK", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}
REASONS |= {400: "Bad Request", 409: "Conflict", 421: "Misdirected Request", 503: "Service Unavailable"}
KINDS = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
}
SCRIPTS = ("dashboard", "format", "msgpack", "sections", "session", "table", "tryit", "vitrine")
SAMPLES = ("sample-glasses-1", "sample-glasses-2", "sample-top-1", "sample-top-2")
# Address -> file of the package. Only what stands here is ever read: no part of a path comes from a request.
FILES = {
    "/": "server/dashboard/index.html",
    "/dashboard/dashboard.css": "server/dashboard/dashboard.css",
    "/dashboard/icon.svg": "pages/icon.svg",
    "/dashboard/theme.js": "pages/theme.js",
    "/dashboard/portrait.png": "catalog/portrait/astronaut.png",
    **{f"/dashboard/{name}.js": f"server/dashboard/{name}.js" for name in SCRIPTS},
    **{f"/dashboard/{name}.png": f"catalog/pictures/{name}.png" for name in SAMPLES},
}


Answer = Response | asyncio.Protocol


@dataclass(frozen=True)
class Door:
    """Which `Host` and `Origin` are let in, on which port."""

    port: int
    allow_hosts: frozenset[str] = frozenset()
    allow_origins: frozenset[str] = frozenset()
    own_hosts: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        own = frozenset(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        object.__setattr__(self, "own_hosts", own)

    def refusal(self, headers: Headers) -> str | None:
        """Why this request is not let in, or None. A page of another site sends its own `Origin` (or `null`)."""
        try:
            host, origin = headers.get("Host", ""), headers.get("Origin")
        except MultipleValuesError:
            return "Host or Origin is given twice."
        if host.lower() not in self.own_hosts and host not in self.allow_hosts:
            return "This Host is not allowed; ask for 127.0.0.1 or start the server with --allow-host."
        if origin is None or origin in self.allow_origins:
            return None
        if origin.lower() in {f"http://{name}" for name in self.own_hosts}:
            return None
        return "This Origin is not allowed; start the server with --allow-origin."


@dataclass(frozen=True)
class Pages:
    """What the plain pages show: `readiness` answers `{ready, models, progress}`, `metrics` the Prometheus text,
    `ticket` a new ticket for the dashboard, `trace` what takes over the connection of a request with this query."""

    door: Door
    token: str
    readiness: Callable[[], dict[str, Any]]
    metrics: Callable[[], bytes]
    ticket: Callable[[], str] | None = None
    trace: Callable[[str], Answer] | None = None

    def answer(self, request: Request) -> Answer | None:
        """The response to a plain request or a refused one; None lets a WebSocket handshake go on."""
        refusal = self.door.refusal(request.headers)
        if refusal is not None:
            return text(403, refusal)
        path = request.path.split("?", 1)[0]
        if path == PATH and "websocket" in [value.lower() for value in request.headers.get_all("Upgrade")]:
            return None
        if path in FILES:
            return _file(FILES[path])
        page = self._pages().get(path)
        return page(request) if page is not None else text(404, "There is nothing here.")

    def _pages(self) -> dict[str, Callable[[Request], Answer]]:
        return {
            "/healthz": lambda _: as_json(200, self.readiness()),
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/ticket": self._ticket,
            "/trace": self._trace,
        }

    def _ready(self, _: Request) -> Response:
        state = self.readiness()
        return as_json(200 if state["ready"] else 503, state)

    def _metrics(self, request: Request) -> Response:
        if not self._has_token(request):
            return _no_token()
        return _response(200, self.metrics(), "text/plain; version=0.0.4; charset=utf-8")

    def _ticket(self, request: Request) -> Response:
        if not self._has_token(request):
            return _no_token()
        if self.ticket is None:
            return text(404, "This server gives no tickets.")
        return as_json(200, {"ticket": self.ticket(), "expires_s": TICKET_S})

    def _trace(self, request: Request) -> Answer:
        if not self._has_token(request):
            return _no_token()
        return self.trace(request.path.partition("?")[2]) if self.trace is not None else text(404, "No traces here.")

    def _has_token(self, request: Request) -> bool:
        expected = f"Bearer {self.token}".encode()
        offered = request.headers.get_all("Authorization")
        return len(offered) == 1 and hmac.compare_digest(expected, offered[0].encode("utf-8", "replace"))


def text(status: int, message: str) -> Response:
    """A plain sentence."""
    return _response(status, (message + "\n").encode(), "text/plain; charset=utf-8")


def as_json(status: int, value: dict[str, Any]) -> Response:
    """A JSON object."""
    return _response(status, json.dumps(value).encode(), "application/json")


def _no_token() -> Response:
    return text(401, "Send the token of run.json as Authorization: Bearer TOKEN.")


def _file(name: str) -> Response:
    data = resources.files("sidecar").joinpath(*name.split("/")).read_bytes()
    return _response(200, data, KINDS[name.rpartition(".")[2]])


def _response(status: int, body: bytes, kind: str) -> Response:
    headers: Iterable[tuple[str, str]] = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **SECURITY,
    }.items()
    return Response(status, REASONS[status], Headers(headers), body)
