"""The demo itself: a sidecar, a client, frames up, try-on pictures down, and what is kept of them."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

import cv2
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..client import Result, Stream, Vitrine, connect
from ..errors import Unavailable
from . import latency, pictures
from .frames import Camera, Pixels, Source, portrait_from, sample_portrait
from .host import Host
from .latency import Answered
from .pictures import Kept

READY_S = 60.0
END_S = 10.0
KEPT_INPUTS = 64
ANIMATION_FPS = 10.0
MOST_SHOTS = 150
KEPT_PER_LOOK = 3


class Look(Struct, frozen=True):
    """What is worn for a while."""

    title: str
    layers: list[dict[str, str]]


LOOKS = (
    Look("Tortoise-shell glasses", [{"product": "sample-glasses-1"}]),
    Look("Sunglasses", [{"product": "sample-glasses-2"}]),
    Look("First top", [{"product": "sample-top-1"}]),
    Look("Second top", [{"product": "sample-top-2"}]),
    Look("Glasses and top", [{"product": "sample-glasses-1"}, {"product": "sample-top-1"}]),
)


def show(arguments: argparse.Namespace) -> None:
    """Runs everything and writes the results. Raises `BadSource`, `HostFailed`, `VitrineError` or `OSError`."""
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)  # the sidecar needs the cores
    source = _source(arguments)
    console = Console()
    try:
        with _bars(console) as bars, Host(packs=arguments.packs) as host:
            starting = bars.add_task("Starting the sidecar", total=1.0)
            took_s = host.wait_ready(timeout_s=READY_S, progress=lambda done: bars.update(starting, completed=done))
            bars.update(starting, completed=1.0, description=f"Sidecar ready after {took_s:.1f} s")
            streaming = bars.add_task("Trying on", total=arguments.seconds)
            fitting = Fitting(source, seconds=arguments.seconds, rate_hz=arguments.rate)
            asyncio.run(fitting.run(host, lambda title, t_s: bars.update(streaming, completed=t_s, description=title)))
            bars.update(streaming, completed=arguments.seconds, description="Tried on")
            writing = bars.add_task("Writing pictures", total=None)
            _write(fitting, out, console)
            bars.update(writing, total=1.0, completed=1.0, description="Pictures written")
    finally:
        source.close()
    _tell(fitting, out, console)


def _source(arguments: argparse.Namespace) -> Source:
    if arguments.camera is not None:
        return Camera(arguments.camera)
    return portrait_from(arguments.image) if arguments.image is not None else sample_portrait()


def _bars(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description:32}"), BarColumn(bar_width=28), TimeElapsedColumn())
    return Progress(*columns, console=console)


class Fitting:
    """One stream of `seconds`, split evenly between the looks; keeps latencies of all frames and a few pictures."""

    def __init__(self, source: Source, *, seconds: float, rate_hz: float) -> None:
        self.answered: list[Answered] = []
        self.kept: list[Kept] = []
        self.animation: list[Pixels] = []
        self.pushed = 0
        self.superseded = 0
        self.rate_hz = rate_hz
        self.reasons: dict[str, int] = {}
        self.providers: dict[str, str] = {}
        self._source = source
        self._seconds = seconds
        self._inputs: dict[int, Pixels] = {}
        self._look_starts: list[int] = []
        self.animation_fps = min(ANIMATION_FPS, MOST_SHOTS / seconds)
        self._next_shot_us = 0
        self._next_keep_us = 0

    async def run(self, host: Host, told: Any) -> None:
        """Streams until the time is over. Raises `VitrineError`, `BadSource`."""
        async with await connect(endpoint=host.endpoint, reconnect=False) as vitrine:
            async with vitrine.stream("tryon.stream", {"layers": LOOKS[0].layers}, newest=2) as stream:
                reader = asyncio.create_task(self._read(stream))
                try:
                    await self._feed(stream, reader, told)
                    await stream.end()
                    await asyncio.wait_for(reader, END_S)
                except asyncio.TimeoutError as error:
                    raise Unavailable(f"The sidecar did not end the stream within {END_S:g} s.") from error
                finally:
                    reader.cancel()
                    await asyncio.gather(reader, return_exceptions=True)
                self.superseded = stream.done["superseded"] + stream.dropped if stream.done is not None else 0
            await self._ask_providers(vitrine)

    async def _feed(self, stream: Stream, reader: asyncio.Task[None], told: Any) -> None:
        start = time.monotonic()
        look = -1
        for n in range(round(self._seconds * self.rate_hz)):
            await asyncio.sleep(max(0.0, start + n / self.rate_hz - time.monotonic()))
            if reader.done():
                break  # it failed: awaiting it tells why
            t_s = time.monotonic() - start
            now = min(len(LOOKS) - 1, int(t_s / self._seconds * len(LOOKS)))
            if now != look:
                look = now
                self._look_starts.append(n)
                await stream.push({"layers": LOOKS[look].layers})
            told(LOOKS[look].title, t_s)
            pixels = await asyncio.to_thread(self._source.frame, t_s)
            self._remember(n, pixels)
            await stream.push_frame(pixels, n=n, t_us=time.monotonic_ns() // 1000)
            self.pushed += 1

    def _remember(self, n: int, pixels: Pixels) -> None:
        self._inputs[n] = pixels
        while len(self._inputs) > KEPT_INPUTS:
            del self._inputs[next(iter(self._inputs))]

    async def _read(self, stream: Stream) -> None:
        async for part in stream:
            self._take(part, time.monotonic_ns() // 1000)

    def _take(self, part: Result, now_us: int) -> None:
        n, tm = part["n"], part.tm
        self.answered.append(Answered(n, part["t_us"], now_us, tm.queue_ms, tm.total_ms))
        reason = part.d.get("reason")
        if reason is not None:
            self.reasons[reason["code"]] = self.reasons.get(reason["code"], 0) + 1
        look = sum(1 for start in self._look_starts if start <= n) - 1
        if now_us >= self._next_shot_us:
            self._next_shot_us = now_us + round(1e6 / self.animation_fps)
            self.animation.append(pictures.captioned(pictures.small(part["image"].pixels), LOOKS[look].title))
        if now_us >= self._next_keep_us and (before := self._inputs.get(n)) is not None:
            self._next_keep_us = now_us + round(1e6 * self._seconds / len(LOOKS) / (KEPT_PER_LOOK + 1))
            self.kept.append(Kept(look, before.copy(), part["image"].pixels.copy()))

    async def _ask_providers(self, vitrine: Vitrine) -> None:
        stats = await asyncio.wait_for(vitrine.call("server.stats"), END_S)
        self.providers = {model["name"]: model["provider"] for model in stats["models"]}


def _write(fitting: Fitting, out: Path, console: Console) -> None:
    if len(fitting.answered) <= latency.WARM_UP_FRAMES:
        raise Unavailable("Too few frames came back; give it more --seconds.")
    measured = _measured(fitting)
    pictures.write_contact_sheet(out / "contact-sheet.png", [look.title for look in LOOKS], fitting.kept)
    pictures.write_animation(out / "try-on.webp", fitting.animation, fps=fitting.animation_fps)
    record = measured | {"providers": fitting.providers, "reasons": fitting.reasons}
    (out / "latency.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    with (out / "latency.txt").open("w", encoding="utf-8") as file:
        _print(Console(file=file, width=110), measured)


def _measured(fitting: Fitting) -> dict[str, Any]:
    return latency.measure(
        fitting.answered, pushed=fitting.pushed, superseded=fitting.superseded, rate_hz=fitting.rate_hz
    )


def _print(console: Console, measured: dict[str, Any]) -> None:
    console.print(latency.summary(measured), highlight=False, soft_wrap=True)
    for table in latency.tables(measured):
        console.print(table)


def _tell(fitting: Fitting, out: Path, console: Console) -> None:
    _print(console, _measured(fitting))
    for code, count in fitting.reasons.items():
        console.print(f"{count} frames came back with the reason {code}.", highlight=False)
    console.print(f"Ran on: {', '.join(sorted(set(fitting.providers.values()))) or 'unknown'}", highlight=False)
    folder = out.absolute()
    for name in ("contact-sheet.png", "try-on.webp", "latency.txt", "latency.json"):
        console.print(str(folder / name), highlight=False, soft_wrap=True)
