"""What a crowd of connections leaves behind, once it has gone: memory that nobody would ask for again."""

from __future__ import annotations

from collections.abc import Callable

CROWD = 32


class Crowd:
    """Counts connections at each tick, and has memory given back when many have gone at once."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._most = 0
        self._give_back = give_back

    def tick(self, connections: int) -> None:
        """So many are open now; every half second."""
        self._most = max(self._most, connections)
        if self._most - connections >= CROWD:
            self._most = connections
            self._give_back()
