"""The shape of WebSocket frames (RFC 6455, 5.2) that nearly every message here has: whole, final, binary, small.

Everything else goes through the library's protocol. These few lines are the hot path of both ends: through the library
a small message costs 5 us to parse and 4 us to write, here 1 us and half a one.
"""

from __future__ import annotations

from collections.abc import Callable

ApplyMask = Callable[[bytes, bytes], bytes]

BINARY_FIN = 0x82
MASKED = 0x80
SMALL = 16 * 1024


def split(data: bytes, *, unmask: ApplyMask | None) -> list[bytes] | None:
    """The messages, when `data` is nothing but small whole binary frames; None when the library must look at it.

    With `unmask` the sender is a client, whose frames carry a mask; without, a server, whose frames must not. Only
    right at a boundary between frames.
    """
    size = len(data)
    if size > SMALL:
        return None
    messages: list[bytes] = []
    position, bit = 0, 0 if unmask is None else MASKED
    while position < size:
        if position + 2 > size or data[position] != BINARY_FIN or data[position + 1] & MASKED != bit:
            return None
        length, start = data[position + 1] & 0x7F, position + 2
        if length == 126:
            length, start = int.from_bytes(data[start : start + 2], "big"), start + 2
        elif length == 127:
            return None
        payload = start if unmask is None else start + 4
        position = payload + length
        if position > size:
            return None
        message = data[payload:position]
        messages.append(message if unmask is None else unmask(message, data[start:payload]))
    return messages


def server_head(length: int) -> bytes:
    """What stands before a whole binary message of a server."""
    if length < 126:
        return bytes((BINARY_FIN, length))
    if length < 65536:
        return b"\x82\x7e" + length.to_bytes(2, "big")
    return b"\x82\x7f" + length.to_bytes(8, "big")


def client_frame(message: bytes, mask: bytes, apply_mask: ApplyMask) -> bytes:
    """A whole binary message of a client under four fresh random bytes; for messages of up to `SMALL` bytes."""
    length = len(message)
    if length < 126:
        return bytes((BINARY_FIN, MASKED | length)) + mask + apply_mask(message, mask)
    return b"\x82\xfe" + length.to_bytes(2, "big") + mask + apply_mask(message, mask)


def frame_bytes(length: int, *, masked: bool) -> int:
    """Bytes of a shortest frame around so many; one that is written longer only costs its reader the fast path."""
    return length + (2 if length < 126 else 4 if length < 65536 else 10) + (4 if masked else 0)

