"""The dashboard in a real browser against a real sidecar: every number on it is the server's, and it is usable."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import pytest
from browser.chromium import Browser, Page
from browser.conftest import look, ticket_link
from integration.rawpeer import RawPeer
from integration.running import Sidecar

TABLES = ("sessions", "queues", "workers", "models", "slowest", "errors")


def stats_in(frames: list[bytes]) -> list[dict[str, Any]]:
    """The results of `server.stats` among WebSocket messages."""
    messages = [msgpack.unpackb(frame) for frame in frames]
    return [message["d"] for message in messages if message["t"] == "done" and "watch" in message["d"]]


def cells(page: Page, table: str) -> dict[str, list[str]]:
    """A table's rows by their key; the cells' texts."""
    script = f"""Object.fromEntries([...document.querySelectorAll("#{table} tbody tr[data-key]")].map(
      (row) => [row.dataset.key, [...row.cells].map((cell) => cell.textContent.trim())]))"""
    found: dict[str, list[str]] = page.run(script)
    return found


def number(text: str) -> float:
    """The number in a text such as `1,234.5 ms`."""
    match = re.match(r"-?[\d,]+(\.\d+)?", text)
    assert match is not None, f"{text!r} is no number"
    return float(match[0].replace(",", ""))


def shows(text: str, value: float | None) -> bool:
    """Whether a text shows a number with one digit after the point, or a dash for none."""
    return text == "–" if value is None else abs(number(text) - value) <= 0.0501


@contextmanager
def streaming(peer: RawPeer, image: dict[str, Any] | None = None) -> Iterator[None]:
    """A game: frames over one connection, one at a time, until the block ends."""
    image = image or {"w": 64, "h": 64, "f": "rgb8", "o": "top", "d": bytes(64 * 64 * 3)}
    call = peer.call("tryon.stream", {"layers": [{"product": "sample-glasses-1"}]})
    stop = threading.Event()

    def run() -> None:
        n = 0
        while not stop.is_set():
            peer.send({"t": "push", "id": call, "d": {"n": n, "t_us": n, "image": image}})
            peer.expect(lambda m: m["t"] == "part")
            n += 1
            stop.wait(0.03)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join(10)


Seen = tuple[Page, dict[str, Any]]


@pytest.fixture(scope="module")
def seen(browser: Browser, shared_sidecar: Sidecar) -> Iterator[Seen]:
    """The page, paused while a game streams and after a call has failed, and the `server.stats` that it shows."""
    with browser.page() as page, shared_sidecar.client() as other, shared_sidecar.client() as game:
        other.ask("render.image")
        page.listen(True)
        with streaming(game):
            look(page, shared_sidecar)
            page.until(lambda: "tryon.stream" in str(cells(page, "sessions")), what="seeing the game")
            time.sleep(1.2)
            page.click("#pause")
        calls = page.text('[data-counter="calls"]')
        page.listen(False)
        (shown,) = [stats for stats in stats_in(page.frames) if stats["counters"]["calls"] == number(calls)]
        yield page, shown
        assert page.errors == []


def test_every_number_is_the_servers(seen: Seen) -> None:
    page, stats = seen
    counters, watch = stats["counters"], stats["watch"]
    assert page.text("#version") == stats["version"] and page.text("#providers") == ", ".join(stats["providers"])
    assert page.text("#state") == "Ready" and stats["watch"]["readiness"]["ready"] is True
    assert page.text("#pressure") == f"{stats['pressure']['level']} of 3"
    assert stats["pressure"]["what"] in page.text("#yielding")
    for key in ("calls", "done", "frames_in", "frames_out", "superseded"):
        assert number(page.text(f'[data-counter="{key}"]')) == counters[key], key
    assert number(page.text('[data-counter="failed"]')) == sum(counters["fail"].values()) > 0
    assert number(page.text('[data-counter="sessions"]')) == stats["sessions"] == len(watch["sessions"])

    queues = cells(page, "queues")
    assert {prio: number(row[2]) for prio, row in queues.items()} == stats["queues"] and len(queues) == 5
    workers = cells(page, "workers")
    assert set(workers) == {"frame", "general"}
    for row in stats["workers"]:
        _, state, pid, memory, restarts = workers[row["name"]]
        assert (state, int(pid), number(restarts)) == (row["state"], row["pid"], row["restarts"])
        assert shows(memory, row["rss_bytes"] / 1e6)
    models = cells(page, "models")
    assert len(models) == len(stats["models"]) > 3
    for row in stats["models"]:
        _, state, runs_on, p50, p95, runs, memory = models[row["name"]]
        assert (state, runs_on, number(runs)) == (row["state"], f"{row['provider']} {row['precision']}", row["runs"])
        assert shows(p50, row["p50_ms"] if row["runs"] else None) and shows(p95, row["p95_ms"] if row["runs"] else None)
        assert shows(memory, row["bytes"] / 1e6)


def test_sessions_slowest_and_errors_are_the_servers(seen: Seen) -> None:
    page, stats = seen
    watch = stats["watch"]
    sessions = cells(page, "sessions")
    streams = [row for row in watch["sessions"] if row["open"]]
    assert len(streams) == 1 and streams[0]["fps"] > 3
    for row in watch["sessions"]:
        who, opened, pictures, fps, p50, p95, superseded = sessions[row["name"]]
        ages = row.get("age_ms", {})
        assert who == f"{row['name']} {row['client']}" and opened == (", ".join(row["open"]) or "–")
        assert pictures == ("shared" if row["pictures"] == "shm" else "inline")
        assert shows(fps, row.get("fps")) and shows(p50, ages.get("p50")) and shows(p95, ages.get("p95"))
        assert number(superseded) == row["superseded"]

    slowest = list(cells(page, "slowest").values())
    assert len(slowest) == len(watch["slowest"]) > 0
    for row, (op, session, _, parts, total) in zip(watch["slowest"], slowest, strict=True):
        assert (op, session) == (row["op"], row["session"]) and shows(total, row["total_ms"])
        stages = dict(re.findall(r"([a-z-]+) ([\d,.]+)", parts))
        for stage in ("queue", "decode", "infer", "encode"):
            assert shows(stages[stage], row[f"{stage}_ms"]), (stage, parts, row)
        rest = row["total_ms"] - sum(row[f"{stage}_ms"] for stage in ("queue", "decode", "infer", "encode"))
        assert shows(stages["other"], max(0.0, rest))

    errors = list(cells(page, "errors").values())
    assert [(op, code, session, number(times)) for _, op, code, session, times in errors] == [
        (row["op"], row["code"], row["session"], row["count"]) for row in watch["errors"]
    ]
    assert "render.image" in {row[1] for row in errors}
    fails = page.run("[...document.querySelectorAll('#fails [data-code]')].map((li) => li.textContent)")
    assert {text.split()[0]: number(text.split()[1]) for text in fails} == stats["counters"]["fail"]


def test_bars_are_as_long_as_their_times(seen: Seen) -> None:
    page, stats = seen
    script = """[...document.querySelectorAll("#slowest .track")].map((track) => [
      track.getBoundingClientRect().width, ...[...track.children].map((part) => part.getBoundingClientRect().width)])"""
    time.sleep(0.3)  # bars glide to their length
    longest = max(row["total_ms"] for row in stats["watch"]["slowest"])
    for row, (whole, *parts) in zip(stats["watch"]["slowest"], page.run(script), strict=True):
        for stage, width in zip(("queue", "decode", "infer", "encode"), parts, strict=False):
            assert width == pytest.approx(whole * row[f"{stage}_ms"] / longest, abs=1.0)
        assert sum(parts) <= whole + 1


def test_rates_come_from_two_looks(page: Page, server: Sidecar) -> None:
    with server.client() as game, streaming(game):
        look(page, server)
        page.wait("parseFloat(document.querySelector('[data-rate=frames_out]').textContent) > 3")
        rate = number(page.text('[data-rate="frames_out"]'))
        assert rate < 60, "a frame every 30 ms or slower"


def test_pause_stops_asking_and_resume_goes_on(eyes: Page) -> None:
    eyes.click("#pause")
    assert eyes.text("#pause") == "Resume" and eyes.run("document.getElementById('pause').ariaPressed") == "true"
    time.sleep(0.3)
    before = eyes.text('[data-counter="calls"]')
    time.sleep(1.3)
    assert eyes.text('[data-counter="calls"]') == before
    eyes.click("#pause")
    eyes.until(lambda: eyes.text('[data-counter="calls"]') != before, what="going on")


# -- tickets -----------------------------------------------------------------------------------------------------------


def test_the_ticket_leaves_the_address_at_once(eyes: Page, server: Sidecar) -> None:
    assert eyes.run("location.href") == f"http://127.0.0.1:{server.port}/"
    assert eyes.run("history.length") <= 2
    history = eyes.send("Page.getNavigationHistory")["entries"]
    assert not [entry for entry in history if "ticket" in entry["url"]]


def test_without_a_ticket_the_page_says_what_to_do_and_shows_nothing(page: Page, server: Sidecar) -> None:
    page.go(f"http://127.0.0.1:{server.port}/")
    page.wait("document.getElementById('locked-health').textContent !== ''")
    assert "vitrine dashboard" in page.text("#locked") and "is ready" in page.text("#locked-health")
    assert page.run("document.getElementById('open').hidden")
    assert page.text("#uptime") == "–" and cells(page, "sessions") == {}


def test_a_used_ticket_is_told_apart_and_a_pasted_link_opens(page: Page, browser: Browser, server: Sidecar) -> None:
    used = ticket_link(server)
    with browser.page() as first:
        first.go(used)
        first.wait("!document.getElementById('open').hidden")
        page.go(used)
        page.wait("!document.getElementById('locked').hidden")
        assert "used already, or is older than 60 seconds" in page.text("#locked-why")
        assert not first.run("document.getElementById('open').hidden"), "whoever has used it stays in"
    page.run("document.getElementById('ticket').focus()")
    page.send("Input.insertText", text=ticket_link(server))
    page.key("Enter")
    page.wait("!document.getElementById('open').hidden")
    assert page.run("document.getElementById('ticket').value") == ""


def test_a_new_link_in_the_same_tab_opens_it_again(eyes: Page, server: Sidecar) -> None:
    before = set(cells(eyes, "sessions"))
    eyes.run(f"location.href = {ticket_link(server)!r}")
    eyes.until(lambda: set(cells(eyes, "sessions")) - before, what="another session")
    eyes.until(lambda: len(before - set(cells(eyes, "sessions"))) == 1, what="leaving the old one")
    assert eyes.run("location.hash") == ""


def test_a_page_of_another_origin_gets_in_nowhere(browser: Browser, server: Sidecar) -> None:
    """The same page from an origin that is not the server's own: `null` here."""
    with browser.page() as other:
        other.go("data:text/html,<title>elsewhere</title>")
        url = f"ws://127.0.0.1:{server.port}/v1"
        opened = f"""new Promise((resolve) => {{
          const socket = new WebSocket("{url}", "vitrine.v1");
          socket.onopen = () => resolve("open");
          socket.onclose = () => resolve("refused");
        }})"""
        assert other.run(opened) == "refused"
        fetched = f"fetch('http://127.0.0.1:{server.port}/ticket', {{ headers: {{ Authorization: 'Bearer x' }} }})"
        assert other.run(f"{fetched}.then(() => 'read', () => 'refused')") == "refused"


# -- when things go wrong ----------------------------------------------------------------------------------------------


def test_a_stopped_sidecar_and_its_successor(page: Page, start_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = start_sidecar("--no-warm")
    look(page, sidecar)
    assert page.text("#models .empty") == "No model is loaded yet; the first call that needs one loads it."
    assert page.text("#errors .empty") == "No call has failed."
    sidecar.stop()
    page.wait("!document.getElementById('locked').hidden")
    assert "sidecar was stopped" in page.text("#locked-why") and page.text("#state") == "Not connected"
    page.wait("document.getElementById('locked-health').textContent.includes('vitrine serve')")
    page.errors.clear()  # the browser's own lines about a server that is gone


def test_a_killed_worker_is_seen(page: Page, start_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = start_sidecar("--no-warm").working()
    look(page, sidecar)
    sidecar.kill_worker("frame")
    page.wait("document.querySelector('#workers [data-key=frame]').cells[4].textContent === '1'")
    page.wait("document.querySelector('#workers [data-key=frame]').cells[1].textContent === 'ready'")
    assert cells(page, "workers")["general"][4] == "0"
    page.go("data:text/html,left")


# -- how it looks and how it is used -----------------------------------------------------------------------------------


def test_nothing_jumps_while_numbers_change(page: Page, server: Sidecar) -> None:
    with server.client() as game, streaming(game):
        look(page, server)
        page.wait("document.querySelectorAll('#slowest tbody tr[data-key]').length >= 1")
        time.sleep(1.2)
        moved = """new Promise((resolve) => {
          let sum = 0;
          new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
            .observe({ type: "layout-shift" });
          setTimeout(() => resolve(sum), 3200);
        })"""
        assert page.run(moved) < 0.02


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844), (320, 640)])
def test_nothing_is_wider_than_the_screen(eyes: Page, width: int, height: int) -> None:
    eyes.resize(width, height, phone=width < 500)
    for tab in ("#tab-eyes", "#tab-try"):
        eyes.click(tab)
        assert eyes.run("document.documentElement.scrollWidth") <= width
        cut = eyes.run("""[...document.querySelectorAll("td, th, dd, dt, button, label, h2")]
          .filter((found) => found.offsetParent !== null && found.scrollWidth > found.clientWidth + 1)
          .map((found) => found.outerHTML.slice(0, 120))""")
        assert cut == []


CONTRAST = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === "" || node.offsetParent === null || node.closest("script")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${node.tagName} ${walker.currentNode.data.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return poor;
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_has_contrast(seen: Seen, dark: bool) -> None:
    page, _ = seen
    page.colours(dark=dark)
    for tab in ("#tab-eyes", "#tab-try"):
        page.click(tab)
        assert page.run(CONTRAST) == []
    page.click("#tab-eyes")


def test_the_button_overrules_the_system_and_is_remembered(eyes: Page, server: Sidecar) -> None:
    def ground() -> int:
        return int(eyes.run("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"))

    eyes.colours(dark=True)
    assert ground() < 60 and eyes.text("#theme") == "Auto"
    eyes.click("#theme")
    assert ground() > 200 and eyes.text("#theme") == "Light"
    eyes.colours(dark=False)
    eyes.click("#theme")
    assert ground() < 60 and eyes.text("#theme") == "Dark"
    eyes.go(f"http://127.0.0.1:{server.port}/?again")
    eyes.wait("document.getElementById('theme').textContent === 'Dark'")
    assert ground() < 60


def test_everything_that_can_be_used_has_a_name(eyes: Page) -> None:
    eyes.send("Accessibility.enable")
    for tab in ("#tab-eyes", "#tab-try"):
        eyes.click(tab)
        nodes = eyes.send("Accessibility.getFullAXTree")["nodes"]
        used = {"button", "tab", "radio", "textbox", "link", "table", "tabpanel", "image", "region", "group"}
        for node in nodes:
            role = node.get("role", {}).get("value")
            if not node.get("ignored") and role in used:
                assert node.get("name", {}).get("value"), f"a {role} of {tab} has no name"
    assert eyes.run("document.documentElement.lang") == "en"


def test_the_keyboard_is_enough(eyes: Page) -> None:
    eyes.run("document.getElementById('tab-eyes').focus()")
    eyes.key("ArrowRight")
    assert eyes.run("document.activeElement.id") == "tab-try" and not eyes.run("document.getElementById('try').hidden")
    reached = set()
    for _ in range(5):
        eyes.key("Tab")
        reached.add(eyes.run("document.activeElement.name || document.activeElement.id"))
        visible = eyes.run("getComputedStyle(document.activeElement).outlineStyle")
        assert visible != "none", f"the focus is not seen; reached {reached}"
    assert {"source", "glasses", "top", "try-file", "try-start"} <= reached
    eyes.run("document.getElementById('tab-try').focus()")
    eyes.key("ArrowLeft")
    assert eyes.run("document.activeElement.id") == "tab-eyes"


def test_every_table_says_what_it_is(eyes: Page) -> None:
    for table in TABLES:
        assert eyes.text(f"#{table} caption")
        assert eyes.run(f"[...document.querySelectorAll('#{table} th')].every((head) => head.scope === 'col')")
