"""Giving a child process its two sockets: inherited descriptors on POSIX, duplicated handles on Windows."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
from typing import IO


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """A connected pair; on Windows the standard library makes it over loopback."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        if end.family != getattr(socket, "AF_UNIX", None):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return ours, theirs


def start(command: list[str], sockets: list[socket.socket], settings: dict[str, object]) -> subprocess.Popen[bytes]:
    """Starts `command` and hands it the sockets and its settings as one JSON line on its standard input."""
    if sys.platform == "win32":
        flags = subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
        process = subprocess.Popen(command, stdin=subprocess.PIPE, creationflags=flags)
        shared = [base64.b64encode(sock.share(process.pid)).decode() for sock in sockets]
    else:
        numbers = [sock.fileno() for sock in sockets]
        # A session of its own: the terminal's Ctrl-C is for the gateway, which then ends its workers in order.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=numbers, start_new_session=True)
        shared = [str(number) for number in numbers]
    assert process.stdin is not None
    process.stdin.write(json.dumps({"sockets": shared, **settings}).encode() + b"\n")
    process.stdin.close()
    return process


def receive(stream: IO[bytes]) -> tuple[list[socket.socket], dict[str, object]]:
    """The child's side of `start`: reads the line and opens the sockets."""
    line = json.loads(stream.readline(1 << 20))
    shared = line.pop("sockets")
    if sys.platform == "win32":
        return [socket.fromshare(base64.b64decode(item)) for item in shared], line
    return [socket.socket(fileno=int(item)) for item in shared], line
