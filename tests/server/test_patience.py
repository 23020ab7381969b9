"""What runs out: time for a hello, room for those who wait, patience with a reader who does not read."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from integration.rawpeer import pack
from integration.running import wait_until
from server.inside import TOKEN, Inside, plain_socket

from sidecar.server.connection import UNSENT_BYTES, Patience
from sidecar.server.gateway import CONNECTIONS, STOPPED_S, WAITING_CONNECTIONS


def test_the_limits_are_those_of_the_contract() -> None:
    assert (Patience().hello_s, Patience().unsent_s, UNSENT_BYTES, WAITING_CONNECTIONS) == (5.0, 5.0, 8 * 2**20, 16)


def test_a_late_hello_is_4001(hasty: Inside) -> None:
    with hasty.client() as early, hasty.peer() as late:
        assert late.close_code() == 4001
        time.sleep(0.3)
        assert early.ask("server.echo", {"data": 1})["t"] == "done"


def test_a_handshake_that_does_not_come_is_dropped(hasty: Inside) -> None:
    with plain_socket(hasty.port) as silent, plain_socket(hasty.port) as slow:
        slow.sendall(b"GET /v1 HTTP/1.1\r\nHost: ")
        assert silent.recv(10) == b""
        assert slow.recv(10) == b""
    wait_until(lambda: not hasty.connections(), what="forgetting them")


def test_a_peer_that_does_not_finish_closing_is_dropped(hasty: Inside) -> None:
    with hasty.peer() as peer:
        peer.send_text("wrong")
        assert peer.close_code() == 1003
        wait_until(lambda: not hasty.connections(), what="dropping it")


def test_tcp_nodelay_is_set_at_the_servers_end(inside: Inside) -> None:
    with inside.client():
        (connection,) = inside.connections()
        assert connection._transport is not None
        end = connection._transport.get_extra_info("socket")
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_the_17th_waiting_connection_is_refused(inside: Inside) -> None:
    with inside.client() as welcome:
        waiting = [inside.peer() for _ in range(WAITING_CONNECTIONS)]
        with plain_socket(inside.port) as surplus:
            answer = surplus.recv(100)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert welcome.ask("server.echo", {"data": 1})["t"] == "done"
        waiting[0].hello(TOKEN)  # it makes room by being welcome
        inside.peer().close()
        for peer in waiting:
            peer.close()


def test_there_is_an_end_to_connections(inside: Inside) -> None:
    clients = [inside.client() for _ in range(CONNECTIONS)]
    with plain_socket(inside.port) as surplus:
        assert surplus.recv(100).startswith(b"HTTP/1.1 503 ")
    for client in clients:
        assert client.ask("server.echo", {"data": 1})["t"] == "done"
        client.close()
    wait_until(lambda: not inside.connections(), what="forgetting them")


def stuff(peer: object, times: int, size: int) -> None:
    """Echo calls whose answers nobody reads."""
    data = b"x" * size
    for number in range(times):
        peer.send({"t": "call", "id": number, "op": "server.echo", "a": {"data": data}})  # type: ignore[attr-defined]


def test_a_reader_that_stops_is_4008_after_its_time(hasty: Inside) -> None:
    with hasty.client() as other, hasty.client(receive_buffer=4096) as slow:
        stuff(slow, 10, 512 * 1024)
        wait_until(lambda: hasty.snapshot()["sessions"] == 1, timeout=3, what="closing it")
        assert other.ask("server.echo", {"data": 1})["t"] == "done"


def test_a_reader_that_stops_is_4008_over_8_mib_at_once(inside: Inside) -> None:
    with inside.client() as other, inside.client(receive_buffer=4096) as slow:
        started = time.monotonic()
        with suppress(OSError):  # it may be closed while it still sends
            stuff(slow, 40, 512 * 1024)
        wait_until(lambda: inside.snapshot()["sessions"] == 1, timeout=3, what="closing it")
        assert slow.close_code() == 4008  # it reads at last, and finds the close behind what it had not read
        assert time.monotonic() - started < Patience().unsent_s - 1
        assert other.ask("server.echo", {"data": 1})["t"] == "done"


def test_a_reader_that_never_reads_again_is_dropped(hasty: Inside) -> None:
    with hasty.client(receive_buffer=4096) as slow:
        stuff(slow, 10, 512 * 1024)
        wait_until(lambda: not hasty.connections(), timeout=4, what="dropping it")


def test_pings_that_nobody_reads_are_4008(inside: Inside) -> None:
    with inside.client(receive_buffer=4096) as slow:
        stuff(slow, 4, 512 * 1024)
        ping = b"\x89\xfd" + b"\x00" * 4 + b"p" * 125
        with suppress(OSError):
            for _ in range(200):
                slow.send_wire(ping * 100)
        wait_until(lambda: inside.snapshot()["sessions"] == 0, timeout=3, what="closing it")


def test_a_flood_of_small_messages_lets_others_through(inside: Inside) -> None:
    message = pack({"t": "ping", "c0": 1})
    frame = b"\x82" + bytes([0x80 | len(message)]) + b"\x00" * 4 + message
    with inside.client() as flood, inside.client() as other:
        started = time.perf_counter()
        flood.send_wire(frame * 20_000)
        assert other.ask("server.echo", {"data": 1})["t"] == "done"
        other_s = time.perf_counter() - started
        for _ in range(20_000):
            assert flood.recv()["t"] == "pong"
        assert other_s < (time.perf_counter() - started) / 4, "not behind the whole flood"


def test_a_server_that_was_stopped_itself_blames_nobody() -> None:
    with Inside(patience=Patience(hello_s=1.0)) as inside, inside.peer() as late:
        inside.do(lambda: time.sleep(STOPPED_S + 0.6))  # as a computer that sleeps
        late.hello("inside-token")
        assert late.ask("server.echo", {"data": 1})["t"] == "done"
