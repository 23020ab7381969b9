"""A ticket opens one read-only session within a minute; the token opens everything, and nobody else gets in."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from integration.rawpeer import PeerClosed, RawPeer, hello
from server.inside import TOKEN, Inside

from sidecar.server.auth import TICKET_OPS, TICKET_S, TICKETS, Tickets
from sidecar.server.http import Door, Pages
from sidecar.wire.ops import LATER, OPS

FORBIDDEN = sorted((OPS.keys() | LATER.keys()) - TICKET_OPS)


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> Tickets:
    return Tickets(clock)


@pytest.fixture
def open_house(inside: Inside, tickets: Tickets) -> Iterator[Inside]:
    """A gateway whose tickets have the test's clock, and whose pages give them out."""
    gateway = inside.gateway

    def furnish() -> None:
        gateway.tickets = tickets
        gateway.pages = Pages(Door(inside.port), TOKEN, gateway.readiness, gateway.metrics, tickets.issue)

    inside.do(furnish)
    yield inside


def get(inside: Inside, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{inside.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def ask_ticket(inside: Inside) -> str:
    status, _, body = get(inside, "/ticket", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    answer = json.loads(body)
    assert answer["expires_s"] == TICKET_S == 60
    return str(answer["ticket"])


def refused(inside: Inside, token: str) -> int | None:
    with inside.peer() as peer:
        with pytest.raises(PeerClosed) as closed:
            peer.send(hello(token))
            peer.recv()
        return closed.value.code


# -- the tickets alone -------------------------------------------------------------------------------------------------


def test_a_ticket_is_good_once(tickets: Tickets) -> None:
    ticket, other = tickets.issue(), tickets.issue()
    assert ticket != other and len(ticket) >= 43
    assert tickets.redeem(ticket) and not tickets.redeem(ticket)
    assert tickets.redeem(other)


def test_a_ticket_is_good_for_a_minute(tickets: Tickets, clock: Clock) -> None:
    early, late = tickets.issue(), tickets.issue()
    clock.now += 59.9
    assert tickets.redeem(early)
    clock.now += 0.1
    assert not tickets.redeem(late)


@pytest.mark.parametrize("offered", ["", "x", "é", "\ud800", "A" * 500])
def test_what_is_no_ticket_is_none_and_uses_none_up(tickets: Tickets, offered: str) -> None:
    ticket = tickets.issue()
    assert not tickets.redeem(offered) and not tickets.redeem(ticket[:-1]) and not tickets.redeem(ticket + "A")
    assert tickets.redeem(ticket)


def test_unused_tickets_are_few(tickets: Tickets) -> None:
    made = [tickets.issue() for _ in range(TICKETS + 5)]
    assert [tickets.redeem(ticket) for ticket in made] == [False] * 5 + [True] * TICKETS


# -- at the gateway ----------------------------------------------------------------------------------------------------


def test_only_the_token_gets_a_ticket(open_house: Inside) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        assert get(open_house, "/ticket", **headers)[0] == 401
    ticket = ask_ticket(open_house)
    assert get(open_house, "/ticket", Authorization=f"Bearer {ticket}")[0] == 401, "a ticket gets no other"
    assert get(open_house, "/metrics", Authorization=f"Bearer {ticket}")[0] == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_gets_nothing(open_house: Inside, origin: str) -> None:
    for path in ("/", "/ticket", "/dashboard/vitrine.js", "/dashboard/portrait.png"):
        assert get(open_house, path, Origin=origin, Authorization=f"Bearer {TOKEN}")[0] == 403, path


def test_a_ticket_opens_one_session(open_house: Inside) -> None:
    ticket = ask_ticket(open_house)
    with open_house.peer() as peer:
        peer.hello(ticket)
        assert set(peer.welcome["ops"]) == TICKET_OPS
        assert refused(open_house, ticket) == 1008, "it is used"
        assert peer.ask("server.stats")["d"]["watch"]["sessions"][0]["ticket"] is True
        assert peer.ask("model.list")["t"] == "done"
        assert peer.ask("server.echo", {"data": 1})["d"] == {"data": 1}


def test_an_old_ticket_is_refused(open_house: Inside, clock: Clock) -> None:
    ticket = ask_ticket(open_house)
    clock.now += 60
    assert refused(open_house, ticket) == 1008


def test_the_token_still_opens_everything(open_house: Inside) -> None:
    with open_house.client() as client:
        assert set(client.welcome["ops"]) == set(OPS)
        assert client.ask("server.stats")["d"]["watch"]["sessions"][0]["ticket"] is False
        assert client.ask("shop.event")["code"] == "not_found"


@pytest.fixture
def visitor(open_house: Inside) -> Iterator[RawPeer]:
    with open_house.peer() as peer:
        yield peer.hello(ask_ticket(open_house))


@pytest.mark.parametrize("op", FORBIDDEN)
def test_whatever_could_change_something_is_unauthorized(open_house: Inside, visitor: RawPeer, op: str) -> None:
    answer = visitor.ask(op, {"name": "pose-full"})
    assert (answer["t"], answer["code"]) == ("fail", "unauthorized")
    assert open_house.frame.jobs == open_house.general.jobs == []
    assert not [item for item in open_house.frame.told + open_house.general.told if item[0] in ("load", "unload")]
    assert visitor.ask("server.echo", {"data": 1})["t"] == "done", "the session lives on"


def test_the_forbidden_ones_are_those_of_the_contract() -> None:
    assert {"model.load", "model.unload", "shop.event", "user.export", "user.erase"} <= set(FORBIDDEN)


def test_a_ticket_gets_no_shared_memory(open_house: Inside) -> None:
    with open_house.peer() as peer:
        peer.send(hello(ask_ticket(open_house), shm=True))
        assert "shm" not in peer.recv()
    with open_house.client(shm=True) as client:
        assert "shm" in client.welcome


def test_a_games_frames_go_before_a_visitors(open_house: Inside, visitor: RawPeer) -> None:
    """Whatever priority it asks for."""

    def segment(peer: RawPeer, **more: Any) -> int:
        return peer.call("server.echo", {"where": "engine"}, **more)

    with open_house.client() as game:
        running = segment(game)
        open_house.job(open_house.frame)
        first = segment(visitor, prio="frame")
        visitor.ask("server.echo")
        second = segment(game, prio="render")
        game.ask("server.echo")
        open_house.answer(open_house.frame, {"data": 0})
        assert game.answer(running)["t"] == "done"
        open_house.answer(open_house.frame, {"data": "game"})
        assert game.answer(second)["d"] == {"data": "game"}
        open_house.answer(open_house.frame, {"data": "visitor"})
        assert visitor.answer(first)["d"] == {"data": "visitor"}


def test_a_visitor_does_not_slow_the_sidecar_down(open_house: Inside, visitor: RawPeer) -> None:
    badly = {"t": "pace", "refresh_hz": 90.0, "frame_ms": 50.0, "dropped": 90}
    for _ in range(3):
        visitor.send(badly)
    visitor.ask("server.echo")
    assert open_house.snapshot()["pressure"]["level"] == 0
    with open_house.client() as game:
        game.send(badly)
        game.ask("server.echo")
    assert open_house.snapshot()["pressure"]["level"] > 0


# -- what the gateway tells the watch ----------------------------------------------------------------------------------


def test_a_real_stream_is_seen(open_house: Inside) -> None:
    with open_house.client(shm=True) as client:
        call = client.call("tryon.stream", {"layers": []})
        open_house.answer(open_house.frame)
        for n in range(3):
            image = {"w": 1, "h": 1, "f": "r8", "o": "top", "d": b"x"}
            client.send({"t": "push", "id": call, "d": {"n": n, "t_us": n, "image": image}})
            open_house.answer(open_house.frame, {"n": n})
            client.expect(lambda m: m["t"] == "part")
        watch = open_house.snapshot()["watch"]
        (row,) = watch["sessions"]
        assert row["open"] == {"tryon.stream": 1} and row["pictures"] == "shm"
        assert (row["frames_in"], row["frames_out"], row["superseded"]) == (3, 3, 0)
        assert row["fps"] > 0 and 0 < row["age_ms"]["p50"] <= row["age_ms"]["p95"] < 5000
        assert [found["op"] for found in watch["slowest"]] == ["tryon.stream"] * 3
        assert set(watch["readiness"]) == {"ready", "progress", "models"}


def test_fails_and_closes_are_seen(open_house: Inside) -> None:
    with open_house.client() as client:
        call = client.call("vision.segment", {"image": 1})
        open_house.refuse(open_house.general, "internal")
        assert client.answer(call)["code"] == "internal"
        assert client.ask("render.image")["code"] == "not_found"
        client.send_bytes(b"\xc1")
        assert client.close_code() == 4000
    open_house.client().close()
    watch = open_house.snapshot()["watch"]
    assert [(row["op"], row["code"]) for row in watch["errors"]] == [
        ("render.image", "not_found"),
        ("vision.segment", "internal"),
    ]
    assert watch["closes"] == {"4000": 1}


def test_the_pages_say_how_they_may_be_used(open_house: Inside) -> None:
    status, headers, body = get(open_house, "/")
    assert status == 200 and TOKEN.encode() not in body
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin" and headers["Referrer-Policy"] == "no-referrer"


def test_every_file_of_the_page_is_served_and_nothing_else(open_house: Inside) -> None:
    from sidecar.server.http import FILES

    for path in FILES:
        assert get(open_house, path)[0] == 200, path
    for path in ("/dashboard/", "/dashboard/../auth.py", "/dashboard/%2e%2e/auth.py", "/dashboard/nothing.js", "//"):
        assert get(open_house, path)[0] == 404, path
