"""A target that is missed is seen, on the console, in the JSON and in the exit code."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import environment
from benchmarks.report import MISSED, Check, Report, Row
from benchmarks.stats import summarise
from benchmarks.streams import Run, Shown, StreamBroken, take
from sidecar.client import Result
from sidecar.wire.messages import Timing


def _report(*checks: Check) -> Report:
    row = Row("raw echo", "ms", summarise([1.0, 2.0, 3.0]), floor=True)
    return Report("wire", {"cores": 2}, {"rounds": 3}, rows=[row], checks=list(checks), values={"resident": 12.5})


@pytest.mark.parametrize(
    ("comparison", "measured", "held"),
    [("<=", 1.5, True), ("<=", 1.51, False), (">=", 5.0, True), (">=", 4.99, False), ("==", 0, True), ("==", 1, False)],
)
def test_checks(comparison: str, measured: float, held: bool) -> None:
    target = {"<=": 1.5, ">=": 5.0, "==": 0}[comparison]
    assert Check("x", measured, comparison, target).held is held  # type: ignore[arg-type]


def test_a_value_that_is_no_number_is_a_miss() -> None:
    assert not Check("x", float("nan"), "<=", 1.0).held
    assert not Check("x", float("nan"), ">=", 1.0).held


def test_the_exit_code_counts_misses_only_when_judged() -> None:
    missed = _report(Check("a", 1.0, "<=", 2.0), Check("b", 3.0, "<=", 2.0))
    assert [check.name for check in missed.missed] == ["b"]
    assert missed.exit_code(judged=True) == MISSED == 3
    assert missed.exit_code(judged=False) == 0
    assert _report(Check("a", 1.0, "<=", 2.0)).exit_code(judged=True) == 0


def test_json_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    _report(Check("b", 3.0, "<=", 2.0, "x", "why")).write(path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["schema"] == 1 and found["scenario"] == "wire"
    assert found["rows"][0]["summary"]["p50"] == 2.0 and found["rows"][0]["floor"] is True
    assert found["checks"] == [
        {"name": "b", "measured": 3.0, "comparison": "<=", "target": 2.0, "unit": "x", "held": False, "note": "why"}
    ]


def test_the_console_says_held_and_missed() -> None:
    text = io.StringIO()
    report = _report(Check("good", 1.0, "<=", 2.0), Check("bad", 3.0, "<=", 2.0))
    report.warnings.append("may be unstable")
    report.show(Console(file=text, width=120))
    lines = text.getvalue().splitlines()
    assert any("good" in line and "held" in line for line in lines)
    assert any("bad" in line and "MISSED" in line for line in lines)
    assert any("may be unstable" in line for line in lines)


def test_a_busy_machine_is_named() -> None:
    assert environment.warnings({"load_before": 0.1, "cores": 2}) == []
    assert "busy" in environment.warnings({"load_before": 1.5, "cores": 2})[0]


def test_the_fingerprint_knows_this_machine() -> None:
    found = environment.fingerprint()
    assert found["cores"] >= 1 and found["python"] and found["cpu"] and "numpy" in found["packages"]


def test_pack_hashes_change_with_any_byte(tmp_path: Path) -> None:
    pack = tmp_path / "iris"
    pack.mkdir()
    (pack / "manifest.json").write_text("{}")
    (pack / "iris.onnx").write_bytes(b"weights")
    before = environment.pack_hashes(tmp_path)
    (pack / "iris.onnx").write_bytes(b"weighty")
    assert environment.pack_hashes(tmp_path) != before and before.keys() == {"iris"}
    assert environment.pack_hashes(tmp_path / "absent") == {}


def _part(n: int, t_us: int) -> Result:
    return Result({"n": n, "t_us": t_us}, Timing(queue_ms=4.0, total_ms=24.0), n)


def test_an_answer_must_be_of_a_frame_that_was_sent_once_and_in_order() -> None:
    run = Run()
    captured = {0: 1.0, 1: 1.01, 2: 1.02}
    take(run, _part(1, 1_010_000), captured)
    with pytest.raises(StreamBroken):
        take(run, _part(1, 1_010_000), captured)
    with pytest.raises(StreamBroken):
        take(run, _part(0, 1_000_000), captured)
    with pytest.raises(StreamBroken):
        take(run, _part(2, 999), {2: 1.02})
    assert [shown.n for shown in run.shown] == [1] and run.shown[0].service_ms == 20.0


def test_the_age_on_display_grows_until_the_next_answer() -> None:
    """Frames captured every 50 ms and answered 20 ms later: between answers the shown one ages from 20 to 70 ms."""
    run = Run(shown=[Shown(n, n * 0.05, n * 0.05 + 0.02, Timing()) for n in range(50)])
    ages = run.age_on_display(200.0)
    assert ages.min() == pytest.approx(20, abs=0.1) and ages.max() == pytest.approx(65, abs=0.1)
    assert run.rate() == pytest.approx(20.0)
