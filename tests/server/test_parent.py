"""Watching the process that started us."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from sidecar.server import parent


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def test_the_end_is_told_even_while_nobody_reaps_it() -> None:
    gone = threading.Event()
    with sleeper() as process:
        parent.watch(process.pid, gone.set)
        assert not gone.wait(0.3)
        process.kill()  # a zombie until it is waited for
        assert gone.wait(5)


def test_one_that_is_gone_already_is_told_at_once() -> None:
    with sleeper() as process:
        process.kill()
    gone = threading.Event()
    parent.watch(process.pid, gone.set)
    assert gone.is_set()


def test_a_block_ends_with_the_parent_and_only_within_it() -> None:
    with sleeper() as process, parent.needed(process.pid):
        pass
    threading.Event().wait(2 * parent.EVERY_S)  # its end came after the block
    with sleeper() as process, pytest.raises(parent.ParentGone), parent.needed(process.pid):
        process.kill()
        threading.Event().wait(5)
    with pytest.raises(parent.ParentGone), parent.needed(process.pid):
        raise AssertionError("the block must not begin")
    with pytest.raises(KeyboardInterrupt), parent.needed(os.getpid()):
        raise KeyboardInterrupt
    with parent.needed(None):
        pass
