"""The try-it panel: a picture goes through `tryon.stream` of a real sidecar and comes back with what is worn."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser.chromium import Page
from browser.conftest import look
from integration.running import Sidecar
from PIL import Image

from sidecar.catalog import samples

PIXELS = """(() => {
  const canvas = document.getElementById("ID");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
  return [canvas.width, canvas.height, btoa(text)];
})()"""


def pixels(page: Page, canvas: str) -> Any:
    """A canvas as (H, W, 4) numbers."""
    width, height, text = page.run(PIXELS.replace("ID", canvas))
    data = np.frombuffer(base64.b64decode(text), np.uint8)
    return data.reshape(height, width, 4).astype(int)


def changed(page: Page) -> Any:
    """Where the two pictures differ by more than rounding, (H, W)."""
    return np.abs(pixels(page, "try-before") - pixels(page, "try-after"))[..., :3].max(axis=2) > 24


CHANGED = """(() => {
  const [a, b] = ["try-before", "try-after"].map((id) => document.getElementById(id)).map((canvas) =>
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
  const { width } = document.getElementById("try-before");
  let count = 0;
  for (let i = 4 * width * TOP; i < Math.min(a.length, 4 * width * BOTTOM); i += 4) {
    count += Math.max(...[0, 1, 2].map((k) => Math.abs(a[i + k] - b[i + k]))) > 24;
  }
  return count;
})()"""


def count_changed(page: Page, top: int = 0, bottom: int = 512) -> int:
    """How many pixels between two rows differ, counted in the page."""
    return int(page.run(CHANGED.replace("TOP", str(top)).replace("BOTTOM", str(bottom))))


def answered(page: Page, at_least: int) -> None:
    page.wait(f"Number(document.getElementById('try-after').dataset.n ?? -1) >= {at_least}")


@pytest.fixture
def panel(page: Page, server: Sidecar) -> Page:
    """The panel, nothing started."""
    look(page, server).click("#tab-try")
    return page


def test_the_four_samples_are_those_of_the_catalogue(panel: Page) -> None:
    script = """Object.fromEntries([...document.querySelectorAll(".products input")].filter((input) => input.value)
      .map((input) => [input.value, [input.name, input.closest("label").textContent.trim(),
                                     input.closest("label").querySelector("img").naturalWidth > 0]]))"""
    offered = panel.run(script)
    assert offered == {
        name: ["glasses" if "glasses" in name else "top", record.title.en, True]
        for name, record in samples.records().items()
    }


def test_the_sample_portrait_gets_glasses(panel: Page) -> None:
    panel.click("#try-start")
    answered(panel, 8)
    panel.wait("document.getElementById('try-fps').textContent !== '–'")
    assert panel.text("#try-start") == "Stop" and panel.text("#try-said") == "Running."
    fps, p50, p95 = (float(panel.text(f"#try-{name}").split()[0]) for name in ("fps", "p50", "p95"))
    assert 1 < fps < 40 and 1 < p50 <= p95 < 2000
    assert panel.text("#try-confidence").endswith(" %")
    panel.click("#try-start")
    assert panel.text("#try-start") == "Start" and panel.text("#try-said") == "Stopped."
    where = changed(panel)
    rows, columns = np.nonzero(where)
    # Her eyes are near (220, 115) of 512: glasses change the face there and leave the rest as it was.
    assert 200 < where.sum() < 6000
    assert 85 < np.median(rows) < 145 and 190 < np.median(columns) < 255
    assert not where[256:].any()


def test_changing_the_products_changes_the_running_picture(panel: Page) -> None:
    panel.click('[name="glasses"][value=""]')
    panel.click("#try-start")
    answered(panel, 2)
    panel.until(lambda: count_changed(panel) == 0, what="nothing on")
    panel.click('[name="top"][value="sample-top-2"]')
    panel.until(lambda: count_changed(panel, 300) > 20_000, what="a top on")
    assert count_changed(panel, 85, 145) < 100
    panel.click('[name="glasses"][value="sample-glasses-2"]')
    panel.until(lambda: count_changed(panel, 85, 145) > 500, what="sunglasses as well")
    assert count_changed(panel, 300) > 20_000


def test_a_stream_that_stops_is_closed_at_the_server(panel: Page, server: Sidecar) -> None:
    panel.click("#try-start")
    answered(panel, 1)

    def streams() -> int:
        return sum(len(row["open"]) for row in server.stats()["watch"]["sessions"])

    assert streams() == 1
    panel.click("#try-start")
    panel.until(lambda: streams() == 0, what="closing")


def test_the_camera_is_used_and_let_go(panel: Page) -> None:
    """Chromium's fake camera shows no person, and the panel says so."""
    panel.run("""(() => {
      const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        window.asked = wanted;
        return window.media = await get(wanted);
      };
    })()""")
    panel.click('[name="source"][value="camera"]')
    panel.click("#try-start")
    answered(panel, 3)
    assert panel.run("window.asked.audio") is False
    assert panel.text("#try-said").startswith("No one is in the picture")
    assert panel.run("document.getElementById('try-before').width") == 640
    before, after = pixels(panel, "try-before"), pixels(panel, "try-after")
    assert before.std() > 10
    assert np.abs(before[:, ::-1] - after).mean() < 25, "the answer is mirrored"
    panel.click("#try-start")
    panel.wait("window.media.getTracks().every((track) => track.readyState === 'ended')")


def test_a_camera_that_may_not_be_used(panel: Page) -> None:
    panel.run("navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }")
    panel.click('[name="source"][value="camera"]')
    panel.click("#try-start")
    panel.wait("document.getElementById('try-said').textContent.includes('allow it for this page')")
    assert panel.text("#try-start") == "Start"


def test_a_file_and_one_that_is_none(panel: Page, tmp_path: Path) -> None:
    panel.click('[name="source"][value="file"]')
    panel.click("#try-start")
    assert panel.text("#try-said") == "Choose a picture file first."
    (tmp_path / "broken.png").write_bytes(b"no picture")
    panel.choose_file("#try-file", tmp_path / "broken.png")
    panel.click("#try-start")
    panel.wait("document.getElementById('try-said').textContent.includes('cannot read this file')")
    Image.new("RGB", (1600, 800), (90, 120, 150)).save(tmp_path / "wide.jpg")
    panel.choose_file("#try-file", tmp_path / "wide.jpg")
    panel.click("#try-start")
    answered(panel, 1)
    after = "document.getElementById('try-after')"
    assert panel.run(f"[{after}.width, {after}.height]") == [640, 320]


def test_without_the_models_it_says_which_command_brings_them(page: Page, start_sidecar: Any, tmp_path: Path) -> None:
    sidecar = start_sidecar("--no-warm", "--packs", str(tmp_path / "no-packs"))
    look(page, sidecar).click("#tab-try")
    page.click("#try-start")
    assert "vitrine models install vision" in page.text("#try-said")
    page.go("data:text/html,left")
