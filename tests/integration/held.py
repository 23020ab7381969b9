"""Holding a worker still, so that what waits, waits: a test decides when it goes on, not a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
from integration.running import wait_until


@contextmanager
def held_still(process: psutil.Process) -> Iterator[None]:
    """Suspends a process for the block, which begins when it really stands still."""
    process.suspend()
    try:
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, what="standing still")
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()
