"""The processes of a peer: which they are, where they listen, and their end."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
from collections.abc import Iterable
from typing import Any

import psutil

MARK = "VITRINE_PEER_FAMILY"
POLITE_S = 5.0
END_S = 5.0


class CannotSee(RuntimeError):
    """The system does not say where a process listens."""


def of(root: int, mark: str) -> list[psutil.Process]:
    """The process `root` and all that it started: its children, its session's, and those with `mark` in their
    environment. Some servers' processes leave their parent, their group, or overwrite their environment; hardly one
    does all three."""
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(root)
        for process in (top, *top.children(recursive=True)):
            found[process.pid] = process
    for process in psutil.process_iter():
        if process.pid not in found and process.pid != os.getpid() and _belongs(process, root, mark):
            found[process.pid] = process
    return list(found.values())


def _belongs(process: psutil.Process, root: int, mark: str) -> bool:
    try:
        if sys.platform != "win32" and os.getsid(process.pid) == root:
            return True
        return process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False  # another user's, or gone


def outside(processes: Iterable[psutil.Process]) -> list[str]:
    """Where these processes can be reached from beyond this machine: `name address:port`, each once.

    Raises `CannotSee`.
    """
    found = set()
    for process in processes:
        try:
            sockets = process.net_connections(kind="inet")
            name = process.name()
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied as error:
            raise CannotSee(f"the listeners of process {process.pid} cannot be seen") from error
        for one in sockets:
            if _open(one) and not _loopback(one.laddr.ip):
                found.add(f"{name} {one.laddr.ip}:{one.laddr.port}")
    return sorted(found)


def _open(one: Any) -> bool:
    """Whether anyone may send to this socket: TCP that listens, UDP without a peer."""
    if not one.laddr:
        return False
    return bool(one.status == psutil.CONN_LISTEN or (one.type == socket.SOCK_DGRAM and not one.raddr))


def _loopback(ip: str) -> bool:
    address = ipaddress.ip_address(ip.split("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)  # gRPC shows 127.0.0.1 as ::ffff:127.0.0.1
    return (mapped or address).is_loopback


def end(root: int, mark: str) -> None:
    """Ends them all: politely the first, and once it is gone, or after `POLITE_S`, whoever is left."""
    known = of(root, mark)
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(root)
        first.terminate()
        psutil.wait_procs([first], POLITE_S)
    left = {process.pid: process for process in (*known, *of(root, mark))}
    for process in left.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left.values(), END_S)
