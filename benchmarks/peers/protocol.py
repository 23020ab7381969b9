"""What the harness and a peer agree on: the layout of bodies, the names of settings, a port."""

from __future__ import annotations

import math
import struct

FRAME_SHAPE = (480, 640, 3)
FRAME_BYTES = math.prod(FRAME_SHAPE)
REQUEST = struct.Struct("<q")  # the frame's time, microseconds
RESPONSE = struct.Struct("<qdd")  # the same, milliseconds in the session, confidence
SMALL = 64  # bytes of a small call
PACKS, THREADS, PORT = "VITRINE_PEER_PACKS", "VITRINE_PEER_THREADS", "VITRINE_PEER_PORT"

