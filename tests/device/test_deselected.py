"""Device tests without a card: not run, counted and named; with one, they are run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PLUGIN = """
import sys
sys.path[:0] = [{engine!r}, {here!r}]
import card
card.why_none = lambda provider="cuda": {why}
"""


def collected(tmp_path: Path, why: str) -> str:
    """What pytest says of the device tests where a card is as `why` says (Python, of `provider`)."""
    text = PLUGIN.format(engine=str(HERE.parent / "engine"), here=str(HERE), why=why)
    (tmp_path / "made_up_card.py").write_text(text, "utf-8")
    words = ["--collect-only", "-p", "made_up_card", "-p", "no:cacheprovider", str(HERE / "test_cuda.py")]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *words], capture_output=True, text=True, cwd=ROOT, timeout=120,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
    )  # fmt: skip
    return found.stdout + found.stderr


def test_without_a_card_they_are_deselected_counted_and_named(tmp_path: Path) -> None:
    told = collected(tmp_path, "'no CUDA device' if provider == 'cuda' else 'no TensorRT device'")
    (line,) = (one for one in told.splitlines() if "not run: no CUDA device:" in one)
    names = line.split(": ", 2)[2].split(", ")
    (packs,) = (name for name in names if name.endswith(" cases)"))
    count = len(names) - 1 + int(packs.split("(")[1].split()[0])
    assert "test_a_pack_runs_on_cuda_and_answers_as_the_processor_does (" in packs and len(names) >= 8
    assert line.startswith(f"{count} device tests not run: ")
    assert "tests/device/test_cuda.py::test_memory_comes_back_from_the_card" in names
    (other,) = (one for one in told.splitlines() if "not run: no TensorRT" in one)
    assert other.startswith("1 device test not run: no TensorRT device: tests/device/test_cuda.py::")
    assert f"{count + 1} deselected" in told and "skipped" not in told


def test_with_a_card_all_are_run(tmp_path: Path) -> None:
    told = collected(tmp_path, "None")
    assert "not run" not in told and "deselected" not in told
    assert "tests/device/test_cuda.py::test_a_compiled_engine_is_used_again" in told
