"""Draws the pictures of docs/dashboard.md from a real sidecar: `python tests/browser/pictures.py`."""

from __future__ import annotations

import io
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser.chromium import Browser, Page  # noqa: E402
from browser.conftest import look  # noqa: E402
from browser.test_dashboard import streaming  # noqa: E402
from integration.running import Sidecar  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
COLOURS = 256


def save(name: str, png: bytes) -> None:
    """Writes a small PNG of few colours."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(FOLDER / f"dashboard-{name}.png", optimize=True)
    print(f"dashboard-{name}.png", picture.size, (FOLDER / f"dashboard-{name}.png").stat().st_size)


def draw(page: Page, sidecar: Sidecar) -> None:
    """A game streams, a still is asked for, a call fails: then every section has something to show."""
    face = Image.open(ROOT / "sidecar/catalog/portrait/astronaut.png").convert("RGB")
    image = {"w": face.width, "h": face.height, "f": "rgb8", "o": "top", "d": face.tobytes()}
    with sidecar.client(shm=True) as game, sidecar.client() as other, streaming(game, image):
        other.ask("tryon.still", {"image": image, "layers": [{"product": "sample-top-1"}]}, budget_ms=20000)
        other.ask("vision.segment", {"image": image})
        other.ask("render.image")
        look(page, sidecar)
        time.sleep(6)
        save("light", page.picture(whole=True))
        page.colours(dark=True)
        page.resize(390, 844, phone=True)
        page.run("scrollTo(0, 0)")
        time.sleep(0.5)
        save("phone", page.picture())
    page.resize(1280, 720)
    page.click("#tab-try")
    page.click('[name="glasses"][value="sample-glasses-2"]')
    page.click('[name="top"][value="sample-top-2"]')
    page.click("#try-start")
    page.run("scrollTo(0, 0)")
    page.wait("Number(document.getElementById('try-after').dataset.n) > 90", timeout=60)
    save("try-it", page.picture())


def main() -> None:
    """Starts what is needed, draws, stops it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        sidecar = Sidecar(Path(folder) / "run").ready()
        browser = Browser(Path(folder) / "chromium")
        try:
            with browser.page() as page:
                draw(page, sidecar)
        finally:
            browser.close()
            sidecar.stop()


if __name__ == "__main__":
    main()
