"""Keeps what the sidecar holds within its memory budget: makes room before a job that needs more, and when it grew.

The policy (`engine.memory`) says who leaves; this carries it out through the workers and measures after each step.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from ..engine.memory import Amount, Memory, Place, Plan
from ..errors import Overloaded, Unavailable, VitrineError

log = logging.getLogger("vitrine.memory")
LATEST = 16
RETRY_MS = 2000


class Bench(Protocol):
    """The workers, as the keeper sees them."""

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the lanes."""

    def costs(self, lane: str) -> Mapping[str, Amount]:
        """What a lane's worker has loaded, and what each model added."""

    def on_gpu(self, lane: str) -> bool:
        """Whether a lane's worker could load a model to a GPU."""

    def busy(self) -> Collection[Place]:
        """What open streams, running jobs and loads use."""

    def quiet(self, lane: str) -> bool:
        """Whether a lane's process could be replaced without costing a call its state."""

    async def load(self, lane: str, name: str) -> None:
        """Loads a model, having made room for it."""

    async def load_now(self, lane: str, name: str) -> None:
        """Loads a model."""

    async def unload(self, lane: str, name: str, *, may_recycle: Callable[[], bool]) -> None:
        """Takes a model out and sees to it that its memory comes back."""

    async def renew(self, lane: str) -> None:
        """Replaces a lane's process, which has the same models afterwards."""

    async def all_ready(self) -> None:
        """Returns once every lane has been ready."""


class Keeper:
    """The budget's hands. `measure`: what the gateway and its workers hold now; `warm`: what to load at start, in this
    order, as far as it fits without anything having to leave."""

    def __init__(
        self,
        memory: Memory,
        bench: Bench,
        *,
        measure: Callable[[], Amount],
        warm: Collection[Place] = (),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pending: list[Place] = list(warm)  # still to be loaded at start
        self.evicted: set[str] = set()  # models that made room and have not come back
        self._memory = memory
        self._bench = bench
        self._measure = measure
        self._now = now
        self._started_at = now()
        self._alone = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._reclaiming: asyncio.Task[None] | None = None
        self._evictions = 0
        self._latest: deque[dict[str, Any]] = deque(maxlen=LATEST)
        self._over = False  # whether it was said that nothing more can leave
        self._leaving: set[Place] = set()
        self._stale: set[str] = set()  # lanes whose process holds on to the memory of models that have left

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to load what was asked for at start; needs a running loop."""
        self._spawn(self._warm())

    async def stop(self) -> None:
        """Ends what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the memory's keeper stumbled", exc_info=error)

    async def _warm(self) -> None:
        """Loads what fits; nothing leaves for what nobody has asked for yet."""
        await self._bench.all_ready()
        self.look()
        if not any(self._bench.costs(lane) for lane in self._bench.lanes):
            self._memory.base = self._measure()
        while self.pending:
            lane, name = self.pending[0]
            plan = self._plan(lane, [name])
            if plan.leaving or not plan.fits:
                log.info("%s is left for its first use: the memory budget has no room for it now", name)
            else:
                try:
                    await self._bench.load(lane, name)
                except VitrineError as error:
                    log.warning("%s was not loaded at start: %s", name, error)
            self.pending.pop(0)

    # -- making room ---------------------------------------------------------------------------------------------

    def holds(self, lane: str, models: Collection[str]) -> bool:
        """Whether a lane has all of these loaded, and none of them is about to leave."""
        loaded = self._bench.costs(lane)
        return all(name in loaded and (lane, name) not in self._leaving for name in models)

    def used(self, lane: str, models: Collection[str]) -> None:
        """A job that needs these models starts in a lane."""
        self._memory.used(lane, models, self._now())

    def pinned(self, name: str) -> bool:
        """Whether a model may not leave."""
        return name in self._memory.pinned

    async def make_room(self, lane: str, models: Collection[str]) -> None:
        """Returns once these models are loaded or may be. Raises `Overloaded` where that will be possible later,
        `Unavailable` where it never will under this budget, and what loading raises."""
        async with self._alone:
            self._refuse_what_cannot_fit(self._plan(lane, models, at_least=True))
            for name in models:
                if not self._memory.measured(name):
                    await self._try(lane, name, beside=models)
            while leaving := self._fitting(lane, models).leaving:
                await self._evict(leaving[0])

    def _fitting(self, lane: str, models: Collection[str]) -> Plan:
        plan = self._plan(lane, models)
        self._refuse_what_cannot_fit(plan)
        return plan

    def _refuse_what_cannot_fit(self, plan: Plan) -> None:
        if not plan.fits:
            raise _later() if self._stale else self._memory.refusal(plan)

    async def _try(self, lane: str, name: str, *, beside: Collection[str]) -> None:
        """Loads a model of which nobody knows what it costs: as many leave as a guess says, and what it really takes
        decides whether it stays."""
        loaded = self._bench.costs(lane)
        together = [name, *(other for other in beside if other in loaded)]
        while leaving := self._plan(lane, together).leaving:
            await self._evict(leaving[0])
        self._refuse_what_cannot_fit(self._plan(lane, together, at_least=True))
        await self._bench.load_now(lane, name)
        try:
            while leaving := self._fitting(lane, together).leaving:
                await self._evict(leaving[0])
        except VitrineError:
            await self._evict((lane, name))
            self._fitting(lane, together)  # says it with what it really takes
            raise

    def _plan(self, lane: str, models: Collection[str], *, at_least: bool = False) -> Plan:
        self.look()
        return self._memory.plan(
            self._measure(),
            wanted=[(lane, name) for name in models],
            busy=self._bench.busy(),
            gpu=self._bench.on_gpu(lane),
            at_least=at_least,
        )

    def tick(self) -> None:
        """Every half second: what grew beyond the budget is taken back from models that nobody uses."""
        if self._reclaiming is None or self._reclaiming.done():
            if self._alone.locked():
                return
            self.look()
            waste = [lane for lane in self._stale if self._bench.quiet(lane)]
            if waste or self._memory.plan(self._measure(), busy=self._bench.busy()).leaving:
                self._reclaiming = self._spawn(self._reclaim(waste))
            else:
                self._say_if_over()

    async def _reclaim(self, waste: Collection[str]) -> None:
        async with self._alone:
            for lane in waste:
                await self._bench.renew(lane)
                self._stale.discard(lane)
            while True:
                self.look()
                leaving = self._memory.plan(self._measure(), busy=self._bench.busy()).leaving
                if not leaving:
                    return
                await self._evict(leaving[0])

    async def _evict(self, place: Place) -> None:
        """One model leaves; what really came back is measured over all processes."""
        lane, name = place
        before = self._measure()
        self.evicted.add(name)
        self._leaving.add(place)
        returned = True
        try:
            await self._bench.unload(lane, name, may_recycle=lambda: self._bench.quiet(lane))
        except Unavailable as error:  # out, but its memory only comes back with the process
            returned = False
            self._stale.add(lane)
            log.warning("%s left worker %s: %s", name, lane, error)
        finally:
            self._leaving.discard(place)
        after = self._measure()
        self._evictions += 1
        freed = before.memory - after.memory
        self._latest.append(
            {
                "model": name,
                "worker": lane,
                "at_s": round(self._now() - self._started_at, 3),
                "freed_bytes": freed,
                "freed_vram_bytes": before.vram - after.vram,
                "returned": returned,
            }
        )
        log.info("%s left worker %s for room: %.1f MiB came back", name, lane, freed / 2**20)

    def look(self) -> None:
        """Takes in what the workers say they have."""
        now = self._now()
        for lane in self._bench.lanes:
            costs = self._bench.costs(lane)
            self._memory.seen(lane, costs, now)
            self.evicted -= costs.keys()

    def restarted(self, lane: str) -> None:
        """A lane has a fresh process."""
        self._stale.discard(lane)

    def _say_if_over(self) -> None:
        over = self._memory.budget.excess(self._measure()) != Amount()
        if over and not self._over:
            log.warning("the memory budget is exceeded by what may not leave; start with a larger one or fewer --pin")
        self._over = over

    # -- looking -------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The `memory` of `server.stats`; budgets are null where there is none."""
        measured, budget = self._measure(), self._memory.budget
        return {
            "budget_bytes": budget.memory,
            "used_bytes": measured.memory,
            "base_bytes": self._memory.base.memory,
            "vram_budget_bytes": budget.vram,
            "vram_bytes": measured.vram,
            "pinned": sorted(self._memory.pinned),
            "evictions": self._evictions,
            "latest": list(self._latest),
        }


def _later() -> Overloaded:
    return Overloaded("Memory is being given back to make room for its models; try again shortly.", retry_ms=RETRY_MS)
