"""The review page in a real browser: a person drags, paints, goes back, and saves."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from browser.chromium import Browser, Page
from catalog.test_catalog_review import serving

from sidecar.catalog.assets import SLEEVE_LEFT, TORSO
from sidecar.catalog.review.server import ReviewServer
from sidecar.catalog.store import Catalog


@pytest.fixture
def server(shop: Catalog) -> Iterator[ReviewServer]:
    """Its review."""
    with serving(shop) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: ReviewServer) -> Iterator[Page]:
    """The page, open on the first product; a test that leaves an error in its console has failed."""
    with browser.page() as opened:
        opened.go(server.link)
        opened.wait("document.querySelectorAll('#points g').length > 0")
        yield opened
        assert opened.errors == []


def choose(page: Page, title: str) -> None:
    """Opens a product of the queue."""
    page.run(f"[...document.querySelectorAll('#queue button')].find(b => b.textContent.includes('{title}')).click()")
    page.wait(f"document.getElementById('stage-title').textContent.startsWith('{title}')")


def centre(page: Page, selector: str) -> tuple[float, float]:
    box = f"document.querySelector('{selector}').getBoundingClientRect()"
    x, y = page.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")
    return x, y


def drag(page: Page, start: tuple[float, float], *, by: tuple[float, float], steps: int = 5) -> None:
    """As a mouse does it."""
    x, y = start
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    page.send("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    for step in range(1, steps + 1):
        at = {"x": x + by[0] * step / steps, "y": y + by[1] * step / steps}
        page.send("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **at)
    page.send("Input.dispatchMouseEvent", type="mouseReleased", x=x + by[0], y=y + by[1], button="left", clickCount=1)


def press(page: Page, key: str, *, control: bool = False, shift: bool = False) -> None:
    """A key, with the DOM's name."""
    modifiers = 2 * control + 8 * shift
    for kind in ("rawKeyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key=key, modifiers=modifiers)


def place(page: Page, name: str) -> tuple[float, float]:
    text = page.run(f"document.querySelector('#points g[data-name={name}]').getAttribute('transform')")
    x, y = text.removeprefix("translate(").removesuffix(")").split()
    return float(x), float(y)


def scale(page: Page) -> float:
    return float(page.run("document.getElementById('stage').clientWidth / document.getElementById('product').width"))


def test_dragging_undoing_and_saving_places(page: Page, shop: Catalog):
    choose(page, "Striped tee")
    before = place(page, "hem_centre")
    drag(page, centre(page, "#points g[data-name=hem_centre] .dot"), by=(40, -24))
    moved = place(page, "hem_centre")
    assert np.allclose(np.subtract(moved, before), np.array([40, -24]) / scale(page), atol=0.3)
    assert not page.run("document.getElementById('undo').disabled")
    press(page, "z", control=True)
    assert place(page, "hem_centre") == before
    press(page, "Z", control=True, shift=True)
    assert place(page, "hem_centre") == moved
    press(page, "ArrowRight", shift=True)
    press(page, "ArrowUp")
    moved = moved[0] + 10, moved[1] - 1
    assert np.allclose(place(page, "hem_centre"), moved)
    press(page, "s")
    page.wait("document.getElementById('said').textContent.includes('is saved')")
    kept = shop.get("tee").prepared[0]
    assert kept.reviewed and np.allclose(kept.landmarks["hem_centre"], moved)
    assert page.text("#progress") == "1 of 4 reviewed"
    assert not page.text("#stage-title").startswith("Striped tee")  # the next one is open


def test_painting_and_rubbing_out(page: Page, shop: Catalog):
    choose(page, "Striped tee")
    before = shop.files.pixels(shop.get("tee").prepared[0].parts)
    page.click('#modes input[value="2"]')
    assert page.run("document.getElementById('stage').dataset.mode") == "paint"
    box = page.run("(b => [b.x, b.y])(document.getElementById('stage').getBoundingClientRect())")
    size = scale(page)

    def at(x: float, y: float) -> tuple[float, float]:
        return box[0] + x * size, box[1] + y * size

    drag(page, at(300, 300), by=(60 * size, 0))
    press(page, "e")
    drag(page, at(300, 400), by=(60 * size, 0))
    press(page, "z", control=True)
    drag(page, at(320, 480), by=(1, 0))
    page.click("#save")
    page.wait("document.getElementById('said').textContent.includes('is saved')")
    after = shop.files.pixels(shop.get("tee").prepared[0].parts)
    assert after[300, 310] & SLEEVE_LEFT and after[300, 350] & SLEEVE_LEFT  # a stroke has no gaps
    assert after[400, 330] == before[400, 330] == TORSO  # that one was undone
    assert after[480, 320] == 0
    assert (after != before).mean() < 0.03


def test_a_product_is_placed_from_nothing(page: Page, shop: Catalog):
    choose(page, "Flight suit")
    assert page.text("#state") == "Unprepared"
    page.click("#groups input")  # without the left elbow
    assert page.run("document.querySelectorAll('#points g').length") == 18
    page.click("#fill")
    page.click("#save")
    page.wait("document.getElementById('said').textContent.includes('is saved')")
    made = shop.get("worn").prepared[0]
    assert "sleeve_left_elbow_outer" not in made.landmarks and "sleeve_left_cuff_outer" in made.landmarks
    parts = shop.files.pixels(made.parts)
    assert all((parts & bit > 0).mean() > 0.02 for bit in (1, 2, 4))


def test_what_was_begun_is_kept_and_not_saved_over_other_work(page: Page, shop: Catalog):
    choose(page, "Striped tee")
    drag(page, centre(page, "#points g[data-name=waist_left] .dot"), by=(12, 0))
    moved = place(page, "waist_left")
    press(page, "k")
    page.wait("!document.getElementById('stage-title').textContent.startsWith('Striped')")
    assert "changed" in page.run("document.querySelector('#queue .changed').className")
    choose(page, "Striped tee")
    assert place(page, "waist_left") == moved
    choose(page, "Striped tee")  # a click on what is open is no reload
    assert place(page, "waist_left") == moved
    shop.put(msgspec.structs.replace(shop.get("tee"), prepared=()))
    page.click("#save")
    page.wait("document.getElementById('said').dataset.tone === 'bad'")
    assert "changed meanwhile" in page.text("#said")
    assert page.errors and all("409" in error for error in page.errors)
    page.errors.clear()


def test_without_the_token_it_is_locked(browser: Browser, server: ReviewServer):
    for link in (server.link.split("#")[0], server.link[:-3] + "abc"):
        with browser.page() as page:
            page.go(link)
            page.wait("!document.getElementById('locked').hidden")
            assert page.run("document.getElementById('open').hidden")
            assert "token" not in page.run("location.href")


def test_it_fits_and_can_be_read(page: Page):
    for width, height, dark in ((1280, 720, False), (1280, 720, True), (390, 844, True), (390, 844, False)):
        page.colours(dark=dark)
        page.resize(width, height, phone=width < 500)
        page.wait(f"(b => b.left >= 0 && b.right <= {width} && b.bottom <= {height} && b.width > 250)"
                  "(document.getElementById('stage').getBoundingClientRect())")
        assert page.run("document.documentElement.scrollWidth") <= width
        if width > 1000:
            assert page.run("document.getElementById('save').getBoundingClientRect().bottom") <= height
            assert page.run("document.documentElement.scrollHeight") <= height
        assert page.run(CONTRAST) == []


CONTRAST = """(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map((v) => linear(v / 255))
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("button, label, p, h1, h2, .pill, .name, .id, legend, kbd")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.disabled || element.getClientRects().length === 0) continue;
    const both = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
    const [one, other] = both.sort((a, b) => b - a);
    if ((one + .05) / (other + .05) < 4.5) poor.push(`${element.tagName} ${element.textContent.trim().slice(0, 20)}`);
  }
  return poor;
})()"""
