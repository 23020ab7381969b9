"""The demo: its frames, its table, its pictures, and one real run from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from sidecar.demo import latency, pictures
from sidecar.demo.frames import BadSource, fitted, portrait_from, sample_portrait
from sidecar.demo.host import Host, HostFailed
from sidecar.demo.latency import Answered
from sidecar.demo.pictures import Kept

ROOT = Path(__file__).resolve().parent.parent
RUN_S = 90


def test_the_portrait_moves_smoothly_and_always_the_same_way() -> None:
    portrait = sample_portrait()
    now, soon, later = (portrait.frame(t_s).astype(np.int16) for t_s in (1.0, 1.011, 2.5))
    assert now.shape == (480, 640, 3)
    assert (portrait.frame(1.0) == now).all()
    assert 0 < np.abs(soon - now).mean() < 4 < np.abs(later - now).mean()


def test_pictures_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="cannot be read"):
        portrait_from(tmp_path / "absent.png")
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    with pytest.raises(BadSource, match="not a PNG"):
        portrait_from(text)
    tiny = tmp_path / "tiny.png"
    Image.new("RGB", (8, 8)).save(tiny)
    with pytest.raises(BadSource, match="8x8"):
        portrait_from(tiny)
    cut = tmp_path / "cut.png"
    Image.effect_noise((200, 200), 50).save(cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(BadSource, match="damaged"):
        portrait_from(cut)


@pytest.mark.parametrize("size", [(1280, 720), (480, 640), (640, 480), (4032, 3024)])
def test_camera_pictures_are_cut_to_the_middle(size: tuple[int, int]) -> None:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[size[1] // 2 - 20 : size[1] // 2 + 20, size[0] // 2 - 20 : size[0] // 2 + 20] = 255
    cut = fitted(picture)
    rows, columns = np.nonzero(cut[..., 0] > 127)
    assert cut.shape == (480, 640, 3)
    assert rows.mean() == pytest.approx(239.5, abs=1) and columns.mean() == pytest.approx(319.5, abs=1)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)  # nothing is stretched


def _answers(count: int, *, age_us: int, every_us: int) -> list[Answered]:
    return [Answered(n, n * every_us, n * every_us + age_us, 2.0, 10.0) for n in range(count)]


def test_the_table_counts_late_answers_and_stale_refreshes() -> None:
    """Answered 30 times a second, each 13 ms old: in time for 72 Hz, too late for 80 Hz and faster."""
    found = latency.measure(_answers(305, age_us=13_000, every_us=33_333), pushed=900, superseded=595, rate_hz=90)
    assert found["age_ms"] == {"p50": 13.0, "p95": 13.0, "p99": 13.0, "max": 13.0}
    assert found["service_ms"]["p50"] == 8.0
    assert found["answered_per_s"] == pytest.approx(30, abs=0.1)
    assert found["missed"]["72"]["late"] == 0 and found["missed"]["80"]["late"] == 300
    at_90 = found["missed"]["90"]
    assert at_90["stale"] / at_90["refreshes"] == pytest.approx(2 / 3, abs=0.02)
    with pytest.raises(ValueError):
        latency.measure(_answers(5, age_us=1, every_us=1), pushed=5, superseded=0, rate_hz=90)


def test_the_contact_sheet_shows_before_and_after(tmp_path: Path) -> None:
    before, after = np.full((480, 640, 3), 40, np.uint8), np.full((480, 640, 3), 220, np.uint8)
    pictures.write_contact_sheet(tmp_path / "sheet.png", ["Glasses", "Top"], [Kept(0, before, after)])
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    width, height = pictures.CELL
    assert sheet.shape == (2 * (height + pictures.CAPTION), pictures.COLUMNS * width, 3)
    assert (sheet[:height, :width] == 40).all() and (sheet[:height, width : 2 * width] == 220).all()
    assert sheet[height + pictures.CAPTION : -pictures.CAPTION, :width].max() == 0  # nothing came back for the top


def test_the_animation_stays_small_even_for_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 1_000_000)
    random = np.random.default_rng(7)
    frames = [random.integers(0, 255, (386, 480, 3), np.uint8) for _ in range(24)]
    pictures.write_animation(tmp_path / "a.webp", frames, fps=10)
    assert (tmp_path / "a.webp").stat().st_size <= pictures.MOST_BYTES
    with Image.open(tmp_path / "a.webp") as animation:
        assert animation.n_frames > 1  # type: ignore[attr-defined]


def test_a_sidecar_that_cannot_start_says_why() -> None:
    with pytest.raises(HostFailed, match="unrecognized arguments"), Host(arguments=["--no-such-option"]) as host:
        host.wait_ready(timeout_s=20)


def test_a_sidecar_is_gone_when_its_block_ends() -> None:
    with Host() as host:
        host.wait_ready(timeout_s=60)
        folder, family = host.run_file.parent, [psutil.Process(host.pid), *psutil.Process(host.pid).children()]
    assert not folder.exists()
    assert len(family) == 3 and not psutil.wait_procs(family, timeout=2)[1]


def _demo(*words: str) -> list[str]:
    return [sys.executable, "-m", "sidecar", "demo", *words]


def test_the_demo_writes_pictures_and_a_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = subprocess.run(
        _demo("--seconds", "4", "--out", str(out)), cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    measured = json.loads((out / "latency.json").read_text(encoding="utf-8"))
    frames = measured["frames"]
    assert frames["pushed"] == 360 and frames["answered"] + frames["superseded"] == frames["pushed"]
    assert frames["answered"] > 20 and measured["reasons"] == {} and measured["providers"]
    assert "age: capture to try-on picture" in (out / "latency.txt").read_text(encoding="utf-8")
    with Image.open(out / "try-on.webp") as animation:
        assert animation.n_frames > 10  # type: ignore[attr-defined]
    _worn_in_every_row(np.asarray(Image.open(out / "contact-sheet.png")).astype(np.int16))
    assert str(out / "contact-sheet.png") in result.stdout


def _worn_in_every_row(sheet: np.ndarray) -> None:
    """In each row something changed between the frame that was sent and its answer, and most of the picture did not."""
    width, height = pictures.CELL
    for top in range(0, sheet.shape[0], height + pictures.CAPTION):
        before, after = sheet[top : top + height, :width], sheet[top : top + height, width : 2 * width]
        changed = np.abs(after - before).max(axis=2) > 24
        assert 0.002 < changed.mean() < 0.6


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
    command = _demo("--seconds", "60", "--out", str(tmp_path))
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, creationflags=flags
    )
    try:
        family = _workers_of(process.pid)
        process.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT)
        output, _ = process.communicate(timeout=20)
        assert sys.platform == "win32" or (process.returncode == 130 and b"Stopped." in output)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
    finally:
        process.kill()
        process.wait()


def _workers_of(pid: int) -> list[psutil.Process]:
    """Gateway and both workers of a running demo."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        family = psutil.Process(pid).children(recursive=True)
        if len(family) >= 3:
            return family
        time.sleep(0.1)
    raise AssertionError("the demo did not start a gateway and two workers")
