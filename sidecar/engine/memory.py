"""Which models leave when a budget would be crossed: the least recently used first. Pure; time and sizes are passed in.

What is used is measured, never added up from estimates: an estimate only says what a model that is not loaded yet will
cost. Its first one is the size of its files; once something has been measured, scaled as the largest of that was; and
once the model itself has been loaded anywhere, what that cost. A guess makes others leave, but it refuses nothing that
the size of the files alone would let in: that is loaded, measured, and sent away again if it was too much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import Overloaded, Unavailable, VitrineError

MIB = 2**20
RETRY_MS = 2000
NAMED = 4  # models that a sentence names

Place = tuple[str, str]  # lane, model


class Amount(NamedTuple):
    """Bytes of main memory and of GPU memory."""

    memory: int = 0
    vram: int = 0

    def plus(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.memory + other.memory, self.vram + other.vram)


NOTHING = Amount()


@dataclass(frozen=True)
class Budget:
    """The most that the gateway and its workers together may hold, bytes; None for as much as there is."""

    memory: int | None = None
    vram: int | None = None

    def excess(self, amount: Amount) -> Amount:
        """How far an amount lies over the budget; 0 where it fits."""
        return Amount(
            0 if self.memory is None else max(0, amount.memory - self.memory),
            0 if self.vram is None else max(0, amount.vram - self.vram),
        )


@dataclass(frozen=True)
class Plan:
    """How room is made. `leaving`: who goes, in this order. `needed`: what is wanted beyond what is loaded; `lacking`:
    what is missing even when all of them have gone; `helps`: whether it would fit once what runs now has ended, `busy`
    what that uses."""

    leaving: tuple[Place, ...] = ()
    needed: Amount = NOTHING
    lacking: Amount = NOTHING
    helps: bool = True
    busy: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether there is room once `leaving` have gone."""
        return self.lacking == NOTHING


@dataclass
class _Held:
    cost: Amount
    used_at: float


@dataclass
class Memory:
    """What is loaded where, what it cost, and when it was last used. `pack_bytes`: the size of each model's files;
    `base`: what was measured before any model was loaded."""

    budget: Budget
    pack_bytes: Mapping[str, int]
    pinned: frozenset[str] = frozenset()
    base: Amount = NOTHING
    _held: dict[Place, _Held] = field(default_factory=dict)
    _costs: dict[str, Amount] = field(default_factory=dict)

    # -- what happens --------------------------------------------------------------------------------------------

    def seen(self, lane: str, costs: Mapping[str, Amount], now: float) -> None:
        """A worker says which models it has and what each added when it was loaded; one that is new counts as used."""
        for place in [place for place in self._held if place[0] == lane and place[1] not in costs]:
            del self._held[place]
        for name, cost in costs.items():
            held = self._held.setdefault((lane, name), _Held(cost, now))
            held.cost = cost
            known = self._costs.get(name, NOTHING)
            self._costs[name] = Amount(max(known.memory, cost.memory), max(known.vram, cost.vram))

    def used(self, lane: str, models: Iterable[str], now: float) -> None:
        """A job that needs these models runs in the lane."""
        for name in models:
            held = self._held.get((lane, name))
            if held is not None:
                held.used_at = now

    # -- what is known -------------------------------------------------------------------------------------------

    def measured(self, model: str) -> bool:
        """Whether it is known what a model costs."""
        return model in self._costs

    def cost(self, model: str, *, gpu: bool, at_least: bool = False) -> Amount:
        """What loading a model takes, at least the size of its files; `gpu`: whether it would go there; `at_least`:
        without a guess at what it takes beyond that."""
        files = self.pack_bytes.get(model, 0)
        known = self._costs.get(model)
        if known is not None:
            return Amount(max(known.memory, 0 if known.vram else files), known.vram)
        if at_least:
            return Amount(0 if gpu else files, files if gpu else 0)
        memory = self._scale({name: cost.memory for name, cost in self._costs.items() if not (gpu and cost.vram)})
        vram = self._scale({name: cost.vram for name, cost in self._costs.items() if cost.vram})
        return Amount(int(files * memory), int(files * vram) if gpu else 0)

    def _scale(self, measured: Mapping[str, int]) -> float:
        """Measured bytes for each byte of files, of the largest model: what loading costs whatever the size counts
        least there. 1 before anything was measured."""
        files, cost = max(((self.pack_bytes.get(name, 0), cost) for name, cost in measured.items()), default=(0, 0))
        return max(1.0, cost / files) if files else 1.0

    # -- what to do ----------------------------------------------------------------------------------------------

    def plan(
        self,
        measured: Amount,
        *,
        wanted: Collection[Place] = (),
        busy: Collection[Place] = (),
        gpu: bool = False,
        at_least: bool = False,
    ) -> Plan:
        """Who has to leave so that `wanted` fits beside what is `measured` now; `gpu` and `at_least` as for `cost`.

        `busy` places are used by open streams and running jobs: they never leave, and those of them that are not loaded
        yet are counted as if they were.
        """
        needed = self._sum({*wanted} - self._held.keys(), gpu=gpu, at_least=at_least)
        promised = self._sum({*busy} - self._held.keys() - {*wanted}, gpu=gpu, at_least=at_least)
        over = self.budget.excess(measured.plus(needed).plus(promised))
        leaving: list[Place] = []
        for place in self._by_age(keep={*busy, *wanted}):
            if over == NOTHING:
                break
            freed = self._freed(place)
            if (over.memory and freed.memory) or (over.vram and freed.vram):
                leaving.append(place)
                over = _less(over, freed)
        later = _less(over, promised)
        for place in busy:
            if place in self._held and place not in wanted and place[1] not in self.pinned:
                later = _less(later, self._freed(place))
        held_up = tuple(sorted({place[1] for place in busy if place in self._held and place not in wanted}))
        return Plan(tuple(leaving), needed, over, later == NOTHING, held_up)

    def _by_age(self, *, keep: set[Place]) -> list[Place]:
        free = [place for place in self._held if place not in keep and place[1] not in self.pinned]
        return sorted(free, key=lambda place: (self._held[place].used_at, place))

    def _freed(self, place: Place) -> Amount:
        """What its leaving gives back, as far as one can know before: never less than its files where they lie."""
        cost, files = self._held[place].cost, self.pack_bytes.get(place[1], 0)
        return Amount(max(cost.memory, 0 if cost.vram else files), max(cost.vram, files) if cost.vram else 0)

    def _sum(self, places: Iterable[Place], *, gpu: bool, at_least: bool) -> Amount:
        total = NOTHING
        for _, model in places:
            total = total.plus(self.cost(model, gpu=gpu, at_least=at_least))
        return total

    def refusal(self, plan: Plan) -> VitrineError:
        """Why a call cannot have its models: `overloaded` where waiting helps, `unavailable` where only the settings
        do; the sentence names the budget and what stands in the way."""
        of_gpu = plan.lacking.vram > 0
        budget = self.budget.vram if of_gpu else self.budget.memory
        needed = plan.needed.vram if of_gpu else plan.needed.memory
        option, kind = ("--vram-mb", "GPU memory") if of_gpu else ("--memory-mb", "memory")
        start = f"Its models need about {_mib(needed)} MiB more, and the {kind} budget of {_mib(budget or 0)} MiB "
        if plan.helps:
            users = f"is taken by what runs now ({_names(plan.busy)})" if plan.busy else "is taken by what runs now"
            todo = f"end an open stream, or start with a larger {option}."
            return Overloaded(f"{start}{users}: {todo}", retry_ms=RETRY_MS)
        pinned = sorted(self.pinned & {name for _, name in self._held})
        beside = f"the {_mib(self.base.vram if of_gpu else self.base.memory)} MiB that the sidecar takes itself"
        beside += f" and what is pinned ({_names(pinned)})" if pinned else ""
        fewer = " or fewer --pin" if pinned else ""
        return Unavailable(f"{start}cannot hold them beside {beside}: start with a larger {option}{fewer}.")


def _less(amount: Amount, freed: Amount) -> Amount:
    return Amount(max(0, amount.memory - freed.memory), max(0, amount.vram - freed.vram))


def _mib(size: int) -> int:
    return max(1, round(size / MIB))


def _names(models: Collection[str]) -> str:
    shown = ", ".join(list(models)[:NAMED])
    return shown if len(models) <= NAMED else f"{shown} and {len(models) - NAMED} more"
