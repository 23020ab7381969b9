"""The record of calls, what a wearer saw, and what a report makes of it: all from made-up times, no clock."""

from __future__ import annotations

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from benchmarks.scenario import verdict
from benchmarks.scenario.display import at_refreshes
from benchmarks.scenario.findings import findings, period
from benchmarks.scenario.histogram import Histogram
from benchmarks.scenario.record import CANCELLED, SUPERSEDED, Calls, Record, calls_of
from benchmarks.stats import Summary, summarise
from sidecar.wire.messages import Timing

HZ = 100.0
STAGES = ("send_ms", "network_ms", "queue_ms", "decode_ms", "infer_ms", "encode_ms", "receive_ms")


def counted(record: Record, *, ops: tuple[str, ...] = ("tryon.stream",), start_s: float = 0.0) -> Calls:
    names = [f"s{number}" for number in range(len(ops))]
    frames = [op == "tryon.stream" for op in ops]
    return calls_of(record, names=names, ops=ops, frames=frames, start_s=start_s, refresh_hz=HZ)


def answer(record: Record, n: int, at_s: float, latency_ms: float, *, encode_ms: float = 1.0, stream: int = 0) -> None:
    """Sent 1 ms late, 2 in the queue, 3 to decode, the rest but receive's 0.5 on the way."""
    row = record.begin(stream, n, at_s)
    record.sent_s[row] = at_s + 0.001
    timing = Timing(queue_ms=2.0, decode_ms=3.0, infer_ms=0.0, encode_ms=encode_ms, total_ms=6.0)
    record.answered(row, at_s + latency_ms / 1000, timing, 0.5)


def test_the_stages_of_an_answer_add_up_to_its_latency() -> None:
    record = Record()
    answer(record, 0, 0.0, 20.0)
    columns = counted(record).columns()
    stages = [columns[name][0] for name in STAGES]
    assert stages == pytest.approx([1.0, 12.5, 2.0, 3.0, 0.0, 1.0, 0.5])
    assert sum(stages) == pytest.approx(columns["latency_ms"][0]) == pytest.approx(20.0)


def test_what_has_no_answer_has_no_stages_and_no_invented_latency() -> None:
    record = Record()
    for n, outcome in enumerate((SUPERSEDED, "deadline", CANCELLED)):
        row = record.begin(0, n, n / HZ)
        record.sent_s[row] = n / HZ
        record.ended(row, outcome, float("nan") if outcome == SUPERSEDED else n / HZ + 0.004)
    record.begin(0, 3, 3 / HZ)  # never written, never answered
    columns = counted(record).columns()
    assert columns["outcome"] == [SUPERSEDED, "deadline", CANCELLED, "unanswered"]
    assert columns["latency_ms"] == [None, pytest.approx(4.0), pytest.approx(4.0), None]
    assert columns["send_ms"] == [0.0, 0.0, 0.0, None]
    assert all(columns[name] == [None] * 4 for name in STAGES[1:])


def test_missed_refreshes_of_superseded_frames_count_until_a_newer_one_came() -> None:
    record = Record()
    answer(record, 0, 0.000, 9.0)  # within one refresh
    for n in (1, 2):
        record.ended(record.begin(0, n, n / HZ), SUPERSEDED)
    answer(record, 3, 0.030, 15.0)  # there at 45 ms
    record.ended(record.begin(0, 4, 0.040), "unavailable", 0.041)  # nothing newer ever came
    assert counted(record).columns()["missed"] == [0, 3, 2, 1, None]


def test_calls_miss_no_refreshes_and_streams_do_not_mix() -> None:
    record = Record()
    answer(record, 0, 0.0, 500.0, stream=1)
    record.ended(record.begin(0, 0, 0.0), SUPERSEDED)
    answer(record, 1, 0.01, 95.0)
    columns = counted(record, ops=("tryon.stream", "tryon.still")).columns()
    assert dict(zip(zip(columns["stream"], columns["n"], strict=True), columns["missed"], strict=True)) == {
        ("s1", 0): 0, ("s0", 0): 10, ("s0", 1): 9,
    }  # fmt: skip


def test_the_warm_up_is_apart() -> None:
    record = Record()
    for n in range(10):
        answer(record, n, n / HZ, 5.0)
    found = counted(record, start_s=0.04)
    assert found.columns()["n"] == [4, 5, 6, 7, 8, 9]
    assert found.columns()["t_ms"][0] == pytest.approx(0.0)


def test_a_file_keeps_the_slowest_and_an_even_sample_of_the_rest() -> None:
    record = Record()
    random = np.random.default_rng(1)
    for n, latency in enumerate(random.uniform(1.0, 2.0, 2000).tolist()):
        answer(record, n, n / HZ, 800.0 if n % 400 == 7 else latency)
    found = counted(record)
    kept = found.kept(most=200, slowest=20)
    assert len(kept) == 200 == len(set(kept.tolist()))
    assert set(range(7, 2000, 400)) <= set(kept.tolist())
    assert np.all(np.diff(kept) > 0)
    assert np.diff(kept).max() < 25  # no part of the run is left out
    assert len(found.kept()) == 2000


def test_a_histogram_agrees_with_exact_quantiles_and_with_the_format() -> None:
    samples = np.random.default_rng(2).lognormal(1.0, 1.0, 20_000)
    histogram, exact = Histogram(samples), summarise(samples)
    found = histogram.summary()
    for name in ("p50", "p90", "p95", "p99"):
        assert getattr(found, name) == pytest.approx(getattr(exact, name), rel=2e-3)
    assert found.p999 == pytest.approx(float(np.quantile(samples, 0.999)), rel=0.02)
    assert (found.max, found.mean, found.count) == (exact.max, pytest.approx(exact.mean), exact.count)
    assert found.as_dict()["p99.9"] == found.p999
    assert "p99.9" not in exact.as_dict()
    decoded = HdrHistogram.decode(histogram.encoded())
    assert decoded.get_total_count() == 20_000
    assert decoded.get_value_at_percentile(50.0) / 1000 == pytest.approx(exact.p50, rel=2e-3)
    with pytest.raises(ValueError):
        Histogram([])


def test_at_every_refresh_the_newest_picture_counts() -> None:
    captured = np.array([0.0, 10.0, 20.0, 60.0])
    found = at_refreshes(captured, captured + 5.0, until_ms=80.0, refresh_hz=HZ)
    assert found is not None
    assert found.ages_ms.tolist() == [10.0, 10.0, 10.0, 20.0, 30.0, 40.0, 10.0]
    assert (found.refreshes, found.stale) == (7, 3)
    assert at_refreshes(np.zeros(0), np.zeros(0), until_ms=80.0, refresh_hz=HZ) is None


def test_a_stall_that_drops_frames_still_shows_at_every_refresh() -> None:
    """A latest-wins server answers one late frame after a second of silence; its age alone would hide that second."""
    captured = np.concatenate([np.arange(0, 1000, 10.0), np.arange(2000, 3000, 10.0)])
    found = at_refreshes(captured, captured + 4.0, until_ms=3000.0, refresh_hz=HZ)
    assert found is not None
    assert found.ages_ms.max() == pytest.approx(1010.0)
    assert found.stale == 100
    held = verdict.held([found], Histogram(found.ages_ms).summary(), HZ)
    assert not held.holds
    assert "does not hold 100 Hz: 100 of 299 refreshes" in held.text("mirror")


def slow_encodes(every: int, count: int = 600) -> Calls:
    record = Record()
    random = np.random.default_rng(3)
    for n in range(count):
        more = 20.0 if n % every == 0 else 0.0
        answer(record, n, n / HZ, 12.0 + more + random.uniform(0, 0.5), encode_ms=1.0 + more)
    return counted(record)


def test_the_finding_names_stage_frames_and_period() -> None:
    found = findings(slow_encodes(50))
    assert [(one.stage, one.every, one.count) for one in found] == [("encode", 50, 12)]
    assert found[0].numbers == list(range(0, 600, 50))
    assert found[0].excess_ms == pytest.approx(20.0)
    assert "encode took 20.0 ms longer than usual in 12 frames, every 50th" in found[0].text


def test_a_calm_run_has_no_findings_and_a_slow_mode_is_none() -> None:
    assert findings(slow_encodes(2)) == []  # every second frame: that is how long encode takes
    record = Record()
    for n in range(600):
        answer(record, n, n / HZ, 12.0 + n % 3)
    assert findings(counted(record)) == []


@pytest.mark.parametrize(
    ("numbers", "every"),
    [
        (list(range(0, 500, 50)), 50),
        ([50, 100, 200, 250, 300, 450], 50),  # some frames of the comb were superseded
        ([*range(0, 500, 50), 333], 50),
        ([3, 17, 42, 99, 150, 171], None),
        ([0, 50, 100], None),
        ([1, 2, 3, 4, 5, 6], None),
    ],
)
def test_periods(numbers: list[int], every: int | None) -> None:
    assert period(sorted(numbers)) == every


def test_silence_is_found_where_something_was_outstanding_only() -> None:
    record = Record()
    for n in range(300):  # one second of silence: what came in it is answered after it
        at_s = n / HZ
        answer(record, n, at_s, 5.0 if not 1.0 <= at_s < 2.0 else 1000 * (2.0 - at_s) + 5.0)
    silent = [one for one in findings(counted(record)) if one.stage == "no answer"]
    assert len(silent) == 1
    assert silent[0].excess_ms == pytest.approx(1000.0, abs=20)
    assert silent[0].numbers[0] == 100
    bursts = Record()
    for n in range(96):  # 16 at once, twice a second: between them nothing is due
        answer(bursts, n, (n // 16) * 0.5, 3.0 + n % 16)
    assert findings(counted(bursts)) == []


def even(p50: float, count: int = 2000) -> Summary:
    return Summary(count=count, mean=p50, p50=p50, p90=p50, p95=p50, p99=2 * p50, max=3 * p50)


def test_doubts_have_reasons() -> None:
    assert verdict.unsteady("age", even(10.0), [even(10.0), even(10.2), even(9.9)]) == []
    assert "spread by" in verdict.unsteady("age", even(10.0), [even(10.0), even(15.0), even(20.0)])[0]
    assert "too few for a p99" in verdict.unsteady("age", even(10.0, 500), [])[0]
    assert "only 3" in verdict.unsteady("age", even(10.0, 3), [])[0]
    assert verdict.sent_late("a", np.array([0.1] * 100)) == []
    assert "10.0 % were sent more than 2 ms late" in verdict.sent_late("a", np.array([0.1] * 90 + [5.0] * 10))[0]
    assert verdict.drifted("null", even(1.0), even(1.05)) == []
    assert "1.00 ms before the run and 2.00 ms after" in verdict.drifted("null", even(1.0), even(2.0))[0]


def test_equal_parts_of_a_run() -> None:
    t_ms = np.arange(0, 1000, 10.0)
    assert [len(part) for part in verdict.slices(t_ms, t_ms, 1000.0)] == [20] * 5
    assert len(verdict.slices(t_ms[:25], t_ms[:25], 1000.0)) == 2
