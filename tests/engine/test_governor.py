"""The governor against a clock that the test owns: quick to yield, slow to climb back, slower after a failed probe."""

from __future__ import annotations

import itertools

from sidecar.engine.governor import CALM_S, Change, Governor, sentence
from sidecar.engine.policy import HIGHEST, LEVELS, POLICY, describe

HZ = 90.0
EVERY_S = 0.5


class Game:
    """A game that tells its pace every half second."""

    def __init__(self, governor: Governor) -> None:
        self.governor = governor
        self.now = 0.0

    def play(self, seconds: float, *, dropped: int = 0, frame_ms: float = 8.0, session: int = 1) -> list[Change]:
        """Paces for so long; the changes that came of it."""
        changes = []
        end = self.now + seconds
        while self.now < end:
            self.now += EVERY_S
            self.governor.pace(session, refresh_hz=HZ, frame_ms=frame_ms, dropped=dropped, now=self.now)
            if (change := self.governor.tick(self.now)) is not None:
                changes.append(change)
        return changes

    def silence(self, seconds: float) -> list[Change]:
        """Nobody paces for so long."""
        changes = []
        end = self.now + seconds
        while self.now < end:
            self.now += EVERY_S
            if (change := self.governor.tick(self.now)) is not None:
                changes.append(change)
        return changes


def test_a_smooth_game_costs_the_sidecar_nothing() -> None:
    game = Game(Governor())
    assert game.play(30) == []
    assert game.governor.measures == POLICY["balance"][0]


def test_missed_frames_raise_the_pressure_at_once_and_many_of_them_twice_as_far() -> None:
    game = Game(Governor())
    game.play(1)
    (first,) = game.play(0.5, dropped=1)
    assert first.level == 1 and "misses 2% of its frames" in sentence(first)
    game = Game(Governor())
    (first,) = game.play(0.5, dropped=20)
    assert first.level == 2


def test_a_game_that_keeps_missing_ends_at_the_highest_level_and_is_told_once() -> None:
    game = Game(Governor())
    levels = [change.level for change in game.play(20, dropped=3)]
    assert levels == [1, 2, 3]
    assert game.governor.measures.shed == {"batch", "render"}


def test_frames_longer_than_their_budget_count_though_none_was_reported_missed() -> None:
    game = Game(Governor())
    (change,) = game.play(0.5, frame_ms=11.5)
    assert change.level == 1 and "take 10" in change.cause


def test_it_climbs_back_one_level_at_a_time_and_only_after_calm() -> None:
    game = Game(Governor())
    game.play(3, dropped=3)
    start = game.now
    times = []
    while game.governor.level:
        if game.play(0.5):
            times.append(game.now - start)
    assert times == [2.5, 4.5, 6.5]  # the first calm pace starts the wait


def test_neither_calm_nor_strained_holds_the_level() -> None:
    game = Game(Governor())
    game.play(0.5, dropped=1)
    assert game.play(30, frame_ms=10.5) == []  # 95 % of the budget: no room to spare, nothing missed
    assert game.governor.level == 1


def test_a_probe_that_fails_is_repeated_later_each_time() -> None:
    game = Game(Governor())
    game.play(0.5, dropped=1)
    waits = []
    for _ in range(4):
        start = game.now
        while game.governor.level == 1:
            game.play(0.5)
        waits.append(game.now - start)
        game.play(0.5, dropped=1)  # at level 0 the game misses again
    assert waits == sorted(waits) and waits[-1] >= 8 * CALM_S
    game.play(70)
    assert game.governor.level == 0


def test_a_game_that_stops_pacing_or_leaves_is_forgotten() -> None:
    for leaves in (False, True):
        game = Game(Governor())
        game.play(3, dropped=3)
        if leaves:
            game.governor.gone(1)
        levels = [change.level for change in game.silence(30)]
        assert levels == [2, 1, 0]


def test_the_worst_of_two_games_counts() -> None:
    governor = Governor()
    game = Game(governor)
    game.play(1)
    governor.pace(2, refresh_hz=72, frame_ms=9, dropped=30, now=game.now)
    change = governor.tick(game.now)
    assert change is not None and change.level == 2


def test_a_late_event_loop_counts_only_while_a_game_runs() -> None:
    governor = Governor()
    assert governor.tick(1.0, late_ms=500) is None
    governor.pace(1, refresh_hz=90, frame_ms=8, dropped=0, now=2.0)
    change = governor.tick(2.0, late_ms=35)
    assert change is not None and "short of processor time (35 ms late)" in change.cause


def test_hostile_paces_are_bounded() -> None:
    governor = Governor()
    for number, (hz, frame, dropped) in enumerate([(1e300, 1e300, 2**60), (0.0, -5.0, -7), (1e-300, 0.0, 0)]):
        governor.pace(number, refresh_hz=hz, frame_ms=frame, dropped=dropped, now=float(number))
        governor.tick(float(number))
    assert 0 <= governor.level <= HIGHEST


def test_every_mode_gives_up_more_from_level_to_level() -> None:
    for levels in POLICY.values():
        assert len(levels) == LEVELS
        for gentle, strict in itertools.pairwise(levels):
            assert strict.frame_share <= gentle.frame_share and strict.work_share < gentle.work_share
            assert strict.core_share <= gentle.core_share and strict.shed >= gentle.shed
            assert strict.max_side <= (gentle.max_side or 10**6)
    assert describe(POLICY["balance"][0]) == "nothing is held back"
    assert "refusing batch and render work" in describe(POLICY["balance"][HIGHEST])
