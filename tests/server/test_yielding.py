"""What a game's `pace` does: a note, throttled workers, rests between frames, smaller pictures, refused priorities."""

from __future__ import annotations

import time
from typing import Any

import pytest
from integration.rawpeer import RawPeer
from server.inside import Inside

from sidecar.server import calls


def pace(client: RawPeer, *, dropped: int) -> None:
    client.send({"t": "pace", "refresh_hz": 90.0, "frame_ms": 9.0, "dropped": dropped})


def pressure(client: RawPeer) -> dict[str, Any]:
    """The next `note pressure`."""
    while True:
        message = client.recv()
        if message["t"] == "note" and message["topic"] == "pressure":
            found: dict[str, Any] = message["d"]
            return found


def frame(client: RawPeer, call: int, n: int) -> None:
    picture = {"w": 1, "h": 1, "f": "r8", "o": "top", "d": b"x"}
    client.send({"t": "push", "id": call, "d": {"n": n, "t_us": n, "image": picture}})


def test_missed_frames_are_noted_and_every_worker_is_throttled(inside: Inside) -> None:
    with inside.client() as game, inside.client() as other:
        pace(game, dropped=20)
        told = pressure(game)
        assert told == pressure(other)
        assert told["level"] == 2 and "misses 22% of its frames" in told["what"]
        assert inside.told(inside.general, "throttle") == ("throttle", 0.2, 0.5)
        assert inside.told(inside.frame, "throttle") == ("throttle", 1.0, 0.5), "it rests between frames instead"
        stats = game.ask("server.stats")["d"]["pressure"]
        assert (stats["mode"], stats["level"], stats["changes"]) == ("balance", 2, {"up": 1, "down": 0})
        metrics = inside.do(inside.gateway.metrics).decode()
        assert "vitrine_pressure_level 2.0" in metrics
        assert 'vitrine_pressure_changes_total{direction="up"} 1.0' in metrics


def test_under_pressure_batch_is_refused_and_what_waits_of_it_ends(inside: Inside) -> None:
    with inside.client() as game, inside.client() as shop:
        running = shop.call("vision.segment", {"image": {}})
        inside.job(inside.general)
        waiting = shop.call("vision.segment", {"image": {}}, prio="batch")
        shop.ask("server.stats")
        pace(game, dropped=20)
        pressure(game)
        assert shop.answer(waiting)["code"] == "overloaded"
        refused = shop.ask("vision.segment", {"image": {}}, prio="batch")
        assert (refused["code"], refused["retry_ms"]) == ("overloaded", 2000)
        inside.answer(inside.general, {"mask": 1})
        assert shop.answer(running)["d"] == {"mask": 1}, "what ran goes on"
        chat = shop.call("vision.segment", {"image": {}}, prio="chat")
        inside.answer(inside.general, {"mask": 2})
        assert shop.answer(chat)["d"] == {"mask": 2}


def test_frames_get_smaller_and_rest_in_proportion_to_their_work(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LONGEST_REST_S", 5.0)
    with inside.client() as game:
        call = game.call("tryon.stream", {"layers": []})
        inside.answer(inside.frame)
        pace(game, dropped=20)
        pressure(game)
        frame(game, call, 0)
        assert inside.job(inside.frame).max_side == 480
        time.sleep(0.2)  # the frame's work
        inside.answer(inside.frame, {"n": 0})
        answered_at = time.monotonic()
        frame(game, call, 1)
        inside.job(inside.frame)
        assert time.monotonic() - answered_at >= 0.15, "half of the time is the game's"
        inside.answer(inside.frame, {"n": 1})


def test_without_pressure_nothing_rests_and_nothing_is_refused(inside: Inside) -> None:
    with inside.client() as game:
        pace(game, dropped=0)
        call = game.call("tryon.stream", {"layers": []})
        inside.answer(inside.frame)
        for n in range(3):
            frame(game, call, n)
            assert inside.job(inside.frame).max_side == 0
            inside.answer(inside.frame, {"n": n})
        assert inside.gateway._calls._rests == {}
        assert game.ask("server.stats")["d"]["pressure"]["level"] == 0


def test_a_game_that_leaves_is_forgotten(inside: Inside) -> None:
    with inside.client() as other:
        with inside.client() as game:
            pace(game, dropped=2)
            assert pressure(other)["level"] == 1
        assert pressure(other) == {
            "level": 0, "what": "No game tells its pace: nothing is held back."
        }  # fmt: skip
