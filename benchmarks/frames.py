"""The frames that the try-on benchmarks send: the shipped portrait at 640x480, moved, made before the clock runs."""

from __future__ import annotations

from itertools import chain

from sidecar.demo.frames import Pixels, sample_portrait

LAYERS = [{"product": "sample-glasses-1"}, {"product": "sample-top-1"}]
FRAME_RATE_HZ = 90.0
BANK = 90


class Bank:
    """`BANK` frames of a second of movement, played forwards and backwards, so that nothing ever jumps."""

    def __init__(self) -> None:
        portrait = sample_portrait()
        self._frames = [portrait.frame(index / FRAME_RATE_HZ) for index in range(BANK)]
        self._order = list(chain(range(BANK), range(BANK - 2, 0, -1)))

    def frame(self, n: int) -> Pixels:
        """(480, 640, 3) uint8, the `n`-th frame of an endless film."""
        return self._frames[self._order[n % len(self._order)]]
