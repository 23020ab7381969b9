"""`GET /trace`: who may ask, one at a time, and that nobody else notices; against a gateway with puppet workers."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from server.inside import TOKEN, Inside, Puppet
from tracing.format import flows, load, nests

from sidecar.server.connection import Patience
from sidecar.trace.spans import Span

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def inside() -> Iterator[Inside]:
    with Inside() as gateway:
        yield gateway


def get(inside: Inside, query: str, headers: dict[str, str] = BEARER) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", inside.port, timeout=8)
    try:
        connection.request("GET", f"/trace{query}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def asking(inside: Inside) -> bytes:
    head = f"GET /trace?seconds=30 HTTP/1.1\r\nHost: 127.0.0.1:{inside.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    return head.encode()


@contextmanager
def tracing(inside: Inside, seconds: float, *, kernels: bool = False) -> Iterator[list[tuple[int, bytes]]]:
    """A trace is taken while the block runs; afterwards its answer is in the list."""
    answers: list[tuple[int, bytes]] = []
    query = f"?seconds={seconds}&kernels={int(kernels)}"
    thread = threading.Thread(target=lambda: answers.append(get(inside, query)))
    thread.start()
    until(lambda: bool(inside.do(lambda: inside.gateway.trace.on)))
    yield answers
    thread.join(10)
    assert answers, "no answer came"


def until(happened: Any) -> None:
    for _ in range(500):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_only_who_has_the_token_may_trace(inside: Inside, headers: dict[str, str]) -> None:
    status, body = get(inside, "?seconds=0.1", headers)
    assert status == 401 and b"Authorization: Bearer" in body
    assert not inside.do(lambda: inside.gateway.trace.on)


@pytest.mark.parametrize(("name", "value"), [("Origin", "https://evil.example"), ("Origin", "null"), ("Host", "evil")])
def test_no_other_sites_page_may_trace(inside: Inside, name: str, value: str) -> None:
    assert get(inside, "?seconds=0.1", {**BEARER, name: value})[0] == 403


@pytest.mark.parametrize(
    "query",
    [
        *("?seconds=0", "?seconds=61", "?seconds=nan", "?seconds=inf", "?seconds=-1", "?seconds=", "?seconds=ten"),
        *("?x=1", "?seconds=1&kernels=2", "?seconds=1&kernels=", "?seconds=1&seconds=2&a=1&b=2&c=3", "?&&", "?%ff=%00"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_what_makes_some(inside: Inside, query: str) -> None:
    status, body = get(inside, query)
    assert status == 400 and b"/trace?seconds=N" in body
    assert not inside.do(lambda: inside.gateway.trace.on)


def test_one_trace_at_a_time(inside: Inside) -> None:
    with tracing(inside, 0.4) as answers:
        status, body = get(inside, "?seconds=0.1")
        assert status == 409 and b"already" in body
    assert answers[0][0] == 200
    assert get(inside, "?seconds=0.05")[0] == 200


def test_the_socket_is_not_closed_as_one_that_says_no_hello() -> None:
    with Inside(patience=Patience(hello_s=0.2, unsent_s=0.2, closing_s=0.2)) as hasty:
        assert get(hasty, "?seconds=1.2")[0] == 200


def work(inside: Inside, worker: Puppet, *, number: int | None = None) -> int:
    """Answers a puppet's job as a worker of a trace does; the trace's number that it was told."""
    job = inside.job(worker)
    now = time.perf_counter_ns()
    spans = [Span("pose-full", "model", now + 1000, now + 2000), Span("the job", "job", now, now + 5000)]
    inside.do(lambda: worker.events.worker_traced(number or job.number, 4711, 4712, spans, 0))
    inside.answer(worker, {"data": b"x"})
    return job.trace


def test_calls_are_followed_through_the_worker_and_back(inside: Inside) -> None:
    with inside.client() as client:
        with tracing(inside, 0.5) as answers:
            call = client.call("server.echo", {"where": "engine", "data": b"x"})
            assert work(inside, inside.frame) > 0
            assert client.answer(call)["t"] == "done"
            client.ask("server.echo", {"data": b"y"})
        assert not inside.do(lambda: inside.gateway.trace.on)
        later = client.call("server.echo", {"where": "engine", "data": b"x"})
        assert work(inside, inside.frame) == 0
        client.answer(later)
    events = load(answers[0][1])
    nests(events)
    (chain,) = flows(events).values()
    assert [event["ph"] for event in chain] == ["s", "t", "t", "f"]
    root = next(event for event in events if event["ph"] == "b" and event["name"] == "server.echo call")
    assert root["args"]["call"] == call and root["args"]["outcome"] == "ok"
    session = client.welcome["session"]
    assert root["args"]["session"] == session
    assert sum(event["name"] == "read opened" for event in events) == 2  # the gateway's own echo is a read alone


@pytest.mark.parametrize("end", ["cancel", "refuse", "die"])
def test_a_call_that_fails_says_so(inside: Inside, end: str) -> None:
    with inside.client() as client, tracing(inside, 0.4) as answers:
        call = client.call("server.echo", {"where": "engine", "data": b"x"})
        inside.job(inside.frame)
        if end == "cancel":
            client.send({"t": "cancel", "id": call})
            assert client.answer(call)["code"] == "cancelled"
            inside.refuse(inside.frame, "cancelled")
        elif end == "refuse":
            inside.refuse(inside.frame, "bad_request")
        else:
            inside.die(inside.frame)
        if end != "cancel":
            client.answer(call)
    events = load(answers[0][1])
    nests(events)
    root = next(event for event in events if event["ph"] == "b" and event["name"] == "server.echo call")
    assert root["args"]["outcome"] == {"cancel": "cancelled", "refuse": "bad_request", "die": "unavailable"}[end]


def test_a_stranger_to_the_trace_is_not_believed(inside: Inside) -> None:
    """Spans of a job that nobody remembers, as after a restart, are passed over."""
    with inside.client() as client, tracing(inside, 0.3) as answers:
        call = client.call("server.echo", {"where": "engine", "data": b"x"})
        work(inside, inside.frame, number=999)
        client.answer(call)
    events = load(answers[0][1])
    nests(events)
    assert not any(event["name"] == "pose-full" for event in events)


def test_who_hangs_up_ends_the_trace(inside: Inside) -> None:
    with socket.create_connection(("127.0.0.1", inside.port), timeout=5) as plain:
        plain.sendall(asking(inside))
        until(lambda: inside.do(lambda: inside.gateway.trace.on))
        with inside.client() as client:
            client.ask("server.echo", {"data": b"y"})
        assert inside.do(lambda: len(inside.gateway.trace.ring)) > 0
    until(lambda: not inside.do(lambda: inside.gateway.trace.on))
    assert inside.do(lambda: len(inside.gateway.trace.ring)) == 0
    assert get(inside, "?seconds=0.05")[0] == 200


def test_who_goes_on_talking_is_dropped(inside: Inside) -> None:
    with socket.create_connection(("127.0.0.1", inside.port), timeout=5) as plain:
        plain.sendall(asking(inside))
        until(lambda: inside.do(lambda: inside.gateway.trace.on))
        plain.sendall(b"x" * 5000)
        until(lambda: not inside.do(lambda: inside.gateway.trace.on))


def test_the_server_stops_in_the_midst_of_a_trace() -> None:
    with Inside() as gateway:
        plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=5)
        plain.sendall(asking(gateway))
        until(lambda: gateway.do(lambda: gateway.gateway.trace.on))
    with plain, suppress(ConnectionError):  # a reset is an end too
        assert plain.recv(4096) == b""


def test_a_long_trace_comes_in_pieces_and_the_loop_goes_on(inside: Inside) -> None:
    with inside.client() as client, tracing(inside, 1.0) as answers:
        tracer = inside.gateway.trace

        def fill() -> None:
            for _ in range(60_000):
                tracer.received()
                tracer.read("read ping", "s1")

        inside.do(fill)
        slowest = 0.0
        while not answers:
            began = time.perf_counter()
            client.ask("server.echo", {"data": b"y"})
            slowest = max(slowest, time.perf_counter() - began)
    assert len(json.loads(answers[0][1])["traceEvents"]) > 60_000
    assert slowest < 0.5, f"an echo took {slowest:.2f} s while the file was sent"
    assert len(inside.gateway.trace.ring) == 0  # the memory is given back
