"""Drawing in a slot: nothing is copied to send, and every slot comes back whatever becomes of the canvas."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import numpy as np
from client.scripted import Scripted

from sidecar.client import connect
from sidecar.wire.events import Opened
from sidecar.wire.messages import ShmRef


def drawn(vitrine: Any, value: int) -> Any:
    canvas = vitrine.canvas(40, 30, 3)
    canvas[:] = value
    return canvas


def test_a_canvas_is_sent_without_a_copy() -> None:
    async def test() -> None:
        async with Scripted(up=2) as server, await connect(endpoint=server.endpoint) as vitrine:
            for value in range(10):
                canvas = drawn(vitrine, value)
                result = await vitrine.call("server.echo", {"image": canvas})
                assert (result["image"].pixels == value).all()
            assert all(isinstance(event.call.a["image"]["d"], ShmRef) for event in server.events(Opened))

    asyncio.run(test())


def test_what_is_drawn_after_the_copy_would_have_been_made_is_sent() -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint) as vitrine:
            canvas = drawn(vitrine, 1)
            canvas[3:5, 7] = 200
            result = await vitrine.call("server.echo", {"image": canvas})
            assert (result["image"].pixels[3:5, 7] == 200).all() and (result["image"].pixels[0] == 1).all()

    asyncio.run(test())


def test_a_canvas_that_is_dropped_gives_its_slot_back() -> None:
    async def test() -> None:
        async with Scripted(up=1) as server, await connect(endpoint=server.endpoint) as vitrine:
            for value in range(5):
                canvas = drawn(vitrine, value)
                part = canvas[2:4]
                del canvas
                gc.collect()
                assert (part == value).all(), "the slot lives as long as any part of the canvas"
                del part
                gc.collect()
            result = await vitrine.call("server.echo", {"image": drawn(vitrine, 9)})
            assert (result["image"].pixels == 9).all()
            assert isinstance(server.events(Opened)[-1].call.a["image"]["d"], ShmRef)

    asyncio.run(test())


def test_without_a_free_slot_or_memory_it_is_an_ordinary_array() -> None:
    async def test() -> None:
        async with Scripted(up=1) as server, await connect(endpoint=server.endpoint) as vitrine:
            first, second = drawn(vitrine, 1), drawn(vitrine, 2)
            for value, canvas in ((2, second), (1, first)):
                result = await vitrine.call("server.echo", {"image": canvas})
                assert (result["image"].pixels == value).all()
            kinds = [type(event.call.a["image"]["d"]) for event in server.events(Opened)]
            assert kinds == [bytes, ShmRef]
            large = vitrine.canvas(2000, 2000, 4)
            assert large.flags.owndata
        async with Scripted() as server, await connect(endpoint=server.endpoint, shm=False) as vitrine:
            result = await vitrine.call("server.echo", {"image": drawn(vitrine, 3)})
            assert (result["image"].pixels == 3).all()

    asyncio.run(test())


def test_drawing_on_after_the_connection_is_gone_harms_nobody() -> None:
    async def test() -> None:
        async with Scripted() as server, await connect(endpoint=server.endpoint, reconnect=False) as vitrine:
            canvas = drawn(vitrine, 1)
            await vitrine.close()
            canvas[:] = 7
            assert np.all(canvas == 7)
            del canvas
            gc.collect()

    asyncio.run(test())
