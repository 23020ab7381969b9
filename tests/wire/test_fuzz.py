"""Property tests: whatever bytes come, a session answers with events, closes or fails, and never with an exception.

`VITRINE_FUZZ_MESSAGES` raises the number of messages (100,000 without it). Everything is seeded, so a failure comes
again; it prints the seed.
"""

from __future__ import annotations

import json
import math
import os
import random
from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.errors import Internal, Overloaded
from sidecar.wire import codec
from sidecar.wire.client_session import ClientSession, ClientState, RemoteProtocolError
from sidecar.wire.events import Close, Event, Opened, Pushed, State, Violation
from sidecar.wire.messages import (
    SERVER_TYPES,
    Cancel,
    ClientInfo,
    Done,
    End,
    Fail,
    Limits,
    Part,
    ServerInfo,
    ShmRef,
    Timing,
)
from sidecar.wire.ops import KINDS
from sidecar.wire.session import ServerSession

MESSAGES = int(os.environ.get("VITRINE_FUZZ_MESSAGES", "100000"))
ROUNDS = 100
MUTATED = MESSAGES * 6 // 10 // ROUNDS
SPOKEN = MESSAGES * 4 // 10 // ROUNDS
CASES = json.loads((Path(__file__).parents[1] / "golden" / "messages.json").read_bytes())["cases"]
CLIENT = [bytes.fromhex(case["hex"]) for case in CASES if case["from"] == "client"]
SERVER = [bytes.fromhex(case["hex"]) for case in CASES if case["from"] == "server"]
EVENTS = get_args(Event)
PEER = ServerInfo(name="vitrine", version="1", pid=1)
HELLO = codec.encode({"t": "hello", "v": 1, "token": "T", "client": {"name": "n", "version": "v"}})
MARKERS = bytes(range(0x80, 0xA0, 8)) + bytes(range(0xC0, 0xE0)) + b"\x00\x7f\xff"
ODD = [None, True, -1, 0, 1, 2**32 - 1, 2**32, 2**64 - 1, 0.5, math.nan, math.inf, "", "x" * 300, b"", [], {}, [[]]]
ODD += [{"a": 1}, ShmRef(0, 1, 1), ShmRef(2**32 - 1, 2**32 - 1, 2**64 - 1), "frame", "server.echo", "tryon.stream"]

quick = settings(max_examples=200, deadline=None, derandomize=True, database=None)
seeded = settings(
    max_examples=ROUNDS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
seeds = st.integers(0, 2**64 - 1)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=35)
    | st.binary(max_size=20)
    | st.builds(ShmRef, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
)
keys = st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=8,
)
maps = st.dictionaries(keys, values, max_size=4)


@quick
@given(maps)
def test_values_come_back_as_they_went(value: dict[str, Any]) -> None:
    data = codec.encode(value)
    assert repr(codec.decode(data)) == repr(value)  # repr tells NaN, -0.0, 1 and 1.0 apart
    codec._skim(data)
    assert codec.encode(codec.decode(data)) == data


@quick
@given(maps)
def test_survey_finds_every_reference_and_every_number_that_is_not_finite(value: dict[str, Any]) -> None:
    flat: list[Any] = []

    def walk(item: Any) -> None:
        flat.append(item)
        if type(item) in (dict, list):
            for child in item.values() if isinstance(item, dict) else item:
                walk(child)

    walk(value)
    try:
        refs = codec.survey(value)
    except codec.BadValue:
        assert any(isinstance(item, float) and not math.isfinite(item) for item in flat)
    else:
        assert refs == [item for item in flat if isinstance(item, ShmRef)]
        assert not any(isinstance(item, float) and not math.isfinite(item) for item in flat)


@quick
@given(st.binary(max_size=200) | st.binary(min_size=1, max_size=60).map(lambda tail: b"\x81\xa1t" + tail))
def test_arbitrary_bytes_end_in_malformed_or_in_a_map(data: bytes) -> None:
    try:
        value = codec.decode(data)
    except codec.Malformed:
        return
    assert all(type(key) is str for key in value)
    codec._skim(data)  # what decodes is whole for the walk without objects too


@quick
@given(st.sampled_from(["fresh", "open"]), st.lists(st.binary(max_size=120), max_size=10))
def test_arbitrary_bytes_never_raise_in_a_server(state: str, messages: list[bytes]) -> None:
    session = ServerSession(kinds=KINDS, limits=Limits())
    if state == "open":
        session.receive(HELLO)
        session.welcome(session="s", server=PEER, ops=[], shm=None)
    for data in messages:
        check(session, session.receive(data))


def check(session: ServerSession, events: list[Any]) -> None:
    """What must hold after every read."""
    assert all(isinstance(event, EVENTS) for event in events)
    closes = [event for event in events if isinstance(event, Close)]
    assert len(closes) <= 1
    if closes:
        assert events == closes  # nothing is done for a message that closes
        assert closes[0].code in (1003, 1008, 1009, 4000, 4001, 4002)
        assert 0 < len(closes[0].reason.encode()) <= 123
        assert session.state is State.CLOSED
    if session.state is State.CLOSED:
        assert session.receive(HELLO) == [] and session.next_to_send() is None and not session.open_calls
    assert len(session.open_calls) <= session.limits.open_calls


# -- mutated messages --------------------------------------------------------------------------------------------


def mutated(rng: random.Random, source: list[bytes]) -> bytes:
    """A valid message with one to three faults."""
    data = bytearray(rng.choice(source))
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(8)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = rng.choice(MARKERS)
        elif kind == 2:
            del data[at : at + rng.randint(1, 9)]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randint(1, 9))
        elif kind == 4:
            data[at:at] = data[at : at + rng.randint(1, 40)]
        elif kind == 5:
            data = data[:at] + rng.choice(source)[at:]
        elif kind == 6:
            del data[at:]
        else:
            data = bytearray(codec.encode(swapped(rng, codec.decode(rng.choice(source)))))
    return bytes(data)


def swapped(rng: random.Random, value: dict[str, Any]) -> dict[str, Any]:
    """A map of which one key is lost, added, or holds something odd."""
    value = dict(value)
    name = rng.choice([*value, "id", "a", "d", "slots", "budget_ms"])
    fate = rng.randrange(4)
    if fate == 0:
        value.pop(name, None)
    elif fate == 1 and isinstance(value.get(name), dict) and value[name]:
        value[name] = swapped(rng, value[name])
    else:
        value[name] = rng.choice(ODD)
    return value


class Driver:
    """Plays the gateway: answers some of what comes, keeps the session open for the next message."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.session = self._new()

    def _new(self) -> ServerSession:
        session = ServerSession(kinds=KINDS, limits=Limits(open_calls=8))
        if self._rng.random() < 0.9:
            session.receive(HELLO)
            session.welcome(session="s", server=PEER, ops=[], shm=None)
            for call_id in (1, 3, 4, 5, 6, 65536):
                op = self._rng.choice(["tryon.stream", "server.echo", "render.image"])
                session.receive(codec.encode({"t": "call", "id": call_id, "op": op, "a": {}}))
        return session

    def feed(self, data: bytes) -> None:
        session = self.session
        if session.state is State.GREETED:
            session.welcome(session="s", server=PEER, ops=[], shm=None)
        events = session.receive(data)
        check(session, events)
        for event in events:
            if isinstance(event, Opened) and self._rng.random() < 0.7:
                session.done(event.call.id, codec.encode({}), Timing())
            elif isinstance(event, Violation):
                assert not session.is_open(event.id)
            elif isinstance(event, Cancel):
                session.fail(event.id, Internal("cancelled"))
        while (sent := session.next_to_send()) is not None:
            value = codec.decode(sent)
            msgspec.convert(value, SERVER_TYPES[value["t"]])
        assert session.unsent_bytes == 0
        if session.state is State.CLOSED:
            self.session = self._new()


@seeded
@given(seeds)
def test_mutated_messages_never_raise_in_a_server(seed: int) -> None:
    rng = random.Random(seed)
    driver = Driver(rng)
    for _ in range(MUTATED):
        driver.feed(mutated(rng, CLIENT))


@settings(seeded, max_examples=20)
@given(seeds)
def test_mutated_messages_only_break_the_contract_for_a_client(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        session = ClientSession()
        session.state = rng.choice([ClientState.WAITING, ClientState.OPEN])
        session._parts = {1: 0, 3: 0, 4: 1, 5: 0, 6: 0}
        try:
            message = session.receive(mutated(rng, SERVER))
        except RemoteProtocolError:
            continue
        assert message is None or isinstance(message, tuple(SERVER_TYPES.values()))


# -- legal conversations -----------------------------------------------------------------------------------------


class Conversation:
    """A client and a server that keep the contract, at random, with messages in flight both ways and a slow reader."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.client = ClientSession()
        self.server = ServerSession(kinds=KINDS, limits=Limits(open_calls=6))
        self.up: list[bytes] = [self.client.hello(token="T", client=ClientInfo(name="n", version="v"))]
        self.sent = 1
        self.opened: dict[int, str] = {}
        self.working: list[int] = []
        self.parts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.begun: list[int] = []
        self.frames: dict[int, list[int]] = {}
        self.slots_out: set[int] = set()

    def step(self) -> None:
        act = self.rng.choice([self.talk, self.carry_up, self.carry_up, self.work, self.work, self.carry_down])
        act()

    def talk(self) -> None:
        """The client does something that its state allows."""
        if self.client.state is not ClientState.OPEN:
            return
        open_calls = self.client.open_calls
        choice = self.rng.randrange(8)
        if choice < 3 or not open_calls:
            op = self.rng.choice(["tryon.stream", "server.echo", "render.image", "server.shout"])
            call_id, data = self.client.call(op, {"x": self.rng.choice([1, "y", None])})
            self.opened[call_id] = op
            self.begun.append(call_id)
            self.parts[call_id], self.ends[call_id] = 0, 0
        elif choice < 6:
            call_id = self.rng.choice(open_calls)
            data = self.client.push(call_id, {"n": 1}) if choice < 5 else self.client.end(call_id)
        elif choice == 6:
            data = self.client.cancel(self.rng.choice(open_calls))
        else:
            data = self.rng.choice([self.client.ping(5), self.client.free([]), self.client.pace(90.0, 11.1, 0)])
        self.up.append(data)
        self.sent += 1

    def carry_up(self) -> None:
        """The server reads one message."""
        if not self.up:
            return
        for event in self.server.receive(self.up.pop(0)):
            assert not isinstance(event, Close), event
            if isinstance(event, Opened):
                self.working.append(event.call.id)
            elif isinstance(event, (Violation, End, Cancel)) and event.id in self.working:
                if not isinstance(event, Violation):
                    self.finish(event.id)
                else:
                    self.working.remove(event.id)
            elif isinstance(event, Pushed):
                self.frame(event.push.id)
        if self.server.state is State.GREETED:
            self.server.welcome(session="s", server=PEER, ops=[], shm=None)
        assert set(self.server.open_calls) == set(self.working)

    def work(self) -> None:
        """The server answers something, at any time."""
        if not self.working:
            return
        call_id = self.rng.choice(self.working)
        choice = self.rng.randrange(5)
        if choice == 0:
            self.finish(call_id)
        elif choice == 1:
            self.server.part(call_id, codec.encode({}), Timing())
        else:
            self.frame(call_id)

    def frame(self, call_id: int) -> None:
        slot = max(self.slots_out, default=0) + 1
        self.slots_out.add(slot)
        frames = self.frames.setdefault(call_id, [])
        number = frames[-1] + 1 if frames else 0
        frames.append(number)
        dropped = self.server.frame_part(call_id, codec.encode({"frame": number, "slot": slot}), Timing(), [slot])
        if dropped is not None:
            self.slots_out -= set(dropped)

    def finish(self, call_id: int) -> None:
        self.working.remove(call_id)
        if self.rng.random() < 0.7:
            self.server.done(call_id, codec.encode({}), Timing())
        else:
            self.server.fail(call_id, Overloaded("later", retry_ms=1))

    def carry_down(self) -> None:
        """The client reads a few messages, or, slow as it is, none."""
        for _ in range(self.rng.randrange(4)):
            data = self.server.next_to_send()
            if data is None:
                assert self.server.unsent_bytes == 0
                return
            self.sent += 1
            self.hear(self.client.receive(data))

    def hear(self, message: Any) -> None:
        if isinstance(message, Part):
            assert message.n == self.parts[message.id]  # 0, 1, 2... without gaps
            self.parts[message.id] += 1
            if "slot" in message.d:
                self.slots_out.remove(message.d["slot"])  # comes once, and was not dropped
                shown = message.d["frame"]
                frames = self.frames[message.id]
                assert shown in frames
                self.frames[message.id] = [number for number in frames if number > shown] or [shown]
        elif isinstance(message, (Done, Fail)):
            self.ends[message.id] += 1

    def finish_all(self) -> None:
        while self.up or self.working:
            self.carry_up()
            for call_id in list(self.working):
                self.finish(call_id)
        while (data := self.server.next_to_send()) is not None:
            self.sent += 1
            self.hear(self.client.receive(data))


@seeded
@given(seeds)
def test_in_legal_conversations_each_call_ends_once_and_parts_have_no_gaps(seed: int) -> None:
    conversation = Conversation(random.Random(seed))
    while conversation.sent < SPOKEN:
        conversation.step()
    conversation.finish_all()
    assert set(conversation.ends.values()) == {1}
    assert conversation.client.open_calls == () and conversation.server.open_calls == ()
    assert not conversation.slots_out  # each part's slot was shown to the client or given back when it was dropped
    assert conversation.server.unsent_bytes == 0
