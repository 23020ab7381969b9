"""Whether a bound on GPU memory is kept: a session under half of what it took before, and one under twice that."""

from __future__ import annotations

from dataclasses import dataclass

from .measure import reason
from .memory import Ledger, Peak
from .sessions import Network, Sessions, let_go
from .ways import PLAIN, ways

MIB = 2**20
LEAST = 64 * MIB  # below this, handles and kernels outweigh what the bound is about
OUTSIDE = 64 * MIB  # what cuBLAS, cuDNN and the driver may take beside the arena that `gpu_mem_limit` bounds
RUNS = 3


@dataclass(frozen=True)
class Limit:
    """One session under `gpu_mem_limit`: what it added, and why it did not run, if it did not. `must_run`: whether the
    bound leaves enough."""

    network: str
    limit: int
    added: int
    why: str
    must_run: bool

    @property
    def holds(self) -> bool:
        """Whether the bound was kept, and enough for what must fit."""
        return self.added <= self.limit + OUTSIDE and not (self.must_run and self.why)


def limits(sessions: Sessions, network: Network, added: int, ledger: Ledger) -> list[Limit]:
    """Both sessions; none where the model is too small to judge, or nothing tells."""
    if added < LEAST or ledger.now() is None:
        return []
    return [
        _under(sessions, network, added // 2, ledger, must_run=False),
        _under(sessions, network, added * 2, ledger, must_run=True),
    ]


def _under(sessions: Sessions, network: Network, limit: int, ledger: Ledger, *, must_run: bool) -> Limit:
    before = ledger.now() or 0
    why, opened = "", None
    with Peak(ledger) as peak:  # its last look finds the session still there
        try:
            (way,) = (one for one in ways("cuda", sessions.shape(network), vram_bytes=limit) if one.name == PLAIN)
            opened = sessions.open(network, way)
            if opened is None:
                why = "no session"
            else:
                for _ in range(RUNS):
                    opened()
        except Exception as error:  # ONNX Runtime raises bare classes of its own where memory ends
            why = reason(error)
    del opened
    let_go()
    return Limit(network.name, limit, max(0, (peak.bytes or 0) - before), why, must_run)
