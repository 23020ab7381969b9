"""A map that two processes of this machine share, for the floors: not the product's own lane."""

from __future__ import annotations

import mmap
import os
import secrets
import sys


def new(size: int) -> tuple[mmap.mmap, str]:
    """A fresh map and the name under which a process started later opens it."""
    if sys.platform == "win32":
        name = f"Local\\vitrine-floor-{secrets.token_hex(16)}"
        return mmap.mmap(-1, size, tagname=name), name
    handle = os.memfd_create("vitrine-floor", os.MFD_CLOEXEC)
    os.ftruncate(handle, size)
    return mmap.mmap(handle, size), f"/proc/{os.getpid()}/fd/{handle}"


def existing(name: str, size: int) -> mmap.mmap:
    """Opens a map that `new` made. Raises `OSError`."""
    if sys.platform == "win32":
        return mmap.mmap(-1, size, tagname=name)
    handle = os.open(name, os.O_RDWR | os.O_CLOEXEC)
    try:
        return mmap.mmap(handle, size)
    finally:
        os.close(handle)
