"""The scheduler's decisions, with jobs that are plain names and a clock that the test owns."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.engine.scheduler import RANK, Dropped, Job, QueueLimits, Scheduler
from sidecar.errors import Deadline, Overloaded, Superseded

LANES = ("frame", "general")
NEVER = float("inf")


def job(name: str, *, prio: str = "chat", step: Any = "call", owner: object = None, **more: Any) -> Job[str]:
    return Job(owner or name, more.pop("lane", "general"), prio, step, name, more.pop("queued_at", 0.0), **more)


def small(**limits: int) -> Scheduler[str]:
    by_prio = dict.fromkeys(RANK, limits.get("jobs", 64))
    return Scheduler(LANES, QueueLimits(by_prio=by_prio, pushes=limits.get("pushes", 256)))


def take(scheduler: Scheduler[str], now: float = 0.0, lane: str = "general") -> str | None:
    """The name of the next job; it is finished at once."""
    found, _ = scheduler.next_job(lane, now)
    if found is None:
        return None
    scheduler.finished(found, 0.01)
    return found.payload


def drain(scheduler: Scheduler[str]) -> list[str]:
    names = []
    while (name := take(scheduler)) is not None:
        names.append(name)
    return names


def opened(scheduler: Scheduler[str], owner: str, **more: Any) -> None:
    """A B call whose opening has been run."""
    scheduler.submit(job(f"{owner}.open", step="open", owner=owner, **more))
    assert take(scheduler, lane=more.get("lane", "general")) == f"{owner}.open"


def pushed(scheduler: Scheduler[str], owner: str, step: str, name: str, **more: Any) -> list[str]:
    return [item.job.payload for item in scheduler.push(job(f"{owner}.{name}", step=step, owner=owner, **more))]


# -- order -----------------------------------------------------------------------------------------------------------


def test_priorities_go_first_and_equals_in_turn() -> None:
    scheduler = small()
    for name, prio in [
        ("b", "batch"),
        ("r1", "render"),
        ("c", "chat"),
        ("r2", "render"),
        ("v", "voice"),
        ("f", "frame"),
    ]:
        assert scheduler.submit(job(name, prio=prio)) == []
    assert drain(scheduler) == ["f", "v", "c", "r1", "r2", "b"]


def test_lanes_do_not_wait_for_each_other() -> None:
    scheduler = small()
    scheduler.submit(job("slow", prio="frame"))
    scheduler.next_job("general", 0.0)
    scheduler.submit(job("quick", prio="batch", lane="frame"))
    assert take(scheduler, lane="frame") == "quick"


def test_steps_of_one_stream_run_one_at_a_time_and_in_order() -> None:
    scheduler = small()
    scheduler.submit(job("s.open", step="open", owner="s"))
    pushed(scheduler, "s", "push", "p1")
    pushed(scheduler, "s", "end", "end")
    running, _ = scheduler.next_job("general", 0.0)
    assert running is not None and running.payload == "s.open"
    assert scheduler.next_job("general", 0.0) == (None, [])
    scheduler.finished(running, 0.01)
    assert drain(scheduler) == ["s.p1", "s.end"]


def test_streams_take_turns() -> None:
    scheduler = small()
    for owner in ("a", "b", "c"):
        opened(scheduler, owner)
    for n in range(3):
        for owner in ("a", "b", "c"):
            pushed(scheduler, owner, "push", str(n))
    assert drain(scheduler) == ["a.0", "b.0", "c.0", "a.1", "b.1", "c.1", "a.2", "b.2", "c.2"]


def test_a_greedy_stream_does_not_starve_a_call() -> None:
    scheduler = small()
    opened(scheduler, "greedy")
    for n in range(50):
        pushed(scheduler, "greedy", "push", str(n))
    scheduler.submit(job("call"))
    assert [take(scheduler), take(scheduler)] == ["greedy.0", "call"]


# -- latest wins -----------------------------------------------------------------------------------------------------


def test_only_the_newest_frame_waits() -> None:
    scheduler = small()
    opened(scheduler, "s")
    assert pushed(scheduler, "s", "frame", "f0") == []
    assert pushed(scheduler, "s", "frame", "f1") == ["s.f0"]
    assert pushed(scheduler, "s", "frame", "f2") == ["s.f1"]
    assert scheduler.depths()["chat"] == 1
    assert drain(scheduler) == ["s.f2"]


def test_a_superseded_frame_carries_no_error() -> None:
    scheduler = small()
    opened(scheduler, "s")
    pushed(scheduler, "s", "frame", "f0")
    (dropped,) = scheduler.push(job("s.f1", step="frame", owner="s"))
    assert dropped.error is None


def test_layers_overtake_frames_and_are_never_dropped_for_one() -> None:
    scheduler = small()
    opened(scheduler, "s")
    pushed(scheduler, "s", "frame", "f0")
    pushed(scheduler, "s", "layers", "hat")
    pushed(scheduler, "s", "frame", "f1")
    assert drain(scheduler) == ["s.hat", "s.f1"]


def test_newer_layers_never_end_up_before_older_ones() -> None:
    """A push with a frame and layers must not be dropped, and what was said after it must come after it."""
    scheduler = small()
    opened(scheduler, "s")
    pushed(scheduler, "s", "frame", "f0")
    pushed(scheduler, "s", "push", "old+f")
    pushed(scheduler, "s", "layers", "new")
    assert drain(scheduler) == ["s.f0", "s.old+f", "s.new"]


def test_layers_do_not_overtake_the_opening() -> None:
    scheduler = small()
    scheduler.submit(job("s.open", step="open", owner="s"))
    pushed(scheduler, "s", "frame", "f0")
    pushed(scheduler, "s", "layers", "hat")
    assert drain(scheduler) == ["s.open", "s.hat", "s.f0"]


# -- budgets ---------------------------------------------------------------------------------------------------------


def test_a_late_call_is_dropped_before_it_runs() -> None:
    scheduler = small()
    scheduler.submit(job("late", deadline=1.0))
    scheduler.submit(job("next"))
    found, dropped = scheduler.next_job("general", 1.5)
    assert found is not None and found.payload == "next"
    assert [(item.job.payload, type(item.error)) for item in dropped] == [("late", Deadline)]


def test_expire_finds_late_calls_anywhere_in_the_queue() -> None:
    scheduler = small()
    for name, deadline in [("a", NEVER), ("b", 2.0), ("c", 1.0), ("d", 3.0)]:
        scheduler.submit(job(name, deadline=deadline))
    assert scheduler.next_deadline() == 1.0
    assert sorted(item.job.payload for item in scheduler.expire(2.5)) == ["b", "c"]
    assert scheduler.next_deadline() == 3.0
    assert drain(scheduler) == ["a", "d"]
    assert scheduler.next_deadline() == NEVER


def test_a_late_frame_goes_without_an_error_and_its_stream_goes_on() -> None:
    scheduler = small()
    opened(scheduler, "s")
    pushed(scheduler, "s", "frame", "f0", deadline=1.0)
    found, dropped = scheduler.next_job("general", 2.0)
    assert found is None and [(item.job.payload, item.error) for item in dropped] == [("s.f0", None)]
    pushed(scheduler, "s", "frame", "f1")
    assert take(scheduler, 2.0) == "s.f1"


def test_a_late_opening_takes_its_input_along() -> None:
    scheduler = small()
    scheduler.submit(job("s.open", step="open", owner="s", deadline=1.0))
    pushed(scheduler, "s", "frame", "f0")
    found, dropped = scheduler.next_job("general", 2.0)
    assert found is None
    assert [(item.job.payload, type(item.error)) for item in dropped] == [("s.open", Deadline), ("s.f0", type(None))]
    assert set(scheduler.depths().values()) == {0}


# -- keys ------------------------------------------------------------------------------------------------------------


def test_a_newer_call_with_the_key_supersedes_the_waiting_one() -> None:
    scheduler = small()
    scheduler.submit(job("old", key="k"))
    scheduler.submit(job("other", key="other"))
    (dropped,) = scheduler.submit(job("new", key="k"))
    assert dropped.job.payload == "old" and isinstance(dropped.error, Superseded)
    assert drain(scheduler) == ["other", "new"]


def test_one_that_runs_goes_on() -> None:
    scheduler = small()
    scheduler.submit(job("old", key="k"))
    running, _ = scheduler.next_job("general", 0.0)
    assert scheduler.submit(job("new", key="k")) == []
    assert running is not None and running.state == "running"
    assert take(scheduler) == "new"


def test_a_superseded_stream_takes_its_input_along() -> None:
    scheduler = small()
    scheduler.submit(job("s.open", step="open", owner="s", key="k"))
    pushed(scheduler, "s", "frame", "f0")
    dropped = scheduler.submit(job("t.open", step="open", owner="t", key="k"))
    assert [(item.job.payload, type(item.error)) for item in dropped] == [
        ("s.open", Superseded),
        ("s.f0", type(None)),
    ]
    assert drain(scheduler) == ["t.open"]


# -- bounds ----------------------------------------------------------------------------------------------------------


def test_a_full_queue_refuses_with_a_time_to_come_back() -> None:
    scheduler = small(jobs=3)
    for name in "abc":
        scheduler.submit(job(name))
    (dropped,) = scheduler.submit(job("d"))
    assert dropped.job.payload == "d" and isinstance(dropped.error, Overloaded)
    assert dropped.error.retry_ms is not None and 0 < dropped.error.retry_ms <= 60_000
    assert scheduler.submit(job("e", prio="frame")) == [], "another priority has room of its own"
    assert drain(scheduler) == ["e", "a", "b", "c"]


def test_unread_input_of_a_stream_is_bounded() -> None:
    scheduler = small(pushes=2)
    opened(scheduler, "s")
    pushed(scheduler, "s", "push", "0")
    pushed(scheduler, "s", "push", "1")
    (dropped,) = scheduler.push(job("s.2", step="push", owner="s"))
    assert isinstance(dropped.error, Overloaded)


def test_withdraw_takes_everything_that_waits() -> None:
    scheduler = small()
    opened(scheduler, "s")
    for step, name in [("push", "p"), ("layers", "l"), ("frame", "f"), ("end", "e")]:
        pushed(scheduler, "s", step, name)
    scheduler.submit(job("call"))
    assert sorted(item.job.payload for item in scheduler.withdraw("s")) == ["s.e", "s.f", "s.l", "s.p"]
    assert [item.job.payload for item in scheduler.withdraw("call")] == ["call"]
    assert scheduler.withdraw("never seen") == []
    assert drain(scheduler) == [] and set(scheduler.depths().values()) == {0}


def test_input_of_a_stream_that_is_gone_is_dropped() -> None:
    scheduler = small()
    opened(scheduler, "s")
    scheduler.withdraw("s")
    assert pushed(scheduler, "s", "frame", "f0") == ["s.f0"]


def test_withdrawn_calls_leave_no_trace_in_the_heap() -> None:
    scheduler = small()
    for number in range(5000):
        scheduler.submit(job(f"call-{number}"))
        scheduler.withdraw(f"call-{number}")
    assert len(scheduler._ready["general"]) < 200


# -- every job ends exactly once -------------------------------------------------------------------------------------

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["call", "open", "frame", "layers", "push", "end", "next", "finish", "withdraw", "expire"]),
        st.integers(0, 4),
        st.sampled_from(list(RANK)),
        st.sampled_from([None, None, "k1", "k2"]),
        st.sampled_from([NEVER, NEVER, 1.0, 3.0]),
    ),
    max_size=80,
)


@settings(max_examples=400, deadline=None)
@given(ACTIONS)
def test_every_job_ends_exactly_once(actions: list[tuple[str, int, str, str | None, float]]) -> None:
    """Whatever is asked in whatever order: each job is handed out once or dropped once, and the depths are right."""
    scheduler = small(jobs=6, pushes=3)
    ends: Counter[int] = Counter()
    jobs: list[Job[int]] = []
    running: list[Job[Any]] = []
    streams: dict[int, object] = {}
    now = 0.0

    def end(items: list[Dropped[Any]]) -> None:
        for item in items:
            ends[item.job.payload] += 1
            if item.error is not None:  # the driver then ends the whole call
                end(scheduler.withdraw(item.job.owner))

    for action, number, prio, key, deadline in actions:
        now += 0.1
        if action in ("call", "open"):
            owner = object()
            if action == "open":
                streams[number] = owner
            jobs.append(Job(owner, "general", prio, action, len(jobs), now, now + deadline, key))  # type: ignore[arg-type]
            end(scheduler.submit(jobs[-1]))  # type: ignore[arg-type]
        elif action in ("frame", "layers", "push", "end") and number in streams:
            limit = now + deadline if action == "frame" else NEVER
            jobs.append(Job(streams[number], "general", prio, action, len(jobs), now, limit))  # type: ignore[arg-type]
            end(scheduler.push(jobs[-1]))  # type: ignore[arg-type]
        elif action == "next" and not running:
            found, dropped = scheduler.next_job("general", now)
            end(dropped)
            running += [found] if found is not None else []
        elif action == "finish" and running:
            done = running.pop()
            ends[done.payload] += 1
            scheduler.finished(done, 0.01)
        elif action == "withdraw" and number in streams:
            end(scheduler.withdraw(streams.pop(number)))
        elif action == "expire":
            end(scheduler.expire(now))
        waiting = Counter(item.prio for item in jobs if item.state == "waiting")
        assert scheduler.depths() == {name: waiting[name] for name in RANK}

    for done in running:
        ends[done.payload] += 1
        scheduler.finished(done, 0.01)
    while True:
        found, dropped = scheduler.next_job("general", now)
        end(dropped)
        if found is None:
            break
        ends[found.payload] += 1
        scheduler.finished(found, 0.01)
    assert ends == Counter(range(len(jobs)))
    assert all(item.state == "gone" for item in jobs)


@pytest.mark.parametrize("prio", RANK)
def test_every_priority_is_known(prio: str) -> None:
    assert small().submit(job("a", prio=prio)) == []
