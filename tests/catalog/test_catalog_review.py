"""The review server: only its own page gets in, and what a person corrects is what try-on draws."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from sidecar.catalog.assets import SLEEVE_LEFT, TORSO
from sidecar.catalog.review import server as review_server
from sidecar.catalog.review.server import FILES, MAX_BODY, ReviewServer
from sidecar.catalog.store import Catalog


@contextmanager
def serving(catalog: Catalog) -> Iterator[ReviewServer]:
    """The server in a thread, until the block ends."""
    with ReviewServer(catalog) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)


@pytest.fixture(scope="module")
def server(photo_shop: Path) -> Iterator[ReviewServer]:
    """One server for the tests that leave its catalogue as it is."""
    with Catalog(photo_shop / "shop.sqlite3") as catalog, serving(catalog) as running:
        yield running


def ask(
    server: ReviewServer, path: str, *, method: str = "GET", body: Any = None, **headers: str | None
) -> tuple[int, bytes]:
    """Status and body; a header of None is left out."""
    port = server.server_address[1]
    whole: dict[str, str | None] = {"Host": f"127.0.0.1:{port}", "Authorization": f"Bearer {server.token}"}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if data is not None:
        whole |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
    whole |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in whole.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(data)
    answer = connection.getresponse()
    found = answer.read()
    connection.close()
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.status, found


def parts_png(parts: np.ndarray) -> str:
    target = io.BytesIO()
    Image.fromarray(np.dstack([parts] * 3)).save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode()


def item(server: ReviewServer, name: str) -> dict[str, Any]:
    status, body = ask(server, f"/api/item/{name}")
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def pixels(server: ReviewServer, path: str) -> np.ndarray:
    status, body = ask(server, path)
    assert status == 200
    return np.asarray(Image.open(io.BytesIO(body)))


def test_the_page_and_nothing_else_is_served_to_anyone(server: ReviewServer):
    for path in FILES:
        status, body = ask(server, path, Authorization=None)
        assert status == 200 and body
    api = ("/api", "/api/item/tee/", "/api/item/a%2fb", "/api/item/%74ee")
    for path in ("/review.css?x", "/../schema.py", "/page/index.html", *api):
        assert ask(server, path)[0] == 404, path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:PORT"}, 200),
        ({"Origin": "http://127.0.0.1:PORT"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:PORT"}, 403),
        ({"Host": None}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:PORT"}, 403),
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer \xff"}, 401),
    ],
)
def test_who_gets_in(server: ReviewServer, headers, status):
    port = str(server.server_address[1])
    sent = {name: value and value.replace("PORT", port) for name, value in headers.items()}
    assert ask(server, "/api/queue", **sent)[0] == status
    if status == 403:
        assert ask(server, "/", **sent)[0] == 403


def test_the_link_holds_the_token_where_nobody_gets_it(server: ReviewServer):
    assert server.link == f"http://127.0.0.1:{server.server_address[1]}/#token={server.token}"
    assert len(server.token) >= 40
    assert server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("POST", {}, b"{}", 501),
        ("DELETE", {}, None, 501),
        ("PUT", {"Content_Type": "text/plain"}, b"{}", 415),
        ("PUT", {"Content_Length": None}, b"", 411),
        ("PUT", {"Content_Length": "-1"}, b"", 411),
        ("PUT", {"Content_Length": "1_0"}, b"", 411),
        ("PUT", {"Content_Length": str(MAX_BODY + 1)}, b"{}", 413),
        ("PUT", {"Transfer_Encoding": "chunked"}, b"{}", 411),
        ("PUT", {}, b"{", 400),
        ("PUT", {}, b"{}", 400),
        ("PUT", {}, b'{"revision": "", "landmarks": {}, "parts": "", "more": 1}', 400),
    ],
)
def test_requests_that_are_refused(server: ReviewServer, method, headers, body, status):
    assert ask(server, "/api/item/tee", method=method, body=body, **headers)[0] == status


def test_a_raw_peer_gets_no_more_than_its_time(server: ReviewServer, monkeypatch):
    monkeypatch.setattr(review_server._Handler, "timeout", 0.3)
    for sent in (b"GET / HTTP/1.1\r\nHost: ", b"\x16\x03\x01" * 40, b"G" * 70_000, b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(server.server_address[:2], timeout=5) as peer:
            peer.sendall(sent)
            started = time.monotonic()
            answer = b""
            try:
                while piece := peer.recv(4096):
                    answer += piece
            except ConnectionResetError:
                pass
            assert time.monotonic() - started < 3
            assert b"<" not in answer
    assert ask(server, "/api/queue")[0] == 200


def test_many_idle_peers_do_not_keep_the_page_out(server: ReviewServer, monkeypatch):
    monkeypatch.setattr(review_server._Handler, "timeout", 0.2)
    idle = [socket.create_connection(server.server_address[:2], timeout=5) for _ in range(24)]
    time.sleep(0.4)
    assert ask(server, "/api/queue")[0] == 200
    for peer in idle:
        peer.close()


def test_the_queue_begins_with_what_needs_a_person(server: ReviewServer):
    _, body = ask(server, "/api/queue")
    found = json.loads(body)
    assert (found["total"], found["reviewed"]) == (4, 0)
    assert (found["items"][0]["id"], found["items"][0]["state"]) == ("worn", "unprepared")
    certain = [row["confidence"] for row in found["items"]]
    assert certain == sorted(certain)


def test_an_item_has_all_that_the_page_needs(server: ReviewServer):
    tee = item(server, "tee")
    picture, parts = pixels(server, "/api/item/tee/picture"), pixels(server, "/api/item/tee/parts")
    source = pixels(server, "/api/item/tee/source")
    assert picture.shape == source.shape == (tee["height"], tee["width"], 4)
    assert parts.shape == picture.shape[:2]
    assert (source[..., 3] == 255).all() and (picture[..., 3] == 0).any()
    assert tee["landmarks"].keys() <= tee["template"].keys()
    worn = item(server, "worn")
    assert worn["state"] == "unprepared" and worn["landmarks"] == worn["template"]
    assert not pixels(server, "/api/item/worn/parts").any()
    assert ask(server, "/api/item/nobody")[0] == 404


def corrected(server: ReviewServer, name: str, *, parts: np.ndarray, **moved: tuple[float, float]) -> tuple[int, bytes]:
    found = item(server, name)
    places = found["landmarks"] | {place: list(at) for place, at in moved.items()}
    body = {"revision": found["revision"], "landmarks": places, "parts": parts_png(parts)}
    return ask(server, f"/api/item/{name}", method="PUT", body=body)


def test_corrections_are_kept(shop: Catalog):
    with serving(shop) as server:
        before, alpha = pixels(server, "/api/item/tee/parts"), pixels(server, "/api/item/tee/picture")[..., 3]
        parts = before.copy()
        parts[0:40, 0:60] = SLEEVE_LEFT  # painted where the cut-out was empty
        parts[300:340, 300:340] = 0  # rubbed out of the torso
        status, body = corrected(server, "tee", parts=parts, hem_centre=(321.5, 610.0))
        assert status == 200 and json.loads(body)["state"] == "reviewed"
        kept = shop.get("tee").prepared[0]
        assert (kept.reviewed, kept.confidence, kept.landmarks["hem_centre"]) == (True, 1.0, (321.5, 610.0))
        now = shop.files.pixels(kept.picture)[..., 3]
        assert (now[0:40, 0:60] == 255).all() and (now[300:340, 300:340] == 0).all()
        untouched = np.ones_like(now, bool)
        untouched[0:40, 0:60] = untouched[300:340, 300:340] = False
        assert np.array_equal(now[untouched], alpha[untouched])
        stored = shop.files.pixels(kept.parts)
        assert ((stored & parts) == parts).all()
        assert json.loads(ask(server, "/api/queue")[1])["reviewed"] == 1


def test_a_product_is_placed_by_hand_alone(shop: Catalog):
    with serving(shop) as server:
        found = item(server, "worn")
        parts = np.zeros((found["height"], found["width"]), np.uint8)
        parts[200:400, 200:400] = TORSO
        assert corrected(server, "worn", parts=parts)[0] == 200
        kept = shop.get("worn").prepared[0]
        alpha = shop.files.pixels(kept.picture)[..., 3]
        assert (alpha[205:395, 205:395] == 255).all() and not alpha[:190].any()
        assert (kept.method, kept.reviewed) == ("hand", True)


def test_wrong_corrections_change_nothing(shop: Catalog):
    with serving(shop) as server:
        before = shop.get("tee")
        parts = pixels(server, "/api/item/tee/parts")
        found = item(server, "tee")
        sound = {"revision": found["revision"], "landmarks": found["landmarks"], "parts": parts_png(parts)}
        lost = {name: place for name, place in found["landmarks"].items() if name != "neck_left"}
        for changes in (
            {"parts": parts_png(parts[:-1])},
            {"parts": parts_png(parts | 64)},
            {"parts": "%%%"},
            {"parts": base64.b64encode(b"GIF89a").decode()},
            {"landmarks": lost},
            {"landmarks": found["landmarks"] | {"tail": [1, 1]}},
            {"landmarks": found["landmarks"] | {"hem_left": [1e9, 0]}},
        ):
            assert ask(server, "/api/item/tee", method="PUT", body=sound | changes)[0] == 400, changes.keys()
        assert ask(server, "/api/item/tee/parts", method="PUT", body=sound)[0] == 405
        assert shop.get("tee") == before
        assert ask(server, "/api/item/tee", method="PUT", body=sound)[0] == 200
        assert ask(server, "/api/item/tee", method="PUT", body=sound)[0] == 409  # by now it is another revision


def test_a_change_in_the_very_moment_of_saving_is_seen(shop: Catalog, monkeypatch: pytest.MonkeyPatch):
    with serving(shop) as server:
        parts = pixels(server, "/api/item/tee/parts")
        add, raced = shop.files.add_pixels, []

        def race(drawn: np.ndarray) -> str:
            if not raced:
                raced.append(True)
                made = msgspec.structs.replace(shop.get("tee").prepared[0], confidence=0.25)
                shop.put(msgspec.structs.replace(shop.get("tee"), prepared=(made,)))
            return add(drawn)

        monkeypatch.setattr(shop.files, "add_pixels", race)
        assert corrected(server, "tee", parts=parts)[0] == 409
        assert raced and shop.get("tee").prepared[0].confidence == 0.25


def test_what_an_import_changed_meanwhile_is_not_overwritten(shop: Catalog):
    with serving(shop) as server:
        found = item(server, "tee")
        parts = pixels(server, "/api/item/tee/parts")
        other = msgspec.structs.replace(shop.get("tee"), pictures=shop.get("round").pictures, prepared=())
        shop.put(other)
        body = {"revision": found["revision"], "landmarks": found["landmarks"], "parts": parts_png(parts)}
        assert ask(server, "/api/item/tee", method="PUT", body=body)[0] == 409
        assert shop.get("tee") == other
