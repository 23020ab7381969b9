"""What can stop an installation; each message is for the person at the terminal and says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})


class InstallError(Exception):
    """The installation stopped; what it fetched so far is kept for the next try."""


class DamagedDownload(InstallError):
    """What arrived is not the file that was asked for."""


class LicenceRefused(InstallError):
    """The licence restricts the use of a model, and it was not accepted by name."""


@contextmanager
def plain_disk_errors(folder: Path) -> Iterator[None]:
    """Turns errors of the disk under `folder` into `InstallError`."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InstallError(
                f"The disk that holds {folder} is full. Free some space or set VITRINE_HOME to another disk, "
                "then run the same command again; it goes on where it stopped."
            ) from error
        raise InstallError(
            f"{error.filename or folder} cannot be written ({error.strerror or error}). "
            "Make it writable or set VITRINE_HOME to another folder."
        ) from error
