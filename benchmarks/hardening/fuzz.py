"""Hostile messages over real sockets against a real sidecar: does anything break, hang or grow, and who notices?

Each connection sends a batch of messages that may cost a call but not the connection, waits for the end of every call
and a pong, and then mutants one by one until the server has had enough; some connections send something else than a
hello. A well-behaved neighbour calls all the while.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.console import Console

from sidecar.client import connect
from sidecar.demo.host import Host
from sidecar.endpoint import Endpoint

from .. import environment
from ..report import Check, Report, Row
from ..stats import summarise
from ..target import with_sidecar
from . import callers, processes
from .callers import Tally
from .hostile import Corpus, Message
from .peer import TEXT, Ended, Peer, framed
from .processes import Processes

BATCH = 40
MUTANTS = 8
AT_ONCE = 4
RUDE_SHARE = 0.1  # of connections that do not say hello
BARE_SHARE = 0.2  # of mutants that are no binary message
CODES = frozenset({1000, 1002, 1007, 1008, 1009, 1003, 4000, 4001, 4002, 4008})
TOLD_EVERY_S = 1.0
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many (default 1,000,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the messages (default 1)")


@dataclass
class Found:
    """What became of it all. `ends`: calls by code; `closes`: connections by close code; `mute`: calls without an end
    and pings without a pong; `doubled`: ends of calls that were not open."""

    messages: int = 0
    connections: int = 0
    survived: int = 0
    mute: int = 0
    doubled: int = 0
    unwelcome: int = 0
    seconds: float = 1.0
    ends: Counter[str] = field(default_factory=Counter)
    closes: Counter[str] = field(default_factory=Counter)


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `HostFailed`, `VitrineError` or `OSError`."""
    before = environment.fingerprint()
    with Console(stderr=True).status("starting the sidecar") as status:
        report = with_sidecar(options.packs, lambda host: _measure(host, options, before, status.update))
    report.warnings += environment.warnings(before)
    return report


async def _measure(host: Host, options: argparse.Namespace, before: dict[str, Any], told: Told) -> Report:
    report = Report("fuzz", before, {"messages": options.messages, "seed": options.seed})
    found = Found()
    neighbour = {"gateway": Tally(), "engine": Tally()}
    async with await connect(endpoint=host.endpoint, reconnect=True) as vitrine:
        session, pids = vitrine.welcome.session, await processes.of(vitrine)
        calls = [
            callers.steadily(tally, partial(vitrine.call, "server.echo", {"where": where, "data": b"x"}), every_s=0.02)
            for where, tally in neighbour.items()
        ]
        async with Processes(pids) as sampled, callers.background(*calls, _tell(found, options.messages, told)):
            share, start = -(-options.messages // AT_ONCE), time.monotonic()
            await asyncio.gather(
                *(_attack(host.endpoint, found, share, options.seed * 1000 + n) for n in range(AT_ONCE))
            )
            found.seconds = time.monotonic() - start
        lost = vitrine.welcome.session != session
        replaced = await processes.of(vitrine) != pids
        served = (await vitrine.call("server.stats")).d
    _judge(report, found, sampled, neighbour)
    report.checks += [
        Check("connections lost by the neighbour", float(lost), "==", 0),
        Check("processes that ended", float(replaced), "==", 0),
    ]
    report.environment |= {"server": environment.of_server(served), "packs": environment.packs_of(options.packs)}
    return report


async def _tell(found: Found, wanted: int, told: Told) -> None:
    while True:
        told(f"{found.messages:,} of {wanted:,} messages, {found.connections:,} connections")
        await asyncio.sleep(TOLD_EVERY_S)


# -- one attacker ----------------------------------------------------------------------------------------------------


async def _attack(endpoint: Endpoint, found: Found, messages: int, seed: int) -> None:
    corpus, sent = Corpus(seed), 0
    while sent < messages:
        found.connections += 1
        rude = corpus.greeting() if corpus.chance(RUDE_SHARE) else None
        try:
            peer = await Peer.connect(endpoint, greeting=rude)
        except (Ended, TimeoutError, asyncio.TimeoutError):
            found.unwelcome += 1
            await asyncio.sleep(0.01)
            continue
        try:
            sent += await (_abuse(peer, corpus, found) if rude is None else _refused(peer, found))
        finally:
            peer.vanish()


async def _abuse(peer: Peer, corpus: Corpus, found: Found) -> int:
    """One connection's messages; returns how many."""
    count = 0
    try:
        batch = [corpus.mild() for _ in range(BATCH)]
        count += len(batch)
        found.messages += len(batch)
        peer.send([framed(message.data) for message in batch])
        await _ends(peer, batch, corpus, found)
        for number in range(MUTANTS):
            count += 1
            found.messages += 1
            bare = number == MUTANTS - 1 or corpus.chance(BARE_SHARE)
            peer.send([_last(corpus) if bare else framed(corpus.mutant())])
            await _pong(peer, corpus, found)
        found.survived += 1
    except Ended as ended:
        found.closes[str(ended.code)] += 1
    except (TimeoutError, asyncio.TimeoutError):
        found.mute += 1
    return count


async def _refused(peer: Peer, found: Found) -> int:
    """A connection that sent something else than a hello."""
    found.messages += 1
    try:
        await peer.receive()
        found.survived += 1
    except Ended as ended:
        found.closes[str(ended.code)] += 1
    except (TimeoutError, asyncio.TimeoutError):
        found.mute += 1
    return 1


def _last(corpus: Corpus) -> bytes:
    """What no connection survives: a text, a frame that is none, one that announces more than is allowed."""
    mutant = corpus.mutant()
    return (
        framed(mutant, opcode=TEXT),
        b"\xff" + mutant,
        b"\x82\xff" + struct.pack(">Q", 1 << 40) + bytes(4) + mutant,
        b"\x02\x81" + bytes(4) + b"x" + framed(mutant),
    )[len(mutant) % 4]


async def _ends(peer: Peer, batch: list[Message], corpus: Corpus, found: Found) -> None:
    """Reads until every call of the batch has its one end and a ping its pong."""
    owed = {message.call for message in batch if message.call is not None}
    peer.send([framed(corpus.ping(1))])
    ponged = False
    while owed or not ponged:
        try:
            message = await peer.receive()
        except (TimeoutError, asyncio.TimeoutError):
            found.mute += len(owed) + (not ponged)
            return
        if message["t"] in ("done", "fail"):
            found.ends[message.get("code", "ok")] += 1
            if message["id"] in owed:
                owed.discard(message["id"])
            else:
                found.doubled += 1
        ponged |= message["t"] == "pong"


async def _pong(peer: Peer, corpus: Corpus, found: Found) -> None:
    peer.send([framed(corpus.ping(2))])
    while (message := await peer.receive())["t"] != "pong":
        if message["t"] == "fail":
            found.ends[message["code"]] += 1


# -- judging ---------------------------------------------------------------------------------------------------------


def _judge(report: Report, found: Found, sampled: Processes, neighbour: dict[str, Tally]) -> None:
    for where, tally in neighbour.items():
        if tally.answers:
            report.rows.append(Row(f"the neighbour's echo, {where}", "ms", summarise([ms for _, ms in tally.answers])))
    sampled.judge(report)
    report.values["messages"] = float(found.messages)
    report.values["connections"] = float(found.connections)
    report.values["messages a second"] = found.messages / found.seconds
    strange = {code: count for code, count in found.closes.items() if code == "None" or int(code) not in CODES}
    callers.judge(report, neighbour, during="the neighbour")
    report.details["ends"], report.details["closes"] = dict(found.ends), dict(found.closes)
    told = ", ".join(f"{code} {count:,}" for code, count in found.closes.most_common())
    ends = ", ".join(f"{code} {count:,}" for code, count in found.ends.most_common())
    report.checks += [
        Check("calls or pings without an answer", float(found.mute), "==", 0, "", ends),
        Check("calls answered twice", float(found.doubled), "==", 0),
        Check("answers that own up to a fault of ours", float(found.ends["internal"]), "==", 0),
        Check("connections closed with a code of no contract", float(sum(strange.values())), "==", 0, "", told),
        Check("connections that were not welcome", float(found.unwelcome), "==", 0),
    ]
