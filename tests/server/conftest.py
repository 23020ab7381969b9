"""A gateway inside the process, patient as in earnest or, for what must run out, hardly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from server.inside import Inside

from sidecar.server.connection import Patience


@pytest.fixture
def inside() -> Iterator[Inside]:
    with Inside() as gateway:
        yield gateway


@pytest.fixture
def hasty() -> Iterator[Inside]:
    """Waits 0.2 s where the contract says 5."""
    with Inside(patience=Patience(hello_s=0.2, unsent_s=0.2, closing_s=0.2)) as gateway:
        yield gateway
