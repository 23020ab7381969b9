"""The asyncio client against a server that does as the test says, on plain asyncio and on uvloop."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from scripted import Scripted
from websockets.asyncio.server import ServerConnection, serve

from sidecar.client import Endpoint, NoServer, Picture, Vitrine, connect
from sidecar.client import link as link_module
from sidecar.client.pictures import from_wire, to_wire
from sidecar.errors import (
    BadRequest,
    Internal,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from sidecar.server.connection import Connection
from sidecar.wire import codec
from sidecar.wire.events import Opened, Pushed
from sidecar.wire.messages import Call, Cancel, Free, Limits, Pace, ShmRef, Timing

Test = Callable[[], Coroutine[Any, Any, None]]
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop]
if sys.platform != "win32":
    import uvloop

    LOOPS.append(uvloop.new_event_loop)


@pytest.fixture(params=LOOPS, ids=lambda factory: factory.__module__.split(".")[0])
def run(request: pytest.FixtureRequest) -> Callable[[Test], None]:
    """Runs a coroutine to its end within ten seconds; whatever nobody caught on the loop fails the test."""

    def runner(test: Test) -> None:
        loop = request.param()
        uncaught: list[Any] = []
        loop.set_exception_handler(lambda _, context: uncaught.append(context))
        try:
            loop.run_until_complete(asyncio.wait_for(test(), 10))
            loop.run_until_complete(asyncio.sleep(0))
        finally:
            loop.close()
        assert not uncaught

    return runner


def rgb(height: int = 40, width: int = 30, channels: int = 3, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


def test_three_lines(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            result = await vitrine.call("server.echo", {"where": "gateway", "data": ["试", 1.5, None, b"\x00"]})
            assert result["data"] == ["试", 1.5, None, b"\x00"]
            assert result.tm == Timing(total_ms=1.5) and result.n is None
            assert vitrine.connected and vitrine.welcome.ops == ["server.echo"]
        assert not vitrine.connected

    run(test)


def test_the_first_free_says_mapped_and_comes_before_any_call(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            await vitrine.call("server.echo")
            assert server.seen[1] == Free([]) and isinstance(server.seen[2], Opened)
        async with Scripted() as server, await connect(endpoint=server.endpoint, shm=False) as vitrine:
            await vitrine.call("server.echo")
            assert not server.events(Free)

    run(test)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shm", [True, False])
def test_pictures_go_and_come_back(run: Callable[[Test], None], channels: int, shm: bool) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint, shm=shm) as vitrine:
            pixels = rgb(channels=channels)
            for view in (pixels, pixels[::-1], pixels[:, ::2], pixels[..., ::-1], np.asfortranarray(pixels)):
                result = await vitrine.call("server.echo", {"image": view, "data": [view]})
                for picture in (result["image"], result["data"][0]):
                    assert isinstance(picture, Picture)
                    assert (picture.pixels == view).all() and picture.pixels.shape == view.shape
            sent = server.events(Opened)[-1].call.a["image"]
            assert isinstance(sent["d"], ShmRef) is shm
            assert (sent["w"], sent["h"], sent["o"]) == (30, 40, "top")

    run(test)


def test_slots_come_back_on_both_sides(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted(up=2, down=2) as server, await connect(endpoint=server.endpoint) as vitrine:
            for seed in range(20):
                pixels = rgb(seed=seed)
                result = await vitrine.call("server.echo", {"image": pixels})
                assert (result["image"].pixels == pixels).all()
            await vitrine.call("server.echo")
            assert all(isinstance(event.call.a["image"]["d"], ShmRef) for event in server.events(Opened)[:-1])
            down = server.connections[0].down
            assert down is not None and down.free == 2

    run(test)


def test_without_a_free_slot_pixels_go_inline(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted(up=2) as server, await connect(endpoint=server.endpoint) as vitrine:
            server.hold_slots = True
            for _ in range(4):
                assert (await vitrine.call("server.echo", {"image": rgb()}))["image"].pixels.shape == (40, 30, 3)
            kinds = [type(event.call.a["image"]["d"]) for event in server.events(Opened)]
            assert kinds == [ShmRef, ShmRef, bytes, bytes]
            large = rgb(700, 700)  # over a slot
            server.connections[0].release([0, 1])
            assert ((await vitrine.call("server.echo", {"image": large}))["image"].pixels == large).all()

    run(test)


def test_waiting_for_a_slot_instead(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted(up=1) as server, await connect(endpoint=server.endpoint, wait_for_slots=True) as vitrine:
            server.hold_slots = True
            await vitrine.call("server.echo", {"image": rgb()})
            waiting = [asyncio.create_task(vitrine.call("server.echo", {"image": rgb()})) for _ in range(2)]
            await vitrine.call("server.echo", {"data": "no picture, no wait"})
            assert not any(task.done() for task in waiting)
            server.hold_slots = False
            server.connections[0].release([0])
            await asyncio.gather(*waiting)
            kinds = [type(event.call.a["image"]["d"]) for event in server.events(Opened) if "image" in event.call.a]
            assert kinds == [ShmRef] * 3

    run(test)


def test_out_is_used_where_it_fits(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            pixels, out, small = rgb(), np.zeros(5000, np.uint8), np.zeros(10, np.uint8)
            picture = (await vitrine.call("server.echo", {"image": pixels}, out=out))["image"]
            assert np.shares_memory(picture.pixels, out) and (picture.pixels == pixels).all()
            picture = (await vitrine.call("server.echo", {"image": pixels}, out=small))["image"]
            assert not small.any() and (picture.pixels == pixels).all()

    run(test)


NO_PICTURES = [np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 2), np.uint8), np.zeros(4, np.uint8)]
NO_PICTURES += [np.zeros((0, 4, 3), np.uint8), np.zeros((1, 2, 2, 3), np.uint8)]


@pytest.mark.parametrize("array", NO_PICTURES, ids=lambda array: str(array.shape))
def test_an_array_that_is_no_picture_is_refused_before_it_is_sent(run: Callable[[Test], None], array: Any) -> None:
    async def test() -> None:
        async with Scripted(up=1) as server, await connect(endpoint=server.endpoint) as vitrine:
            with pytest.raises(BadRequest, match="picture"):
                await vitrine.call("server.echo", {"image": rgb(), "data": array})
            with pytest.raises(TypeError):
                await vitrine.call("server.echo", {"image": rgb(), "data": object()})
            await vitrine.call("server.echo", {"image": rgb()})
            (event,) = server.events(Opened)
            assert isinstance(event.call.a["image"]["d"], ShmRef)  # the one slot had come back each time

    run(test)


def test_a_message_over_the_servers_limit_is_not_sent(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        limits = Limits(message_bytes=100_000)
        async with Scripted(limits=limits) as server, await connect(endpoint=server.endpoint) as vitrine:
            with pytest.raises(TooLarge):
                await vitrine.call("server.echo", {"data": bytes(100_000)})
            await vitrine.call("server.echo")

    run(test)


def test_pictures_of_results() -> None:
    image = {"w": 1, "h": 2, "f": "rgb8", "o": "bottom", "d": bytes(range(6))}
    picture = from_wire({"items": [{"image": image}]}, pytest.fail)["items"][0]["image"]
    assert picture.pixels.tolist() == [[[3, 4, 5]], [[0, 1, 2]]] and bytes(picture) == bytes(range(6))
    encoded = from_wire({"w": 0, "h": 0, "f": "png", "o": "top", "d": b"\x89PNG"}, pytest.fail)
    assert bytes(encoded) == b"\x89PNG"
    with pytest.raises(BadRequest, match="want"):
        _ = encoded.pixels
    for strange in ({"f": "gif"}, {"f": 3}, {"w": "1"}, {"o": "left"}, {"d": "text"}):
        assert from_wire(image | strange, pytest.fail) == image | strange
    for wrong in ({"w": 2}, {"w": 0}, {"h": -2}, {"d": ShmRef(0, 5, 1)}, {"d": ShmRef(0, 6, 1), "f": "png"}):
        with pytest.raises(Internal):
            from_wire(image | wrong, pytest.fail)
    with pytest.raises(Internal):
        from_wire({"data": ShmRef(0, 1, 1)}, pytest.fail)
    assert to_wire({"a": (1, np.zeros((2, 3), np.uint8))}, lambda _: b"!") == {
        "a": [1, {"w": 3, "h": 2, "f": "r8", "o": "top", "d": b"!"}]
    }


def bad_answers(connection: Connection) -> dict[str, Any]:
    image = {"w": 2, "h": 2, "f": "r8", "o": "top"}
    lane = connection.lane
    assert lane is not None
    good = lane.write(lane.offer.up, 5, b"abcd")
    return {
        "stale": {"image": image | {"d": good._replace(sequence=4)}},
        "slot of the client": {"image": image | {"d": lane.write(0, 5, b"abcd")}},
        "outside": {"image": image | {"d": ShmRef(99, 4, 5)}},
        "too long": {"image": image | {"w": 2**16, "h": 2**16, "d": ShmRef(lane.offer.up, 2**32 - 1, 5)}},
        "length": {"image": image | {"w": 3, "d": good}},
        "encoded in shared memory": {"image": image | {"f": "png", "d": good}},
        "not a picture": {"data": good},
    }


def test_a_server_that_sends_bad_pictures_fails_the_call_and_nothing_else(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:

            def answer(connection: Connection, call: Call) -> bool:
                if "bad" in call.a:
                    server.done(connection, call.id, bad_answers(connection)[call.a["bad"]])
                return "bad" in call.a

            server.on_call = answer
            for name in bad_answers(server.connections[0]):
                with pytest.raises(Internal):
                    await vitrine.call("server.echo", {"bad": name})
            assert (await vitrine.call("server.echo", {"data": 1}))["data"] == 1

    run(test)


def test_a_fail_raises_its_class(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:

            def answer(connection: Connection, call: Call) -> bool:
                connection.session.fail(call.id, Overloaded("Wait a little.", retry_ms=30))
                return True

            server.on_call = answer
            with pytest.raises(Overloaded, match="Wait a little") as error:
                await vitrine.call("server.echo")
            assert error.value.retry_ms == 30

    run(test)


def test_a_cancelled_task_cancels_its_call_and_late_pictures_go_back(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted(down=1) as server, await connect(endpoint=server.endpoint) as vitrine:
            server.on_call = lambda connection, call: call.op == "vision.segment"
            task = asyncio.create_task(vitrine.call("vision.segment"))
            await until(lambda: server.events(Opened))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: server.events(Cancel))
            connection, call_id = server.connections[0], server.events(Opened)[0].call.id
            placed = server.placed(connection, bytes(4))
            assert isinstance(placed, ShmRef)
            server.done(connection, call_id, {"image": {"w": 2, "h": 2, "f": "r8", "o": "top", "d": placed}})
            await vitrine.call("server.echo")
            await until(lambda: connection.down is not None and connection.down.free == 1)
            assert len(server.events(Cancel)) == 1

    run(test)


def test_many_calls_at_once_get_their_own_answers(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            results = await asyncio.gather(*(vitrine.call("server.echo", {"data": number}) for number in range(60)))
            assert [result["data"] for result in results] == list(range(60))

    run(test)


# -- streams -----------------------------------------------------------------------------------------------------


def test_a_stream_from_start_to_done(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            async with vitrine.stream("tryon.stream", {"layers": []}, prio="frame") as stream:
                frames = [rgb(seed=seed) for seed in range(12)]

                async def push() -> None:
                    for number, frame in enumerate(frames):
                        await stream.push_frame(frame, n=number, t_us=1000 * number)
                    await stream.push({"layers": []})
                    await stream.end()

                pushing = asyncio.create_task(push())
                parts = [part async for part in stream]
                await pushing
            assert [part.n for part in parts] == list(range(13))
            for number, frame in enumerate(frames):
                assert (parts[number]["image"].pixels == frame).all() and parts[number]["t_us"] == 1000 * number
            assert stream.done is not None and stream.done.d == {}
            assert not server.events(Cancel)
            down = server.connections[0].down
            await until(lambda: down is not None and down.free == 4)
            with pytest.raises(BadRequest, match="ended"):
                await stream.push({})

    run(test)


def test_leaving_a_stream_cancels_it_and_frees_what_was_unread(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted(down=3) as server, await connect(endpoint=server.endpoint) as vitrine:
            async with vitrine.stream("tryon.stream") as stream:
                for number in range(3):
                    await stream.push_frame(rgb(), n=number, t_us=0)
                async for part in stream:
                    assert part.n == 0
                    break
            await until(lambda: server.events(Cancel))
            server.part(server.connections[0], 0, {"late": 1})
            down = server.connections[0].down
            await until(lambda: down is not None and down.free == 3)
            assert [part async for part in stream] == []

    run(test)


def test_only_the_newest_parts_are_kept_where_asked(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with (
            Scripted(down=3) as server,
            await connect(endpoint=server.endpoint) as vitrine,
            vitrine.stream("tryon.stream", newest=2) as stream,
        ):
            for number in range(10):
                await stream.push_frame(rgb(seed=number), n=number, t_us=0)
            await vitrine.call("server.echo")
            first, second = await anext(stream), await anext(stream)
            assert (first["n"], second["n"], stream.dropped) == (8, 9, 8)
            assert (second["image"].pixels == rgb(seed=9)).all()
            down = server.connections[0].down
            await until(lambda: down is not None and down.free == 3)

    run(test)


def test_a_reader_that_leaves_too_much_unread_loses_the_call(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with (
            Scripted() as server,
            await connect(endpoint=server.endpoint) as vitrine,
            vitrine.stream("tryon.stream") as stream,
        ):
            for number in range(1025):
                await stream.push({"n": number})
            await until(lambda: server.events(Cancel))
            with pytest.raises(Overloaded):
                await anext(stream)
            with pytest.raises(Overloaded):
                await stream.push({})

    run(test)


def test_a_failed_stream_raises_after_its_parts(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with (
            Scripted() as server,
            await connect(endpoint=server.endpoint) as vitrine,
            vitrine.stream("tryon.stream") as stream,
        ):
            await stream.push({"n": 1})
            await until(lambda: server.events(Pushed))
            server.connections[0].session.fail(0, NotFound("There is no such product."))
            server.connections[0].flush()
            await vitrine.call("server.echo")
            assert (await anext(stream))["n"] == 1
            with pytest.raises(NotFound):
                await anext(stream)
            with pytest.raises(NotFound):
                await stream.push({})

    run(test)


def test_a_stream_reuses_out(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            out = np.zeros(40 * 30 * 3, np.uint8)
            async with vitrine.stream("tryon.stream", out=out) as stream:
                for number in range(3):
                    await stream.push_frame(rgb(seed=number), n=number, t_us=0)
                for number in range(3):
                    pixels = (await anext(stream))["image"].pixels
                    assert np.shares_memory(pixels, out) and (pixels == rgb(seed=number)).all()

    run(test)


# -- connection --------------------------------------------------------------------------------------------------


def test_clock_pace_and_notes(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        notes: list[Any] = []
        async with Scripted() as server, await connect(endpoint=server.endpoint, on_note=notes.append) as vitrine:
            clock = await vitrine.clock_offset(samples=5)
            assert abs(clock.offset_us - 1_000_000) < 100_000 and 0 <= clock.rtt_us < 200_000
            vitrine.pace(refresh_hz=90, frame_ms=11.1, dropped=2)
            server.connections[0].session.note("pressure", {"level": 1, "what": "cpu"})
            await vitrine.call("server.echo")
            assert server.events(Pace) == [Pace(90.0, 11.1, 2)]
            assert notes[0].topic == "pressure"

    run(test)


def test_neither_end_waits_for_more_bytes_before_it_sends(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            for end in (vitrine.connection().link, server.connections[0]):
                transport = end._transport
                assert transport is not None
                sock = transport.get_extra_info("socket")
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert vitrine.connection().link._protocol.extensions == []

    run(test)


def test_a_wrong_token_is_unauthorized(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server:
            server.token = "another"
            with pytest.raises(Unauthorized, match="1008"):
                await connect(endpoint=server.endpoint)

    run(test)


def test_a_silent_or_absent_server_is_unavailable(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server:
            server.greet = False
            with pytest.raises(Unavailable, match=r"0\.1 s"):
                await connect(endpoint=server.endpoint, timeout_s=0.1)
            await until(lambda: "left" in server.seen)
        with pytest.raises(Unavailable):
            await connect(endpoint=server.endpoint)

    run(test)


def test_no_run_file_is_no_server(run: Callable[[Test], None], tmp_path: Any) -> None:
    async def test() -> None:
        with pytest.raises(NoServer):
            await connect(run_file=tmp_path / "run.json")

    run(test)


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"\x00" * 40, b""]
)
def test_what_is_no_vitrine_server_is_unavailable(run: Callable[[Test], None], first: bytes) -> None:
    async def test() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(first)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable):
            await connect(endpoint=Endpoint("127.0.0.1", port, "T", 1, 0.0, "1"), timeout_s=2)
        server.close()

    run(test)


@pytest.mark.parametrize("fault", ["text", "no map", "unknown id", "second welcome", "no subprotocol"])
def test_a_server_that_breaks_the_contract_loses_its_client(run: Callable[[Test], None], fault: str) -> None:
    tm = dict.fromkeys(("queue_ms", "decode_ms", "infer_ms", "encode_ms", "total_ms"), 0.0)
    limits = {"message_bytes": 10**6, "open_calls": 4, "image_px": 10**6}
    who = {"name": "n", "version": "v", "pid": 1}
    welcome = codec.encode({"t": "welcome", "v": 1, "session": "s", "server": who, "ops": [], "limits": limits})
    faults: dict[str, Any] = {
        "text": "hello",
        "no map": b"\x90",
        "unknown id": codec.encode({"t": "done", "id": 99, "d": {}, "tm": tm}),
        "second welcome": welcome,
        "no subprotocol": b"",
    }

    async def test() -> None:
        async def handler(websocket: ServerConnection) -> None:
            await websocket.recv()
            await websocket.send(welcome)
            await websocket.recv()
            await websocket.send(faults[fault])
            await websocket.wait_closed()

        names: Any = None if fault == "no subprotocol" else ["vitrine.v1"]
        async with serve(handler, "127.0.0.1", 0, subprotocols=names, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            endpoint = Endpoint("127.0.0.1", port, "T", 1, 0.0, "1")
            with pytest.raises(Unavailable):
                async with await connect(endpoint=endpoint, reconnect=False, timeout_s=2) as vitrine:
                    await vitrine.call("server.echo")

    run(test)


def test_fragmented_messages_are_put_together(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:

            def answer(connection: Connection, call: Call) -> bool:
                session = connection.session
                session.done(call.id, codec.encode({"data": bytes(70_000)}), Timing())
                message = session.next_to_send()
                assert message is not None
                connection._protocol.send_binary(message[:100], fin=False)
                connection._protocol.send_continuation(message[100:60_000], fin=False)
                connection._protocol.send_continuation(message[60_000:], fin=True)
                connection._write()
                return True

            server.on_call = answer
            assert len((await vitrine.call("server.echo"))["data"]) == 70_000

    run(test)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 21, 22, 23, 1000])
def test_frames_may_be_cut_anywhere(run: Callable[[Test], None], size: int) -> None:
    """A payload that holds whole frames itself: wherever a read begins, it must not be taken for a message."""
    data = {"data": b"\x82\x05aaaaa\x82\x7e\x00\x02bb\x82\x00\x82\x01c" * 3}

    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            writing: list[asyncio.Task[None]] = []

            async def write(connection: Connection, frames: bytes) -> None:
                transport = connection._transport
                assert transport is not None
                pieces = re.split(b"(\x82\x05aaaaa)", frames)  # size 0: around what looks like a frame
                if size:
                    pieces = [frames[start : start + size] for start in range(0, len(frames), size)]
                for piece in pieces:
                    transport.write(piece)
                    await asyncio.sleep(0.0005)

            def answer(connection: Connection, call: Call) -> bool:
                session = connection.session
                session.note("pressure", {"level": 0, "what": "cpu"})
                session.done(call.id, codec.encode(data), Timing())
                while (message := session.next_to_send()) is not None:
                    connection._protocol.send_binary(message)
                frames = b"".join(connection._protocol.data_to_send())
                writing.append(asyncio.ensure_future(write(connection, frames)))
                return True

            server.on_call = answer
            for _ in range(3):
                assert (await vitrine.call("server.echo")).d == data
                await asyncio.gather(*writing)

    run(test)


def test_a_whole_message_inside_a_fragmented_one_breaks_the_contract(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with (
            Scripted() as server,
            await connect(endpoint=server.endpoint, reconnect=False) as vitrine,
        ):

            def answer(connection: Connection, call: Call) -> bool:
                transport = connection._transport
                assert transport is not None
                transport.write(b"\x02\x01\x82")  # a first fragment, and more to come
                asyncio.get_running_loop().call_later(0.02, server.done, connection, call.id, {})
                return True

            server.on_call = answer
            with pytest.raises(Unavailable):
                await vitrine.call("server.echo")

    run(test)


def test_a_lost_connection_fails_what_is_open_and_is_made_anew(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            server.on_call = lambda connection, call: call.op == "vision.segment"
            waiting = asyncio.create_task(vitrine.call("vision.segment"))
            async with vitrine.stream("tryon.stream") as stream:
                await stream.push_frame(rgb(), n=0, t_us=0)
                await vitrine.call("server.echo")
                server.connections[0].abort()
                with pytest.raises(Unavailable):
                    await waiting
                part = await anext(stream)  # what had come is not lost
                assert (part["image"].pixels == rgb()).all()
                with pytest.raises(Unavailable):
                    await anext(stream)
            with pytest.raises(Unavailable, match="again"):
                await vitrine.call("server.echo")
            await vitrine.wait_connected(5)
            assert (await vitrine.call("server.echo", {"image": rgb()}))["image"].pixels.shape == (40, 30, 3)
            assert len(server.connections) == 2

    run(test)


def test_it_waits_for_a_server_that_comes_back_later(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            await server.stop()
            await until(lambda: not vitrine.connected)
            await asyncio.sleep(0.3)
            with pytest.raises(Unavailable):
                await vitrine.wait_connected(0.01)
            await server.listen()
            await vitrine.wait_connected(5)
            await vitrine.call("server.echo")

    run(test)


def test_no_reconnect_where_not_wanted_or_not_allowed(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server:
            async with await connect(endpoint=server.endpoint, reconnect=False) as vitrine:
                server.connections[0].abort()
                await until(lambda: not vitrine.connected)
                with pytest.raises(Unavailable, match="gone"):
                    await vitrine.wait_connected(1)
            async with await connect(endpoint=server.endpoint) as vitrine:
                server.token = "another"
                server.connections[-1].abort()
                await until(lambda: not vitrine.connected)
                with pytest.raises(Unavailable, match="1008"):
                    await vitrine.wait_connected(5)
                tries = len(server.connections)
                await asyncio.sleep(0.3)
                assert len(server.connections) == tries

    run(test)


def test_closing_while_it_tries_again_and_while_calls_are_open(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server:
            vitrine = await connect(endpoint=server.endpoint)
            server.on_call = lambda connection, call: True
            waiting = asyncio.create_task(vitrine.call("server.echo"))
            await until(lambda: server.events(Opened))
            await vitrine.close()
            with pytest.raises(Unavailable):
                await waiting
            with pytest.raises(Unavailable, match="closed"):
                await vitrine.call("server.echo")
            vitrine = await connect(endpoint=server.endpoint)
            await server.stop()
            await until(lambda: not vitrine.connected)
            await vitrine.close()
            with pytest.raises(Unavailable, match="closed"):
                await vitrine.wait_connected(1)

    run(test)


def test_a_server_that_reads_nothing_holds_the_sender_back(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint, shm=False) as vitrine:
            transport = server.connections[0]._transport
            assert transport is not None
            transport.pause_reading()

            def answer(connection: Connection, call: Call) -> bool:
                server.done(connection, call.id, {})
                return True

            server.on_call = answer
            blob = {"data": bytes(4 * 2**20)}
            tasks = [asyncio.create_task(vitrine.call("server.echo", blob)) for _ in range(12)]
            await asyncio.sleep(0.3)
            link = vitrine.connection().link
            assert link.paused and len(link.session.open_calls) < 12
            transport.resume_reading()
            assert len(await asyncio.gather(*tasks)) == 12

    run(test)


def test_a_dead_server_is_given_up(run: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "SILENT_S", 0.05)
    monkeypatch.setattr(link_module, "DEAD_S", 0.2)

    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint, reconnect=False) as vitrine:
            await asyncio.sleep(0.5)
            await vitrine.call("server.echo")  # silent but alive: it answers pings
            transport = server.connections[0]._transport
            assert transport is not None
            transport.pause_reading()  # as a stopped process would
            with pytest.raises(Unavailable):
                await vitrine.call("server.echo")

    run(test)


def test_a_client_that_was_stopped_itself_asks_before_it_gives_up(
    run: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "SILENT_S", 0.1)
    monkeypatch.setattr(link_module, "DEAD_S", 0.4)
    monkeypatch.setattr(link_module, "STOPPED_S", 0.2)

    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint, reconnect=False) as vitrine:
            for _ in range(3):
                await vitrine.call("server.echo")
                time.sleep(0.8)  # the whole loop stands still, as in a computer that sleeps
            await asyncio.sleep(0.3)
            await vitrine.call("server.echo")

    run(test)


def test_closing_a_server_that_never_finishes_takes_two_seconds_at_most(
    run: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "CLOSING_S", 0.1)

    async def test() -> None:
        async with Scripted() as server:
            vitrine: Vitrine = await connect(endpoint=server.endpoint)
            transport = server.connections[0]._transport
            assert transport is not None
            transport.pause_reading()
            await asyncio.wait_for(vitrine.close(), 2)

    run(test)


def test_a_huge_message_of_the_server_is_not_read(run: Callable[[Test], None]) -> None:
    async def test() -> None:
        async with (
            Scripted(limits=Limits(message_bytes=10_000)) as server,
            await connect(endpoint=server.endpoint, reconnect=False) as vitrine,
        ):

            def answer(connection: Connection, call: Call) -> bool:
                transport = connection._transport
                assert transport is not None
                transport.write(b"\x82\x7f" + struct.pack(">Q", 2**40))
                return True

            server.on_call = answer
            with pytest.raises(Unavailable):
                await vitrine.call("server.echo")

    run(test)
