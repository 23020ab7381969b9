from __future__ import annotations

from sidecar.server.crowd import CROWD, Crowd


def test_memory_is_given_back_once_when_a_crowd_has_gone() -> None:
    given: list[int] = []
    crowd = Crowd(lambda: given.append(1))
    for connections in (1, CROWD + 1, CROWD + 1):
        crowd.tick(connections)
    assert not given, "they are still here"
    crowd.tick(3)
    assert len(given) == 0 and CROWD + 1 - 3 < CROWD
    crowd.tick(1)
    assert len(given) == 1
    for _ in range(5):
        crowd.tick(1)
    assert len(given) == 1, "nobody has gone since"


def test_a_few_that_come_and_go_are_no_crowd() -> None:
    given: list[int] = []
    crowd = Crowd(lambda: given.append(1))
    for connections in (1, 5, 1, 9, 0, 3) * 20:
        crowd.tick(connections)
    assert not given
