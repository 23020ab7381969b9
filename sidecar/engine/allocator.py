"""Memory that the process holds and does not use goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Collects garbage and has the allocator return its free pages; milliseconds in a process without much garbage.

    glibc keeps freed pages of its arenas until it is asked; other platforms' allocators give them back by themselves.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
