"""Stop strings in text that comes piece by piece: what may begin one is held back until it is certain."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import BadRequest

MAX_STOPS = 16
MAX_STOP_CHARS = 200


class Stops:
    """Watches a text for the first of several strings. Raises `BadRequest` for an empty or a very long one."""

    def __init__(self, texts: Sequence[str]) -> None:
        if len(texts) > MAX_STOPS or not all(0 < len(text) <= MAX_STOP_CHARS for text in texts):
            raise BadRequest(f"There are at most {MAX_STOPS} stop strings, of 1 to {MAX_STOP_CHARS} characters.")
        self._texts = tuple(texts)
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """The text that is certain now: without the stop string once it was `found`, and without what follows."""
        self._held += text
        places = [place for stop in self._texts if (place := self._held.find(stop)) >= 0]
        if places:
            self.found = True
            return self._take(min(places), rest="")
        certain = len(self._held) - self._beginning()
        return self._take(certain, rest=self._held[certain:])

    def finish(self) -> str:
        """What was held back, when no more text comes."""
        return self._take(len(self._held), rest="")

    def _take(self, count: int, *, rest: str) -> str:
        taken, self._held = self._held[:count], rest
        return taken

    def _beginning(self) -> int:
        """How many characters at the end may begin a stop string."""
        longest = min(len(self._held), max((len(stop) - 1 for stop in self._texts), default=0))
        ends = (count for count in range(longest, 0, -1) if self._starts(self._held[-count:]))
        return next(ends, 0)

    def _starts(self, end: str) -> bool:
        return any(stop.startswith(end) for stop in self._texts)
