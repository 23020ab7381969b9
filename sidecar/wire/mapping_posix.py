"""Linux: a memfd sealed against shrink and grow, opened by others as /proc/PID/fd/N."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import re

_NAME = re.compile(r"/proc/\d{1,10}/fd/\d{1,10}")


class Mapping:
    """One mapped file; `name` is what a peer of the same user opens."""

    def __init__(self, fd: int, size: int, *, name: str, keep_fd: bool) -> None:
        self.name = name
        self.identity = os.fstat(fd).st_ino  # descriptor numbers are used again, inodes of memfds are not
        self.buffer = mmap.mmap(fd, size)
        self._fd: int | None = fd if keep_fd else None
        if not keep_fd:
            os.close(fd)

    def close(self) -> None:
        """Unmaps and, for the creator, closes the file; what is still looked into unmaps with its last reader."""
        with contextlib.suppress(BufferError):
            self.buffer.close()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def create(size: int) -> Mapping:
    """A new sealed memfd of `size` bytes; pages cost memory only when touched."""
    fd = os.memfd_create("vitrine", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        return Mapping(fd, size, name=f"/proc/{os.getpid()}/fd/{fd}", keep_fd=True)
    except BaseException:
        os.close(fd)
        raise


def open_existing(name: str, size: int) -> Mapping:
    """Opens a peer's mapping; it must be a memfd of at least `size` bytes that can no longer shrink."""
    if not _NAME.fullmatch(name):
        raise ValueError("the offered mapping has an impossible name")
    fd = os.open(name, os.O_RDWR | os.O_CLOEXEC)
    try:
        if not fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK or os.fstat(fd).st_size < size:
            raise ValueError("the offered mapping could shrink under the reader")
        return Mapping(fd, size, name=name, keep_fd=False)
    except BaseException:
        os.close(fd)
        raise
