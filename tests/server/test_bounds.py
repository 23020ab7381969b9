"""What waits is bounded, in number and in bytes, and every answer is counted."""

from __future__ import annotations

import pytest
from integration.rawpeer import RawPeer
from integration.running import wait_until
from server.inside import Inside

from sidecar.server import calls
from sidecar.wire.messages import Limits


def picture(size: int) -> dict[str, object]:
    return {"w": 1, "h": 1, "f": "r8", "o": "top", "d": b"x" * size}


def test_few_calls_of_many_bytes_are_overloaded_too(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "WAITING_BYTES", 10 << 20)
    with inside.client() as client:
        kept = [client.call("vision.segment", {"image": picture(3 << 20)}) for _ in range(3)]
        answer = client.ask("vision.segment", {"image": picture(3 << 20)})
        assert answer["code"] == "overloaded" and answer["retry_ms"] > 0
        for call in kept:
            inside.answer(inside.general, {"mask": call})
            assert client.answer(call)["d"] == {"mask": call}
        assert inside.gateway._calls._bytes == 0, "every message was let go"
        again = client.call("vision.segment", {"image": picture(3 << 20)})
        inside.answer(inside.general)
        assert client.answer(again)["t"] == "done"


def test_a_stream_of_many_bytes_is_overloaded_too(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "WAITING_BYTES", 4 << 20)
    with inside.client() as client:
        call = client.call("tryon.stream", {"layers": []})
        for n in range(3):
            push = {"n": n, "t_us": n, "image": picture(2 << 20), "layers": []}  # none of them may be dropped
            client.send({"t": "push", "id": call, "d": push})
        assert client.answer(call)["code"] == "overloaded"
        inside.answer(inside.frame)
        client.ask("server.stats")
        assert inside.gateway._calls._bytes == 0


def test_bytes_are_let_go_when_the_connection_goes(inside: Inside) -> None:
    client = inside.client()
    for _ in range(3):
        client.call("vision.segment", {"image": picture(1 << 20)})
    inside.job(inside.general)
    client.vanish()
    wait_until(lambda: not inside.connections(), what="noticing")
    inside.answer(inside.general)
    assert inside.gateway._calls._bytes == 0 and inside.gateway._calls._open == {}


def test_the_limits_are_announced_and_kept() -> None:
    limits = Limits(message_bytes=5000, open_calls=2, image_px=64)
    with Inside(limits=limits) as inside, inside.client() as client:
        assert client.welcome["limits"] == {"message_bytes": 5000, "open_calls": 2, "image_px": 64}
        for _ in range(2):
            client.call("vision.segment", {"image": picture(1)})
        assert client.ask("server.echo", {"data": 1})["code"] == "overloaded"
        client.half_frame(5001)
        assert client.close_code() == 1009


def test_every_end_is_counted(inside: Inside) -> None:
    def ask(client: RawPeer, op: str, **more: object) -> None:
        client.ask(op, {"where": "gateway"}, **more)

    with inside.client() as client:
        ask(client, "server.echo")
        ask(client, "render.image")
        call = client.call("vision.segment", {"image": picture(1)})
        client.send({"t": "cancel", "id": call})
        client.answer(call)
        broken = client.call("tryon.stream", {"layers": []})
        client.send({"t": "push", "id": broken, "d": {"n": float("nan")}})
        client.answer(broken)
        counters = inside.snapshot()["counters"]
    assert counters["calls"] == 4 and counters["done"] == 1
    assert counters["fail"] == {"not_found": 1, "cancelled": 1, "bad_request": 1}


def test_a_closed_session_is_not_answered(inside: Inside) -> None:
    """The contract is broken while a worker computes: its answer finds nobody, and the worker goes on."""
    with inside.client() as other:
        client = inside.client()
        client.call("vision.segment", {"image": picture(1)})
        client.call("tryon.stream", {"layers": []})
        inside.job(inside.general)
        inside.job(inside.frame)
        client.stubborn = True
        client.send_bytes(b"\xc1")
        assert client.close_code() == 4000
        assert inside.told(inside.general, "cancel") and inside.told(inside.frame, "close")
        assert len(inside.connections()) == 2, "its work stops before its socket is gone"
        inside.answer(inside.general, {"mask": 1})
        inside.answer(inside.frame)
        call = other.call("vision.segment", {"image": picture(1)})
        inside.answer(inside.general, {"mask": 2})
        assert other.answer(call)["d"] == {"mask": 2}
