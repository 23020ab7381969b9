"""`python -m benchmarks report FILE`: the usual table of what Unity wrote; anything else is refused plainly."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import __main__ as cli
from benchmarks import latency_file
from benchmarks.latency_file import Unreadable


def _write(folder: Path, change: dict[str, Any] | None = None, rows: list[Any] | None = None) -> Path:
    plain = [{"name": "age when shown", "unit": "ms", "samples": [10.0, 20.0, 40.0]}]
    found = {"scenario": "unity-latency", "environment": {"refresh_hz": 90, "unity": "2022.3.76f1"}, "rows": plain}
    if rows is not None:
        found["rows"] = rows
    path = folder / "latency.json"
    path.write_text(json.dumps(found | (change or {})), encoding="utf-8")
    return path


def test_times_are_shown_in_milliseconds_and_in_frames(tmp_path: Path) -> None:
    report = latency_file.report_of(latency_file.read(_write(tmp_path)))
    assert [(row.name.strip(), row.unit) for row in report.rows] == [
        ("age when shown", "ms"), ("in frames at 90 Hz", "frames")
    ]  # fmt: skip
    assert report.rows[0].summary.p50 == 20 and report.rows[1].summary.p50 == pytest.approx(1.8)
    text = io.StringIO()
    report.show(Console(file=text, width=120))
    assert "age when shown" in text.getvalue() and "unity-latency" in text.getvalue()
    assert report.environment["unity"] == "2022.3.76f1"


@pytest.mark.parametrize("refresh", [None, 0, 1e9, "90", True])
def test_without_a_likely_rate_there_are_no_frames(tmp_path: Path, refresh: Any) -> None:
    report = latency_file.report_of(latency_file.read(_write(tmp_path, {"environment": {"refresh_hz": refresh}})))
    assert [row.unit for row in report.rows] == ["ms"]
    assert any("refresh_hz" in text for text in report.warnings)


def test_a_series_that_never_began_is_named_and_left_out(tmp_path: Path) -> None:
    rows = [{"name": "a", "unit": "ms", "samples": []}, {"name": "b", "unit": "ms", "samples": [1]}]
    report = latency_file.report_of(latency_file.read(_write(tmp_path, rows=rows)))
    assert report.rows[0].name == "b" and "a: nothing was measured" in report.warnings


def test_other_units_stay_as_they_are_and_new_keys_are_passed_over(tmp_path: Path) -> None:
    rows = [{"name": "帧", "unit": "", "samples": [1, 2], "colour": "red"}]
    report = latency_file.report_of(latency_file.read(_write(tmp_path, {"later": {"x": [1]}}, rows)))
    assert [(row.name, row.unit, row.summary.max) for row in report.rows] == [("帧", "", 2.0)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"scenario": "wire"}, "scenario"),
        ({"environment": {"device": {"a": 1}}}, "environment"),
        ({"rows": []}, "length"),
        ({"rows": [{"name": "a", "unit": "ms", "samples": []}]}, "too short"),
        ({"rows": [{"name": "a", "unit": "ms", "samples": ["1"]}]}, "float"),
        ({"rows": [{"name": "a", "unit": "ms", "samples": [1e300]}]}, "nothing can measure"),
        ({"rows": [{"name": "[red]a", "unit": "ms", "samples": [1]}]}, "cannot show"),
        ({"rows": [{"name": "a\u001b[2J", "unit": "ms", "samples": [1]}]}, "cannot show"),
        ({"rows": [{"name": "a", "unit": "\n", "samples": [1]}]}, "cannot show"),
        ({"rows": [{"name": "a", "unit": "ms", "samples": [1]}] * 2}, "two rows"),
        ({"rows": [{"name": "a", "unit": "ms", "samples": [1]}] * 201}, "length"),
    ],
)
def test_what_is_not_of_the_form_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        latency_file.read(_write(tmp_path, change))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"\xff\xfe{}", b"null", b"[" * 200_000,
        b'{"scenario":"unity-latency","x":' + b"[" * 200_000,
        b'{"scenario":"unity-latency","environment":{},"rows":[{"name":"a","unit":"ms","samples":[NaN]}]}',
        b'{"scenario":"unity-latency","environment":{},"rows":[{"name":"a","unit":"ms","samples":[1e999]}]}',
    ],
)  # fmt: skip
def test_what_is_no_such_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    with pytest.raises(Unreadable):
        latency_file.read(path)


def test_an_oversized_file_is_not_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency_file, "LIMIT_BYTES", 1 << 20)
    path = tmp_path / "large.json"
    with path.open("wb") as stream:
        stream.truncate(1 << 31)  # sparse
    with pytest.raises(Unreadable, match="larger than 1 MiB"):
        latency_file.read(path)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(_write(tmp_path)), "--json", str(tmp_path / "out.json")]) == 0
    assert "age when shown" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["scenario"] == "unity-latency"
    assert cli.main(["report", str(tmp_path)]) == 1
    assert "not a file" in capsys.readouterr().err
