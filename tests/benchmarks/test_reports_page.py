"""Every number on the page comes from the result: its text is parsed and held against the JSON, worked out anew."""

from __future__ import annotations

import json
import math
import re
import statistics
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_results import EVERY, mirror

from benchmarks import thresholds
from benchmarks.__main__ import main
from benchmarks.compare import compare
from benchmarks.reports import html
from benchmarks.reports.source import NotAResult

Piece = dict[str, str]
# What stands on the page without being measured: names of quantiles, the share that is called slow.
LABELS = re.compile(r"\b(p\d\d(\.\d)?|slowest 1 %|95 %)")
OPAQUE = ("script", "style", "title")


class Reader(HTMLParser):
    """Collects what is traced (`data-from`), the text that is not, and the page's own data."""

    def __init__(self) -> None:
        super().__init__()
        self.traced: list[Piece] = []
        self.loose: list[str] = []
        self.data: Any = None
        self._open: list[tuple[str, Piece | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            return
        found = {name: value or "" for name, value in attrs}
        piece = {**found, "text": ""} if "data-from" in found else None
        self._open.append((tag, piece))
        if piece is not None:
            self.traced.append(piece)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        tag, piece = self._open[-1]
        if tag == "script" and data.startswith("{"):
            self.data = json.loads(data)
        elif piece is not None:
            piece["text"] += data
        elif tag not in OPAQUE and data.strip():
            self.loose.append(data)


def page(result: dict[str, Any], baseline: dict[str, Any] | None = None) -> Reader:
    reader = Reader()
    reader.feed(html.document(result, baseline))
    reader.close()
    return reader


def judged_mirror() -> dict[str, Any]:
    result = mirror(seed=2, slower=1.1)
    wanted = [thresholds.parse("p99_age_ms>20"), thresholds.parse("answered_a_second<10")]
    return {**result, "thresholds": [one.as_dict() for one in thresholds.judge(result, wanted)]}


def at(tree: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        tree = tree[int(key)] if isinstance(tree, list) else tree[key]
    return tree


def answered(calls: dict[str, Any], column: list[float | None]) -> list[float]:
    return [value for value, outcome in zip(column, calls["outcome"], strict=True)
            if outcome == "ok" and value is not None]  # fmt: skip


def slow(calls: dict[str, Any], column: list[float]) -> list[float]:
    latency = answered(calls, calls["latency_ms"])
    limit = sorted(latency)[math.ceil(0.99 * len(latency)) - 1]
    return [value for value, took in zip(column, latency, strict=True) if took >= limit]


def worked_out(result: dict[str, Any], value: Any, how: str) -> float:
    """What the page says that a number is, by other means than the page's."""
    calls = result["details"].get("calls", {})
    if how.startswith(("mean", "p")):
        value = answered(calls, value)
    ranked = sorted(value) if how in ("p50", "p99") else []
    return {
        "held": lambda: sum(check["held"] for check in value),
        "count": lambda: len(value),
        "crossed": lambda: sum(one["crossed"] for one in value),
        "sum": lambda: sum(number or 0 for number in value),
        "above zero": lambda: sum(bool(number) for number in value),
        "frames": lambda: value * result["details"]["refresh_hz"] / 1000,
        "seconds": lambda: value / 1000,
        "mean": lambda: statistics.fmean(value),
        "mean of slowest 1 %": lambda: statistics.fmean(slow(calls, value)),
        "p50": lambda: ranked[math.ceil(0.5 * len(ranked)) - 1],
        "p99": lambda: ranked[math.ceil(0.99 * len(ranked)) - 1],
    }[how]()


def reads_as(text: str, value: float) -> bool:
    """Whether the text is the value, rounded to the digits that it shows and to three at least."""
    plain = text.replace(",", "").removesuffix(" %")
    scale = 100 if text.endswith("%") else 1
    if "e" in plain:
        return math.isclose(float(plain), value * scale, rel_tol=6e-4)
    decimals = len(plain.partition(".")[2])
    return abs(float(plain) - value * scale) <= 0.5001 * 10**-decimals


def texts_of(tree: Any) -> set[str]:
    if isinstance(tree, dict):
        return set().union(*(texts_of(one) for one in tree.values())) if tree else set()
    return {str(tree)}


def test_every_number_and_name_is_the_results() -> None:
    result, baseline = judged_mirror(), mirror()
    found = page(result, baseline)
    differences = compare(baseline, result).as_dict()["differences"]
    numbers = 0
    for piece in found.traced:
        source = piece["data-from"]
        if source == "key":
            assert piece["text"] in result["values"] or piece["text"].split(".")[-1] in {
                *result["environment"], *result["options"], *result["environment"]["packages"]
            }  # fmt: skip
            continue
        if source == "leaf":
            assert piece["text"] in texts_of(result["environment"]) | texts_of(result["options"])
            continue
        if source.startswith("comparison"):
            _, index, key = source.split()
            value = differences[int(index)][key]
        else:
            value = at(result, source)
        if isinstance(value, str) and "value" not in piece:
            assert piece["text"] == value.strip(), piece
            continue
        if "data-how" in piece:
            value = worked_out(result, value, piece["data-how"])
        assert float(piece["value"]) == pytest.approx(value or 0, rel=1e-9), piece
        assert reads_as(piece["text"], float(piece["value"])), piece
        numbers += 1
    assert numbers > 200
    stray = [text for text in found.loose if re.search(r"\d", LABELS.sub("", text)) and "comparison" not in text]
    assert stray == []


def test_what_the_script_draws_is_the_results() -> None:
    result = mirror()
    calls, drawn = result["details"]["calls"], page(result).data["calls"]
    assert drawn["count"] == 900 and drawn["n"] == calls["n"]
    for row in range(900):
        latency, missed = calls["latency_ms"][row], calls["missed"][row]
        assert drawn["latency"][row] == (None if latency is None else round(latency, 3))
        assert drawn["missed"][row] == (missed or 0)
        assert drawn["outcomes"][drawn["outcome"][row]] == calls["outcome"][row]
        for stage, times in drawn["stages"].items():
            time = calls[f"{stage}_ms"][row]
            assert times[row] == (None if time is None else round(time, 3))
    (curve,) = page(result).data["curves"]
    ranked = sorted(answered(calls, calls["latency_ms"]))
    for share, latency in curve["points"]:
        below = sum(value < latency for value in ranked)
        assert latency in ranked and below <= share * len(ranked) + 1e-3 < below + 2
    assert curve["points"][-1][1] == ranked[-2]


def test_the_waterfall_shows_the_slowest_and_the_stage_that_made_them_slow() -> None:
    result = mirror()
    found = page(result)
    pointers = [piece["data-from"] for piece in found.traced if "/calls/n/" in piece["data-from"]]
    rows = [int(pointer.rsplit("/", 1)[1]) for pointer in pointers]
    latency = result["details"]["calls"]["latency_ms"]
    assert rows == sorted(range(900), key=lambda row: -(latency[row] or 0))[:20]
    assert sum(row % EVERY == 0 for row in rows) >= 16
    slow_mean = next(piece for piece in found.traced if piece["data-from"].endswith("/encode_ms")
                     and piece.get("data-how") == "mean of slowest 1 %")  # fmt: skip
    assert float(slow_mean["value"]) > 18


def test_verdicts_are_words() -> None:
    text = html.document(judged_mirror())
    found = ("Targets missed", "Threshold crossed", "Does not hold ", "May be unstable", "CROSSED", "MISSED", "held")
    for words in found:
        assert words in text
    result = mirror()
    result["checks"] = result["checks"][1:]
    result["warnings"] = []
    result["details"]["holds"]["mirror"]["holds"] = True
    text = html.document(result)
    assert "Targets held" in text and "Holds " in text and "Does not" not in text
    assert "Targets missed" not in text and "Threshold crossed" not in text and "unstable" not in text


def test_a_long_run_is_thinned_and_nothing_bad_is_lost() -> None:
    result = mirror(count=60_000)
    calls = result["details"]["calls"]
    calls["missed"] = [0] * 60_000
    for n in (7, 30_001, 59_990):
        calls["missed"][n] = 3
    drawn = page(result).data["calls"]
    assert drawn["count"] == 60_000 and 10_000 < len(drawn["t"]) <= 12_000
    assert {7, 30_001, 59_990} <= {n for n, missed in zip(drawn["n"], drawn["missed"], strict=True) if missed}
    assert max(value for value in drawn["latency"] if value) == round(max(v for v in calls["latency_ms"] if v), 3)
    assert drawn["t"] == sorted(drawn["t"])


def test_results_without_calls_have_a_page_too() -> None:
    result = mirror()
    del result["details"]["calls"], result["details"]["refresh_hz"]
    found = page(result)
    assert found.data["calls"] is None and found.data["hz"] is None
    assert [curve["name"] for curve in found.data["curves"]] == ["age", "infer", "null target: age"]
    assert found.data["curves"][0]["points"][3] == [0.99, result["rows"][0]["summary"]["p99"]]
    assert not any(piece.get("data-how") == "frames" for piece in found.traced)


def test_names_from_anywhere_stay_text() -> None:
    evil = "</script><script>window.hacked = 1</script><img src=x onerror='hacked=1'>\"&"
    result = mirror()
    result["scenario"] = result["rows"][0]["name"] = evil
    result["values"][evil] = 1.0
    result["warnings"].append(evil)
    result["environment"]["cpu"] = evil
    result["details"]["calls"]["op"] = [evil[:100]] * 900
    text = html.document(result)
    assert text.count("<script") == 2 and "<img" not in text
    assert page(result).data["calls"]["ops"] == [evil[:100]]


def test_the_page_may_load_nothing() -> None:
    text = html.document(mirror())
    assert "default-src 'none'" in text and "unsafe" not in text
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:|//)""", text)


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, out = tmp_path / "a.json", tmp_path / "new" / "a.html"
    result.write_text(json.dumps(mirror()), encoding="utf-8")
    assert main(["html", str(result), str(out), "--baseline", str(result)]) == 0
    assert "cannot tell" in out.read_text(encoding="utf-8") and "a.html" in capsys.readouterr().out
    assert main(["html", str(result), str(out), "--check"]) == 3
    assert main(["html", str(tmp_path / "absent.json"), str(out)]) == 1
    assert "name a result" in capsys.readouterr().err


@pytest.mark.parametrize("hz", [0, 1e9, "90", -1])
def test_an_unlikely_display_is_refused(hz: Any) -> None:
    result = mirror(count=100)
    result["details"]["refresh_hz"] = hz
    with pytest.raises(NotAResult):
        html.document(result)

