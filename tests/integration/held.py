"""Holding a worker still, so that what waits, waits: a test decides when it goes on, not a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


@contextmanager
def held_still(process: psutil.Process) -> Iterator[None]:
    """Suspends a process for the block."""
    process.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()
