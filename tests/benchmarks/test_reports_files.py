"""Results are read with care, and JUnit and CSV hold what the result does."""

from __future__ import annotations

import csv as standard_csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from made_results import document, mirror

from benchmarks import thresholds
from benchmarks.reports import csv, junit, source
from benchmarks.reports.source import NotAResult, read, typed


def _junit(result: dict[str, Any], path: Path, *wanted: str) -> ElementTree.Element:
    verdicts = thresholds.judge(result, [thresholds.parse(one) for one in wanted])
    junit.write(result, verdicts, path)
    return ElementTree.parse(path).getroot()


def test_junit_has_a_case_for_every_check_and_threshold(tmp_path: Path) -> None:
    result = mirror(slower=1.2)
    root = _junit(result, tmp_path / "new" / "a.xml", "p50_age_ms>1", "p50_age_ms>1000")
    (suite,) = root
    assert root.tag == "testsuites" and suite.tag == "testsuite"
    assert [(root.get(key), suite.get(key)) for key in ("tests", "failures", "errors")] == [
        ("4", "4"), ("2", "2"), ("0", "0")
    ]  # fmt: skip
    cases = {case.get("name"): case.find("failure") for case in suite.iter("testcase")}
    assert list(cases) == ["age, p99", "connections lost", "p50_age_ms>1", "p50_age_ms>1000"]
    missed, crossed = cases["age, p99"], cases["p50_age_ms>1"]
    assert cases["connections lost"] is None and cases["p50_age_ms>1000"] is None
    assert missed is not None and crossed is not None
    p50, p99 = (result["rows"][0]["summary"][key] for key in ("p50", "p99"))
    assert missed.get("message") == f"measured {p99:.6g} ms, wanted <= 25 ms (the mirror's)"
    assert crossed.get("message") == f"measured {p50:.6g}, which must not be > 1"
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties == {"time_utc": "2026-11-24T10:00:00Z", "cpu": "a processor", "cores": "2",
                          "packages.numpy": "2.4.6", "option.seconds": "10.0"}  # fmt: skip
    assert "unstable" in (suite.findtext("system-out") or "")
    order = [child.tag for child in suite]
    assert order == ["properties", *["testcase"] * 4, "system-out", "system-err"]
    assert suite.get("timestamp") == "2026-11-24T10:00:00" and suite.get("hostname") and suite.get("time")


def test_junit_survives_what_xml_cannot_hold(tmp_path: Path) -> None:
    result = mirror()
    result["checks"][0]["name"] = "a\x00b\x1b[31m<]]>&\ud800"
    result["environment"]["cpu"] = "\x08"
    root = _junit(result, tmp_path / "a.xml")
    assert next(root.iter("testcase")).get("name") == "a\ufffdb\ufffd[31m<]]>&\ufffd"


def test_csv_has_a_line_a_series_and_a_line_a_call(tmp_path: Path) -> None:
    result = mirror(count=120)
    csv.write(result, tmp_path / "new" / "a.csv")
    with (tmp_path / "new" / "a.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(standard_csv.DictReader(stream))
    series = [line for line in lines if line["kind"] == "summary"]
    calls = [line for line in lines if line["kind"] == "call"]
    assert len(series) == 3 and len(calls) == 120 and len(lines) == 123
    assert float(series[0]["p99.9"]) == result["rows"][0]["summary"]["p99.9"] and series[2]["floor"] == "1"
    columns = result["details"]["calls"]
    for n, line in enumerate(calls):
        for name in columns:
            value = columns[name][n]
            assert line[name] == ("" if value is None else str(value)), (n, name)


def test_csv_has_no_formulas(tmp_path: Path) -> None:
    result = mirror(count=100)
    result["rows"][0]["name"] = "=cmd|' /C calc'!A0"
    result["details"]["calls"]["op"] = ["@SUM(1)"] * 100
    csv.write(result, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        cells = [cell for line in standard_csv.reader(stream) for cell in line]
    assert "'=cmd|' /C calc'!A0" in cells and "'@SUM(1)" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]


def _broken(**changes: Any) -> dict[str, Any]:
    result = mirror(count=20)
    for path, value in changes.items():
        tree, *keys = [result, *path.split("__")]
        for key in keys[:-1]:
            tree = tree[int(key) if isinstance(tree, list) else key]
        tree[int(keys[-1]) if isinstance(tree, list) else keys[-1]] = value
    return result


def _nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(depth):
        tree = {"a": tree}
    return tree


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (_broken(schema=2), "schema"),
        (_broken(rows__0__name=7), "name"),
        (_broken(rows__0__summary={"p50": 1.0}), "no count"),
        (_broken(rows__0__rounds=[{"p99": 1.0}]), "no p50"),
        (_broken(rows__1__name="age"), "two rows"),
        (_broken(values={"x": float("nan")}), "nothing can measure"),
        (_broken(checks__0__measured=1e300), "nothing can measure"),
        (_broken(checks__0__comparison="!="), "comparison"),
        (_broken(details__calls={"t_ms": [1.0]}), "missing"),
        (_broken(details__calls__infer_ms=[1.0]), "differ in length"),
        (_broken(details__calls__missed=["1"] * 20), "missed"),
        (_broken(details__calls__latency_ms=[float("inf")] * 20), "nothing can measure"),
        (_broken(details__calls__op=list(map(str, range(20))) * 1), ""),
        (_broken(environment=_nested(40)), "nested"),
        (_broken(environment=_nested(900)), "nested"),
        ({}, "missing"),
        ([], "object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_result_is_refused(broken: Any, words: str) -> None:
    if not words:
        assert typed(broken).calls is not None
        return
    with pytest.raises(NotAResult, match=words):
        typed(broken)


def test_too_many_ops_are_refused() -> None:
    result = mirror(count=400)
    result["details"]["calls"]["op"] = list(map(str, range(400)))
    with pytest.raises(NotAResult, match="more than 200 ops"):
        typed(result)


def test_files_are_read_with_care(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document()), encoding="utf-8")
    assert read(path)["scenario"] == "made"
    for data, words in ((b"{", "JSON"), (b"\xff\xfe", "JSON"), (b"[" * 100_000, "JSON"), (b"7", "schema 1")):
        path.write_bytes(data)
        with pytest.raises(NotAResult, match=words):
            read(path)
    monkeypatch.setattr(source, "LIMIT_BYTES", 1 << 20)
    path.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(NotAResult, match="larger than 1 MiB"):
        read(path)
    with pytest.raises(NotAResult, match="not a file"):
        read(tmp_path)
