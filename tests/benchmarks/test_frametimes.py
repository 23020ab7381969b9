"""Recordings of other tools: read by their headers, refused with a reason, compared and lined up."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.frametimes import formats, impact, table
from benchmarks.frametimes.align import align, busy_of
from benchmarks.frametimes.capture import Capture, Choices, missed_refreshes, parse_zone, unix_time
from benchmarks.frametimes.impact import figures
from benchmarks.latency_file import Unreadable
from benchmarks.reports import source

V1 = (
    "Application,ProcessID,SwapChainAddress,Runtime,SyncInterval,PresentFlags,Dropped,TimeInSeconds,msInPresentAPI,"
    "msBetweenPresents,AllowsTearing,PresentMode,msUntilRenderComplete,msUntilDisplayed,msBetweenDisplayChange,"
    "msUntilRenderStart,msGPUActive"
)
V2 = (
    "Application,ProcessID,SwapChainAddress,PresentRuntime,SyncInterval,PresentFlags,AllowsTearing,PresentMode,"
    "CPUStartTime,FrameTime,CPUBusy,CPUWait,GPULatency,GPUTime,GPUBusy,GPUWait,DisplayLatency,DisplayedTime,"
    "AnimationError,ClickToPhotonLatency"
)
V24 = "Application,ProcessID,SwapChainAddress,TimeInMs,MsBetweenPresents,MsBetweenDisplayChange,MsGPUBusy"
STEAM = (
    "FrameIndex,NumFramePresents,NumMisPresented,NumDroppedFrames,ReprojectionFlags,SystemTimeInSeconds,PreSubmitGpuMs,"
    "PostSubmitGpuMs,TotalRenderGpuMs,CompositorRenderGpuMs,CompositorRenderCpuMs,CompositorIdleCpuMs,"
    "ClientFrameIntervalMs"
)
OVR = "Time Stamp,available_memory_MB,average_frame_rate,display_refresh_rate,screen_tear_count,early_frame_count"
OVR += ",stale_frame_count,app_gpu_time_microseconds"
ANY = Choices()
UTC = Choices(utc_offset=timezone.utc)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str, name: str = "game.csv", end: str = "\n", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes((end.join(lines) + end).encode(encoding))
        return path

    return write


def v1_row(time: object, ms: float, *, dropped: int = 0, app: str = "game.exe", gpu: float = 4.0) -> str:
    shown = 0 if dropped else ms
    return f"{app},7,0x01,DXGI,1,0,{dropped},{time},0.1,{ms},0,Hardware: Legacy Flip,3,5,{shown},1,{gpu}"


def v2_row(time: object, ms: float, *, shown: object = None) -> str:
    return f"game.exe,7,0x01,DXGI,1,0,0,Flip,{time},{ms},8,2,1,5,4.5,2,16,{ms if shown is None else shown},0.1,NA"


# -- every tool's own form ---------------------------------------------------------------------------------------


def test_presentmon_1(write: Callable[..., Path]) -> None:
    rows = [v1_row(0.0, 11.1), v1_row(0.0111, 11.1), v1_row(0.0333, 22.2), v1_row(0.0444, 11.1, dropped=1)]
    found = formats.read(write(V1, *rows), ANY)
    assert (found.tool, found.refresh_hz, found.process) == ("PresentMon 1.x", 90, "game.exe")
    assert found.frame_ms.tolist() == [11.1, 11.1, 22.2, 11.1] and found.at_s.tolist() == [0, 0.0111, 0.0333, 0.0444]
    assert found.missed.tolist() == [0, 0, 1, 0]
    assert found.values == {"presents that were never shown": 1}
    assert found.gpu_ms is not None and found.gpu_ms.tolist() == [4.0] * 4 and found.start_unix_s is None


def test_presentmon_2_counts_in_milliseconds(write: Callable[..., Path]) -> None:
    rows = [v2_row(100.0, 16.6), v2_row(116.6, 16.6, shown="NA"), v2_row(133.2, 16.6, shown=50.0)]
    found = formats.read(write(V2, *rows), ANY)
    assert (found.tool, found.refresh_hz) == ("PresentMon 2.x", 60)
    assert found.at_s == pytest.approx([0, 0.0166, 0.0332])
    assert found.missed.tolist() == [0, 0, 2] and found.values == {"presents that were never shown": 1}


def test_presentmon_2_4_has_other_names(write: Callable[..., Path]) -> None:
    found = formats.read(write(V24, "g.exe,1,0x1,0,8.33,8.33,3", "g.exe,1,0x1,8.33,8.33,8.33,3"), ANY)
    assert found.refresh_hz == 120 and found.at_s == pytest.approx([0, 0.00833])


@pytest.mark.parametrize("header", [V1.replace("TimeInSeconds", "TimeInDateTime"), V1])
def test_presentmons_dates_are_local_times(write: Callable[..., Path], header: str) -> None:
    rows = [v1_row("2026-1-5 8:07:43.386354900", 11.1), v1_row("2026-1-5 8:07:43.397454900", 11.1)]
    found = formats.read(write(header, *rows), Choices(utc_offset=parse_zone("+08:00")))
    expected = datetime(2026, 1, 5, 0, 7, 43, tzinfo=timezone.utc).timestamp() + 0.3863549
    assert found.start_unix_s == pytest.approx(expected, abs=1e-6)
    assert found.at_s == pytest.approx([0, 0.0111], abs=1e-6)


def test_presentmons_performance_counter_is_not_needed(write: Callable[..., Path]) -> None:
    header = V24.replace("TimeInMs", "TimeInQPC")
    found = formats.read(write(header, "g.exe,1,0x1,893880050209,10,10,3", "g.exe,1,0x1,893880150209,10,10,3"), ANY)
    assert found.at_s.tolist() == [0, 0.01] and any("added up" in note for note in found.notes)


def test_the_program_with_most_frames_is_the_game(write: Callable[..., Path]) -> None:
    lines = [v1_row(0, 16.6, app="dwm.exe")] + [v1_row(n / 90, 11.1) for n in range(3)]
    path = write(V1, *lines, v1_row(0.0166, 16.6, app="dwm.exe"))
    found = formats.read(path, ANY)
    assert found.frame_ms.size == 3 and any("not of dwm.exe" in note for note in found.notes)
    assert formats.read(path, Choices(process="DWM.exe")).frame_ms.tolist() == [16.6, 16.6]
    with pytest.raises(Unreadable, match=r"no frames of other.exe; it has those of dwm.exe, game.exe"):
        formats.read(path, Choices(process="other.exe"))


def test_steamvr_with_the_refreshes_that_it_filled(write: Callable[..., Path]) -> None:
    """The first lines are of a real export: every second refresh had no frame of the game."""
    lines = [
        "38903,1,0,0,12,0.000000,0.000000,0.000000,0.824352,0.824352,0.465700,0.000000,0.000000",
        "38904,1,1,0,92,418.004173,16.392256,0.016320,17.613823,1.205248,0.690900,0.000000,7.780800",
        "38905,1,0,0,12,0.000000,0.000000,0.000000,0.823296,0.823296,0.504900,0.000000,0.000000",
        "38906,1,1,0,92,418.026278,16.729279,0.018304,17.944639,1.197056,0.858200,0.000000,7.895000",
        "38907,1,0,0,12,418.037400,9.0,0.0,9.5,1.2,0.8,0.0,7.9",
        "38909,2,0,1,12,418.059600,9.0,0.0,9.5,1.2,0.8,0.0,7.9",
    ]
    found = formats.read(write(STEAM, *lines), ANY)
    assert found.tool == "SteamVR" and found.refresh_hz == pytest.approx(90, abs=0.6)
    assert found.frame_ms == pytest.approx([22.105, 11.122, 22.2]) and found.missed.tolist() == [1, 0, 1]
    assert found.values["refreshes dropped, as SteamVR counts"] == 1
    assert found.gpu_ms is not None and found.gpu_ms.tolist() == [17.944639, 9.5, 9.5]
    named = STEAM.replace("FrameIndex", "m_nFrameIndex").replace("SystemTime", "m_flSystemTime")
    again = formats.read(write(named.replace("NumDropped", "m_nNumDropped"), *lines), ANY)
    assert again.frame_ms.tolist() == found.frame_ms.tolist()


def test_ovr_metrics_has_a_row_a_second(write: Callable[..., Path]) -> None:
    lines = ["1000,2900,0,72,0,0,0,0", "2000,2900,72,72,0,3,0,9000", "3000,2900,66,72,0,3,6,9500"]
    found = formats.read(write(OVR, *lines, "4000,2900,71.9,72,0,0,1,9500"), ANY)
    assert found.averaged and found.refresh_hz == 72 and found.seconds == 3
    assert found.missed.tolist() == [0, 6, 1] and found.frame_ms[1] == pytest.approx(1000 / 66)
    assert any("averages of a second" in note for note in found.notes) and any("1 seconds" in n for n in found.notes)


def test_unitys_latency_sample(tmp_path: Path) -> None:
    rows = [{"name": "frame interval", "unit": "ms", "samples": [11.1, 22.2, 11.1]}]
    rows.append({"name": "small call", "unit": "ms", "samples": [1.0]})
    document = {"scenario": "unity-latency", "environment": {"refresh_hz": 90}, "rows": rows}
    path = tmp_path / "vitrine-latency.json"
    path.write_text(json.dumps(document))
    found = formats.read(path, ANY)
    assert found.missed.tolist() == [0, 1, 0] and found.refresh_hz == 90 and found.start_unix_s is None
    path.write_text(json.dumps({**document, "rows": rows[1:]}))
    with pytest.raises(Unreadable, match="no row 'frame interval' in ms; it has small call"):
        formats.read(path, ANY)


# -- forms of files ----------------------------------------------------------------------------------------------


def frames_of(path: Path) -> list[float]:
    return list(formats.read(path, ANY).frame_ms)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(write: Callable[..., Path], encoding: str, end: str) -> None:
    rows = [v1_row(0, 11.1), v1_row(0.0111, 11.2)]
    assert frames_of(write(V1, *rows, end=end, encoding=encoding)) == [11.1, 11.2]


def test_decimal_commas_and_semicolons(write: Callable[..., Path]) -> None:
    rows = ["g.exe;1;0x1;0,0;11,1;11,1;3,5", "g.exe;1;0x1;11,1;11,2;11,2;3,5"]
    assert frames_of(write(V24.replace(",", ";"), *rows)) == [11.1, 11.2]


def test_tabs(write: Callable[..., Path]) -> None:
    rows = ["g.exe\t1\t0x1\t0\t11.1\t11.1\t3", "g.exe\t1\t0x1\t11.1\t11.2\t11.2\t3"]
    assert frames_of(write(V24.replace(",", "\t"), *rows)) == [11.1, 11.2]


def test_comments_before_the_header_and_spaces_in_it(write: Callable[..., Path]) -> None:
    header = V24.replace(",", " , ").upper()
    rows = ["g.exe,1,0x1,0,11.1,11.1,3", "", "g.exe,1,0x1,11.1,11.2,11.2,3"]
    assert frames_of(write("//GameName=shop.exe", "//RecordTime=25", header, *rows)) == [11.1, 11.2]


def test_a_last_line_that_is_cut_off_is_left_out(write: Callable[..., Path]) -> None:
    path = write(V1, v1_row(0, 11.1), v1_row(0.0111, 11.2), v1_row(0.0222, 11.3))
    path.write_bytes(path.read_bytes()[:-60])
    found = formats.read(path, ANY)
    assert found.frame_ms.tolist() == [11.1, 11.2] and any("cut off" in note for note in found.notes)


def test_cells_that_are_no_numbers_are_no_frames(write: Callable[..., Path]) -> None:
    rows = [v1_row(n / 90, ms) for n, ms in enumerate([11.1, -3, 11.2, 1e9, float("nan"), float("inf"), 11.3])]  # type: ignore[list-item]
    assert frames_of(write(V1, *rows)) == [11.1, 11.2, 11.3]


# -- files that cannot be used -----------------------------------------------------------------------------------

ROW = v1_row(0, 11.1)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "no header line"),
        (["", "", ""], "no header line"),
        (["//a"] * 100, "no header line"),
        (["a,b,c", "1,2,3"], "of no tool that is known: a, b, c. Known are SteamVR.*OVR Metrics.*PresentMon"),
        ([",".join(f"c{n}" for n in range(20))], "c13 and 6 more"),
        (["[bold]x[/nonsense],\x1b[31m"], "bold"),
        (["1,2", "3,4"], "of no tool"),
        ([V1], "no rows"),
        ([V1, ROW], "fewer than two frames"),
        ([V1, *["game.exe,7,0x01"] * 20, ROW, ROW, ROW], "20 of 23 rows have too few columns"),
        ([V1, v1_row(0, 27.3), v1_row(0.0273, 27.3)], "no usual display's rate; say it with --refresh-hz"),
        ([STEAM, "1,1,0,0,0,0.0,0,0,0,0,0,0,0"], "fewer than three frames"),
        ([OVR, "1000,1,0,72,0,0,0,0"], "fewer than two seconds"),
        ([OVR, "2000,1,72,72,0,0,0,9", "1000,1,72,72,0,0,0,9"], "does not rise"),
        (["x" * 70_000], "a line of more than 64 KiB"),
        ([V1, "g" * 70_000], "a line of more than 64 KiB"),
        ([",".join(["c"] * 1500)], "more than 1000 columns"),
    ],
)
def test_what_cannot_be_used_says_why(write: Callable[..., Path], lines: list[str], says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        formats.read(write(*lines), ANY)


def test_a_huge_file_is_refused_unread(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(V1, ROW, ROW)
    monkeypatch.setattr(table, "LIMIT_BYTES", 50)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(Unreadable, match="larger than"):
        table.Table(path)


@pytest.mark.parametrize(
    "data", [b"\x7fELF\0\0", b"\x89PNG\r\n\x1a\n\0", V1.encode() + b"\n\xff\xfe\xfd,", b"\xff\xfe"]
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "game.csv"
    path.write_bytes(data)
    with pytest.raises(Unreadable):
        formats.read(path, ANY)


@pytest.mark.parametrize("name", ["none.csv", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreadable, match="not a file"):
        formats.read(tmp_path / name, ANY)


def test_more_programs_than_anybody_runs(write: Callable[..., Path]) -> None:
    with pytest.raises(Unreadable, match="more than 1000 programs"):
        formats.read(write(V1, *(v1_row(n, 11.1, app=f"{n}.exe") for n in range(1002))), ANY)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_files_never_end_in_anything_else(write: Callable[..., Path], seed: int) -> None:
    random.seed(seed)
    header = random.choice([V1, V2, V24, STEAM, OVR])
    cells = ["1", "2", "NA", "-5", "1e9", "x", '"']
    path = write(header, *(",".join(random.choice(cells) for _ in range(20)) for _ in range(30)))
    data = bytearray(path.read_bytes())
    for _ in range(seed):
        data[random.randrange(len(data))] = random.randrange(256)
    path.write_bytes(data)
    try:
        found = formats.read(path, ANY)
    except Unreadable:
        return
    assert found.frame_ms.size >= 2 and np.isfinite(found.frame_ms).all() and np.isfinite(found.at_s).all()


# -- times -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05T08:07:43Z", 0.0),
        ("2026-1-5 8:07:43", 0.0),
        ("2026-01-05T10:07:43+02:00", 0.0),
        ("2026-01-05T03:37:43.5-0430", 0.5),
        ("2026-13-05 08:07:43", None),
        ("418.004", None),
        ("", None),
        ("2026-01-05 08:07:43; DROP TABLE", None),
    ],
)
def test_dates(text: str, expected: float | None) -> None:
    zero = datetime(2026, 1, 5, 8, 7, 43, tzinfo=timezone.utc).timestamp()
    found = unix_time(text, timezone.utc)
    assert found == (None if expected is None else zero + expected)


def test_zones() -> None:
    assert parse_zone("-03:30").utcoffset(None) == -timedelta(hours=3, minutes=30)
    for text in ("", "8", "+25:00", "+08:99", "CET", "+8:0"):
        with pytest.raises(ValueError, match=r"\+08:00"):
            parse_zone(text)


def test_missed_refreshes_allow_for_jitter() -> None:
    assert missed_refreshes(np.array([0.0, 5.0, 11.1, 14.0, 22.0, 33.5]), 90).tolist() == [0, 0, 0, 0, 1, 2]


# -- AI on against AI off ----------------------------------------------------------------------------------------


def capture(frame_ms: Sequence[float], **more: Any) -> Capture:
    times = np.array(frame_ms)
    at_s = (np.cumsum(times) - times[0]) / 1000
    return Capture("test", at_s, times, missed_refreshes(times, 90), 90, **more)


def played(seed: int, *, seconds: float = 60, more_ms: float = 0.0, late: float = 0.002) -> Capture:
    """A game at 90 Hz: some frames take two refreshes, seconds with a bad mood take more of them."""
    random = np.random.default_rng(seed)
    count = int(seconds * 90)
    mood = np.repeat(random.gamma(1.0, 1.0, count // 90 + 1), 90)[:count]
    doubled = random.random(count) < late * mood
    return capture(np.where(doubled, 22.2, 11.1) + more_ms + random.normal(0, 0.15, count))


def test_figures_are_exact_and_their_intervals_hold_them() -> None:
    on, off = played(1, more_ms=0.3, late=0.01), played(2)
    by_name = {figure.name: figure for figure in figures(on, off)}
    assert by_name["frame time, mean"].on == pytest.approx(on.frame_ms.mean())
    assert by_name["missed frames a minute"].on == pytest.approx(60 * on.missed.sum() / on.seconds)
    slowest = np.sort(on.frame_ms)[-round(0.01 * on.frame_ms.size) :]
    assert by_name["1 % low"].on == pytest.approx(1000 / slowest.mean())
    for figure in by_name.values():
        assert figure.low is not None and figure.high is not None and figure.low <= figure.delta <= figure.high, figure
    assert by_name["frame time, mean"].sure and by_name["frame time, mean"].delta > 0.25
    assert by_name["missed frames a minute"].sure and by_name["1 % low"].delta < 0


def test_the_same_game_twice_cannot_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 such pairs 3.5 to 7 % see a difference, by figure; of 40 three times as many would be no accident."""
    monkeypatch.setattr(impact, "DRAWS", 500)
    wrong = Counter(one.name for seed in range(40) for one in figures(played(seed), played(5000 + seed)) if one.sure)
    assert max(wrong.values(), default=0) <= 6, f"of 40 pairs of equal recordings differ: {dict(wrong)}"


def test_a_small_cost_is_found_every_time() -> None:
    for seed in range(10):
        found = {f.name: f for f in figures(played(seed, more_ms=0.2), played(100 + seed))}
        assert found["frame time, p50"].sure and found["frame time, p50"].delta == pytest.approx(0.2, abs=0.05)


def test_a_recording_of_seconds_is_too_short_to_be_sure_of() -> None:
    assert all(figure.low is None and not figure.sure for figure in figures(played(1, seconds=3), played(2)))


def test_averages_have_no_single_frames() -> None:
    rows = capture([13.9] * 60, averaged=True)
    rows.at_s = np.arange(60.0)
    names = [figure.name for figure in figures(rows, rows)]
    assert names == ["frame time, mean", "missed frames a minute", "frames a second"]


# -- lined up with a result --------------------------------------------------------------------------------------

START_UNIX_S = 1_800_000_000.0


def result(*, seconds: float = 60, busy: bool = False, start: float | None = START_UNIX_S) -> dict[str, Any]:
    """Stills of 100 ms, in bursts at random times, or back to back."""
    random = np.random.default_rng(5)
    times = np.arange(0, 1000 * seconds, 100) if busy else np.sort(random.uniform(0, 1000 * seconds, int(2 * seconds)))
    count = len(times)
    calls: dict[str, Any] = {"t_ms": times.tolist(), "stream": ["a"] * count, "op": ["tryon.still"] * count}
    calls |= {"outcome": ["ok"] * count, "latency_ms": [105.0] * count, "missed": [0] * count}
    calls |= {"decode_ms": [2.0] * count, "infer_ms": [95.0] * count, "encode_ms": [3.0] * count}
    clock = {} if start is None else {"clock": {"start_unix_s": start}}
    plain: dict[str, Any] = {"environment": {}, "options": {}, "rows": [], "checks": [], "values": {}, "warnings": []}
    return {"schema": 1, "scenario": "run", **plain, "details": {"calls": calls, **clock}}


def disturbed(document: dict[str, Any], *, offset_s: float, seconds: float = 80, share: float = 0.25) -> Capture:
    """A game that misses frames while the sidecar works, from `offset_s` after the result's start."""
    busy = busy_of(source.typed(document))
    random = np.random.default_rng(6)
    now, times = offset_s, []
    while now < offset_s + seconds:
        working = bool(((busy.begin_s <= now) & (now <= busy.end_s)).any())
        took = 22.2 if random.random() < (share if working else 0.001) else 11.1
        times.append(took + random.normal(0, 0.1))
        now += times[-1] / 1000
    return capture(times)


def test_the_time_of_day_lines_up_and_the_late_frames_confirm_it() -> None:
    document = result()
    game = disturbed(document, offset_s=-10)
    game.start_unix_s = START_UNIX_S - 10
    found = align(game, busy_of(source.typed(document)), offset_s=None)
    assert found.offset_s == -10 and found.by == "the time of day" and "sure within 0.2 s" in found.text
    assert found.shift_s is not None and abs(found.shift_s) <= 0.15 and found.chance is not None and found.chance < 0.01


def test_clocks_that_differ_are_found_out() -> None:
    document = result()
    game = disturbed(document, offset_s=-10)
    game.start_unix_s = START_UNIX_S - 12.5
    found = align(game, busy_of(source.typed(document)), offset_s=None)
    assert found.shift_s == pytest.approx(2.5, abs=0.1) and "clocks may differ; try --offset -10" in found.text


def test_without_a_time_of_day_the_late_frames_find_the_place() -> None:
    document = result()
    found = align(disturbed(document, offset_s=-7.3), busy_of(source.typed(document)), offset_s=None)
    assert found.by == "late frames" and found.offset_s == pytest.approx(-7.3, abs=0.1)


def test_an_undisturbed_game_confirms_nothing() -> None:
    document = result()
    game = disturbed(document, offset_s=-10, share=0.001)
    found = align(game, busy_of(source.typed(document)), offset_s=-10.0)
    assert found.shift_s is None and "cannot confirm" in found.text
    with pytest.raises(Unreadable, match=r"no time of day; say where .* with --offset .* cannot be found"):
        align(game, busy_of(source.typed(document)), offset_s=None)


def test_a_sidecar_that_is_always_busy_confirms_nothing() -> None:
    document = result(busy=True)
    game = disturbed(document, offset_s=-10)
    found = align(game, busy_of(source.typed(document)), offset_s=-10.0)
    assert found.chance is None and "busy all the time" in found.text and found.busy_share > 0.95


@pytest.mark.parametrize(
    ("apart", "says"), [(8 * 3600, r"time zone, \+8 h away: say --utc-offset"), (5000, r"say where it lies with --of")]
)
def test_recordings_of_different_times_are_refused(apart: float, says: str) -> None:
    document = result()
    game = disturbed(document, offset_s=-10)
    game.start_unix_s = START_UNIX_S + apart
    with pytest.raises(Unreadable, match=says):
        align(game, busy_of(source.typed(document)), offset_s=None)


def test_a_result_without_calls_cannot_be_lined_up() -> None:
    document = result()
    document["details"] = {}
    with pytest.raises(Unreadable, match="answered calls"):
        busy_of(source.typed(document))


# -- the command -------------------------------------------------------------------------------------------------


def as_csv(path: Path, game: Capture, *, start_unix_s: float | None = None) -> Path:
    lines = [V1]
    for at_s, ms in zip(game.at_s.tolist(), game.frame_ms.tolist(), strict=True):
        when: object = round(at_s, 6)
        if start_unix_s is not None:
            date = datetime.fromtimestamp(start_unix_s, timezone.utc) + timedelta(seconds=at_s)
            when = f"{date.year}-{date.month}-{date.day} {date.hour}:{date:%M:%S.%f}000"
        lines.append(v1_row(when, round(ms, 4)))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_on_and_off_of_two_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on, off = as_csv(tmp_path / "on.csv", played(1, late=0.02)), as_csv(tmp_path / "off.csv", played(2))
    words = ["frametimes", str(on), "--against", str(off), "--json", str(tmp_path / "out.json"), "--check"]
    assert main([*words, "--most-ms", "1"]) == 0
    shown = capsys.readouterr().out
    assert "what AI costs the game" in shown and "missed frames a minute" in shown
    assert main([*words, "--most-missed", "1"]) == 3
    document = json.loads((tmp_path / "out.json").read_text())
    source.typed(document)
    figure = next(one for one in document["details"]["figures"] if one["name"] == "missed frames a minute")
    assert figure["sure"] and figure["delta"] == pytest.approx(figure["on"] - figure["off"])
    assert document["values"]["missed frames a minute, on less off"] == pytest.approx(figure["delta"])


def test_a_game_that_runs_better_with_ai_is_not_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worse, better = as_csv(tmp_path / "w.csv", played(1, late=0.02)), as_csv(tmp_path / "b.csv", played(2))
    assert main(["frametimes", str(better), "--against", str(worse)]) == 0
    assert "something else was different" in " ".join(capsys.readouterr().out.split())
    assert main(["frametimes", str(worse), "--against", str(better)]) == 0
    assert "something else was different" not in " ".join(capsys.readouterr().out.split())


def test_one_recording_with_the_result_of_its_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = result()
    game = as_csv(tmp_path / "game.csv", disturbed(document, offset_s=-15, seconds=90), start_unix_s=START_UNIX_S - 15)
    (tmp_path / "result.json").write_text(json.dumps(document))
    words = ["frametimes", str(game), "--with", str(tmp_path / "result.json"), "--utc-offset", "Z"]
    assert main([*words, "--json", str(tmp_path / "out.json")]) == 0
    assert "sure within 0.2 s" in capsys.readouterr().out.replace("\n", " ")
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["details"]["alignment"]["offset_s"] == pytest.approx(-15)
    assert found["values"]["seconds, AI on"] == pytest.approx(60, abs=1)
    assert found["values"]["seconds, AI off"] == pytest.approx(28, abs=1)
    assert found["values"]["missed frames a minute, on less off"] > 50


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["@strange.csv"], "of no tool that is known"),
        (["@none.csv"], "not a file"),
        (["@on.csv", "--offset", "3"], "name one with --with"),
        (["@on.csv", "--against", "@ovr.csv"], "averages of a second"),
        (["@on.csv", "--with", "@on.csv"], "not JSON"),
        (["@on.csv", "--most-ms", "1"], "need frames without AI"),
        (["@on.csv", "--refresh-hz", "5"], "--refresh-hz goes from"),
    ],
)
def test_a_strange_file_ends_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    as_csv(tmp_path / "on.csv", played(1, seconds=5))
    (tmp_path / "strange.csv").write_text("frame;[red]ms\n1;2\n")
    (tmp_path / "ovr.csv").write_text(f"{OVR}\n1000,1,72,72,0,0,0,9\n2000,1,72,72,0,0,0,9\n")
    assert main(["frametimes", *(word.replace("@", f"{tmp_path}/") for word in words)]) == 1
    said = capsys.readouterr().err
    assert says in said and said.startswith("benchmarks: ") and "Traceback" not in said


def test_wrong_usage_is_2(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(["frametimes", str(tmp_path / "x.csv"), "--utc-offset", "Mars"])
    assert end.value.code == 2


def test_a_program_with_a_nasty_name_is_only_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "[bold]g.csv"
    rows = [v1_row(n / 90, 11.1, app="a[/red]\x1b[2J.exe") for n in range(3)]
    path.write_text("\n".join([V1, *rows, v1_row(0, 11.1, app="b[/nothing].exe")]) + "\n")
    assert main(["frametimes", str(path)]) == 0
    assert "\x1b[2J" not in capsys.readouterr().out
