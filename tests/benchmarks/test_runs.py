"""Both scenarios really run, briefly: every row is there, every answer was checked, nothing is left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RUN_S = 120


def _benchmark(path: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", *words, "--json", str(path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _checks(found: dict[str, Any]) -> dict[str, bool]:
    return {check["name"]: check["held"] for check in found["checks"]}


def test_wire(tmp_path: Path) -> None:
    short = ("--rounds", "1", "--seconds", "0.2", "--busy-seconds", "1", "--no-csharp")
    found = _benchmark(tmp_path / "wire.json", "wire", *short)
    rows = {row["name"]: row["summary"] for row in found["rows"]}
    assert len(rows) == 11 and all(row["count"] >= 10 and row["p50"] > 0 for row in rows.values())
    assert rows["echo at a worker, 64 B"]["p50"] > rows["hop to a process"]["p50"]
    assert {row["name"] for row in found["rows"] if row["floor"]} == {
        "raw echo, 64 B", "raw echo, 1 MiB", "copy 1 MiB and notice", "hop to a process", "raw echo, worker busy"
    }  # fmt: skip
    assert len(found["checks"]) == 6
    assert any("only 1 round" in warning for warning in found["warnings"])
    assert found["environment"]["server"]["providers"] and found["environment"]["packs"]


def test_tryon_with_a_killed_worker(tmp_path: Path) -> None:
    short = ("--rounds", "1", "--seconds", "4", "--fed-seconds", "2", "--kills", "1", "--starts", "1")
    found = _benchmark(tmp_path / "tryon.json", "tryon", *short)
    rows = {row["name"].strip(): row["summary"] for row in found["rows"]}
    assert rows["null target, one at a time"]["p50"] < rows["try-on, one at a time"]["p50"]
    assert rows["age when shown first"]["p50"] >= rows["service"]["p50"]
    assert rows["age at every refresh"]["p50"] >= rows["age when shown first"]["p50"]
    values = found["values"]
    assert values["frames sent"] == 180 == values["frames answered"] + values["frames superseded"]
    held = _checks(found)
    for name in (
        "pushed frames that the server did not count",
        "frames neither answered nor superseded",
        "answered frames that did not arrive",
        "share of answers with a reason",
        "streams that failed with another code than unavailable",
        "connections lost to a kill",
    ):
        assert held[name], name
