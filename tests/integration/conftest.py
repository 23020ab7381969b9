"""A server for all tests here, and a neighbour that must not notice what the others do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.rawpeer import RawPeer
from integration.running import Sidecar


@pytest.fixture
def server(shared_sidecar: Sidecar) -> Sidecar:
    """The shared warm sidecar: a test leaves it as it was."""
    return shared_sidecar


@pytest.fixture
def neighbour(server: Sidecar) -> Iterator[RawPeer]:
    """A well-behaved connection that is open before the test and still answered, by both ends, after it."""
    with server.client() as peer:
        yield peer
        for where in ("gateway", "engine"):
            answer = peer.ask("server.echo", {"where": where, "data": b"still here"})
            assert answer["t"] == "done" and answer["d"] == {"data": b"still here"}, answer
