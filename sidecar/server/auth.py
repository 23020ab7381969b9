"""Who may speak: the token of this run, compared without leaking where it differs, and tickets for the dashboard."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

TICKET_S = 60.0
TICKETS = 16

# What a page may do that somebody opened with a ticket: look, and try things on. None of these changes the server or
# keeps anything; an op that is not named here is refused, so that a new one is closed until somebody opens it.
TICKET_OPS = frozenset({"server.echo", "server.stats", "model.list", "tryon.stream", "tryon.still"})


def new_token() -> str:
    """256 random bits, urlsafe."""
    return secrets.token_urlsafe(32)


def same(token: str, offered: str) -> bool:
    """Whether the offered token is ours, in time that does not depend on it."""
    return hmac.compare_digest(token.encode(), offered.encode("utf-8", "replace"))


class Tickets:
    """Tickets that open one read-only session each: single use, valid for a minute, few at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: dict[str, float] = {}

    def issue(self) -> str:
        """A new ticket of 256 random bits; past `TICKETS` unused ones the oldest goes."""
        self._drop_old()
        while len(self._ends) >= TICKETS:
            del self._ends[next(iter(self._ends))]
        ticket = new_token()
        self._ends[ticket] = self._clock() + TICKET_S
        return ticket

    def redeem(self, offered: str) -> bool:
        """Whether this is a ticket that is neither used nor old; from now on it is used."""
        self._drop_old()
        found = [ticket for ticket in self._ends if same(ticket, offered)]  # all are compared: no time tells which
        for ticket in found:
            del self._ends[ticket]
        return bool(found)

    def _drop_old(self) -> None:
        now = self._clock()
        for ticket in [ticket for ticket, ends in self._ends.items() if ends <= now]:
            del self._ends[ticket]
