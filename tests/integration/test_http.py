"""Who may ask over plain HTTP and over the WebSocket's handshake, and what the pages answer."""

from __future__ import annotations

import json
import socket

import pytest
from integration.rawpeer import RawPeer, Rejected
from integration.running import Sidecar

pytestmark = pytest.mark.usefixtures("neighbour")

PAGES = ["/", "/healthz", "/readyz", "/metrics", "/v1", "/nothing"]
FOREIGN = ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://", "", "http://127.0.0.1"]
HOSTS = ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "10.0.0.1:{port}", ""]
HOSTS += ["127.0.0.1:{port}.evil"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_is_403_on_every_page(server: Sidecar, path: str, origin: str) -> None:
    token = {"Authorization": f"Bearer {server.token}"}
    assert server.get(path, {"Origin": origin, **token})[0] == 403


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_is_403_on_every_page(server: Sidecar, path: str, host: str) -> None:
    assert server.get(path, {"Host": host.format(port=server.port)})[0] == 403


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_gets_no_websocket(server: Sidecar, origin: str) -> None:
    with pytest.raises(Rejected) as refusal:
        RawPeer(server.port, origin=origin)
    assert refusal.value.status == 403


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_gets_no_websocket(server: Sidecar, host: str) -> None:
    with pytest.raises(Rejected) as refusal:
        RawPeer(server.port, host=host.format(port=server.port))
    assert refusal.value.status == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_the_own_host_and_origin_pass(server: Sidecar, name: str) -> None:
    own = f"{name}:{server.port}"
    assert server.get("/healthz", {"Host": own, "Origin": f"http://{own}"})[0] == 200
    with server.peer(host=own, origin=f"http://{own}") as peer:
        assert peer.hello(server.token).welcome["t"] == "welcome"


def test_what_is_allowed_by_name_passes(start_sidecar: object) -> None:
    options = ("--no-warm", "--allow-host", "shop.test:1", "--allow-origin", "https://shop.test")
    server: Sidecar = start_sidecar(*options)  # type: ignore[operator]
    assert server.get("/healthz", {"Host": "shop.test:1", "Origin": "https://shop.test"})[0] == 200
    assert server.get("/healthz", {"Origin": "https://shop.test.evil"})[0] == 403


def test_two_origins_are_403(server: Sidecar) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        own = f"127.0.0.1:{server.port}"
        plain.sendall(f"GET /healthz HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\nOrigin: null\r\n\r\n".encode())
        assert plain.recv(64).startswith(b"HTTP/1.1 403 ")


def test_metrics_need_the_token(server: Sidecar) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": server.token}):
        assert server.get("/metrics", headers)[0] == 401
    status, text = server.get("/metrics", {"Authorization": f"Bearer {server.token}"})
    assert status == 200
    assert b"vitrine_sessions" in text and server.token.encode() not in text


def test_health_and_readiness(server: Sidecar) -> None:
    for path in ("/healthz", "/readyz"):
        status, text = server.get(path)
        state = json.loads(text)
        assert status == 200 and state["ready"] is True and state["progress"] == 1
        assert set(state["models"].values()) == {"ready"}


def test_no_page_holds_the_token(server: Sidecar) -> None:
    for path in ("/", "/healthz", "/readyz", "/nothing"):
        assert server.token.encode() not in server.get(path)[1]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET " + b"/" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: {own}\r\nContent-Length: 5\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: {own}\r\n\r\nGET / HTTP/1.1\r\nHost: {own}\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\nHost: {own}\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\nHost: {own}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=["nonsense", "long line", "many headers", "post", "pipelined", "twice upgrade", "no key"],
)
def test_requests_that_are_none_end_the_connection_alone(server: Sidecar, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        plain.sendall(request_bytes.replace(b"{own}", f"127.0.0.1:{server.port}".encode()))
        try:
            while plain.recv(4096):
                pass
        except ConnectionError:
            pass  # a reset is an end too
    assert "Traceback" not in server.log
