"""How a client on this machine finds the server: `run.json` in the per-user runtime folder, checked before use.

The file carries the token, so a client sends it only to the process that wrote the file: alive, started when the file
says, of the same user, and on this machine.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import psutil
from msgspec import Meta, Struct

from .errors import Unauthorized, Unavailable

FILE = "run.json"
FILE_BYTES = 64 * 1024
START_TOLERANCE_S = 2.0


class NoServer(Unavailable):
    """No server of this user runs, or the one that `run.json` names is gone."""


class UntrustedEndpoint(Unauthorized):
    """`run.json` is not one that a token may be sent for: wrong owner, readable by others, or not on this machine."""


class Endpoint(Struct, frozen=True):
    """A running server. `started` is its process's start, seconds since 1970; `token` goes into `hello` only."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)]
    token: Annotated[str, Meta(min_length=1, max_length=512)]
    pid: Annotated[int, Meta(ge=1)]
    started: float
    version: str


def run_folder() -> Path:
    """The per-user runtime folder; it need not exist yet."""
    if chosen := os.environ.get("VITRINE_RUN_DIR"):
        return Path(chosen)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "vitrine"
    if sys.platform != "win32" and (runtime := os.environ.get("XDG_RUNTIME_DIR")):
        return Path(runtime) / "vitrine"
    return Path.home() / ".cache" / "vitrine"


def read_endpoint(path: Path | None = None) -> Endpoint:
    """The server that `run.json` names (`path`: the file, default in `run_folder()`), once everything about it fits.

    Raises `NoServer` when there is none or it is gone, `UntrustedEndpoint` when the token must not be sent to it.
    """
    data = _read_private(path or run_folder() / FILE)
    try:
        endpoint = msgspec.json.decode(data, type=Endpoint)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoServer("The file run.json is damaged; start the server again with `vitrine serve`.") from error
    _check_host(endpoint.host)
    _check_process(endpoint)
    return endpoint


def _read_private(path: Path) -> bytes:
    """The file's bytes; on POSIX only if it is a plain file of ours that nobody else can read or write."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise NoServer("No Vitrine server runs here; start one with `vitrine serve`.") from error
    except OSError as error:
        raise UntrustedEndpoint("The file run.json cannot be read as a plain file of yours; look at it.") from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > FILE_BYTES:
            raise UntrustedEndpoint("The file run.json is not a small plain file; delete it and start again.")
        if sys.platform != "win32" and found.st_uid != os.geteuid():
            raise UntrustedEndpoint("The file run.json is another user's; set VITRINE_RUN_DIR to a folder of yours.")
        if sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
            raise UntrustedEndpoint("Others can read run.json; delete it and start the server again.")
        return os.read(handle, FILE_BYTES)
    finally:
        os.close(handle)


def _check_host(host: str) -> None:
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise UntrustedEndpoint("The file run.json names a host that is not this machine; delete it.")


def _check_process(endpoint: Endpoint) -> None:
    """The pid lives, started when the file says, and is ours: a number alone may be another program's by now."""
    try:
        process = psutil.Process(endpoint.pid)
        with process.oneshot():
            gone = process.status() == psutil.STATUS_ZOMBIE
            gone = gone or abs(process.create_time() - endpoint.started) > START_TOLERANCE_S
            ours = _same_user(process)
    except psutil.NoSuchProcess:
        gone, ours = True, False
    except psutil.AccessDenied:
        gone, ours = False, False
    if gone:
        raise NoServer("The server that run.json names is gone; start one with `vitrine serve`.")
    if not ours:
        raise UntrustedEndpoint("The process that run.json names belongs to another user; start your own server.")


def _same_user(process: psutil.Process) -> bool:
    if sys.platform == "win32":
        return bool(process.username() == psutil.Process().username())
    return bool(process.uids().effective == os.geteuid())
