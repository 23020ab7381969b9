"""Which cores a worker keeps to under pressure."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sidecar.worker.cores import Cores

NARROWED = """
import os, threading
from sidecar.worker.cores import Cores
cores = Cores()
before = os.sched_getaffinity(0)
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
tids = [int(name) for name in os.listdir("/proc/self/task")]
cores.narrow(0.0)
assert len(tids) == 2 and all(os.sched_getaffinity(tid) == {max(before)} for tid in tids)
cores.narrow(1.0)
assert all(os.sched_getaffinity(tid) == before for tid in tids)
stop.set()
"""


def test_a_share_is_rounded_up_and_never_nothing() -> None:
    cores = Cores()
    cores._all = [0, 1, 2, 3, 4, 5]
    assert cores.choose(0.5) == [3, 4, 5]
    assert cores.choose(0.25) == [4, 5]
    assert cores.choose(0.0) == [5]
    assert cores.choose(7.0) == [0, 1, 2, 3, 4, 5]
    cores._all = []
    assert cores.choose(0.5) == []  # a system that does not say


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="affinity by thread is Linux's")
def test_every_thread_moves_and_moves_back() -> None:
    subprocess.run([sys.executable, "-c", NARROWED], check=True, timeout=30)
