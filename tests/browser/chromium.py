"""A headless Chromium, driven over the DevTools protocol with the WebSocket library that the project has anyway."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
START_S = 30.0
WAIT_S = 15.0
# A container's /dev/shm is small, root has no user namespace, and the machine of a test need not have a screen.
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def found() -> str | None:
    """The browser's program, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class PageError(AssertionError):
    """JavaScript of a test threw."""


class Browser:
    """One process with a profile of its own; every page gets its own context, so that none sees another's storage."""

    def __init__(self, profile: Path) -> None:
        program = found()
        assert program is not None
        command = [program, *OPTIONS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._exits = ExitStack()
        self._link = self._exits.enter_context(connect(self._address(profile), max_size=None, open_timeout=START_S))
        self._numbers = 0
        self.events: deque[dict[str, Any]] = deque()

    def _address(self, profile: Path) -> str:
        port_file = profile / "DevToolsActivePort"
        deadline = time.monotonic() + START_S
        while True:
            assert time.monotonic() < deadline and self._process.poll() is None, "Chromium did not start"
            if port_file.exists() and len(lines := port_file.read_text().split()) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.02)

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One command and its result; events that come meanwhile are kept."""
        self._numbers += 1
        number = self._numbers
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._link.send(json.dumps(message))
        deadline = time.monotonic() + WAIT_S
        while True:
            answer = self.receive(deadline - time.monotonic(), method)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def receive(self, timeout: float, what: str) -> dict[str, Any]:
        """The next message; an event is kept as well."""
        assert timeout > 0, f"Chromium did not answer {what}"
        message: dict[str, Any] = json.loads(self._link.recv(timeout=timeout))
        if "method" in message:
            self.events.append(message)
        return message

    def page(self, *, width: int = 1280, height: int = 720, dark: bool = False) -> Page:
        """A new, empty page."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, context, session, width=width, height=height, dark=dark)

    def close(self) -> None:
        """Ends the process."""
        self._exits.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


class Page:
    """One tab. `errors` are uncaught exceptions and what the console calls an error; `frames` what `listen` heard."""

    def __init__(
        self, browser: Browser, context: str, session: str, *, width: int, height: int, dark: bool
    ) -> None:
        self._browser = browser
        self._context = context
        self._session = session
        self.errors: list[str] = []
        self.frames: list[bytes] = []
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.resize(width, height)
        self.colours(dark=dark)

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.send("Target.disposeBrowserContext", browserContextId=self._context)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command for this page."""
        result = self._browser.send(method, self._session, **parameters)
        self._sort()
        return result

    def _sort(self) -> None:
        while self._browser.events:
            event = self._browser.events.popleft()
            if event.get("sessionId") != self._session:
                continue
            method, details = event["method"], event["params"]
            if method == "Network.webSocketFrameReceived" and details["response"]["opcode"] == 2:
                self.frames.append(base64.b64decode(details["response"]["payloadData"]))
            elif method == "Runtime.exceptionThrown":
                thrown = details["exceptionDetails"]
                self.errors.append(thrown.get("exception", {}).get("description") or thrown["text"])
            elif method == "Log.entryAdded" and details["entry"]["level"] == "error":
                self.errors.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")

    def listen(self, on: bool) -> None:
        """Keeps the WebSocket messages that come, in `frames`; not while pictures come: they choke the protocol."""
        self.send(f"Network.{'enable' if on else 'disable'}")

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """The visible part of the page."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)

    def colours(self, *, dark: bool) -> None:
        """What the system prefers."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def go(self, address: str) -> Page:
        """Loads an address and waits until the document is there."""
        self.send("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
        return self

    def run(self, script: str) -> Any:
        """The value of an expression (promises are awaited)."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise PageError(answer["exceptionDetails"].get("exception", {}).get("description", "it threw"))
        return answer["result"].get("value")

    def wait(self, condition: str, *, timeout: float = WAIT_S) -> Any:
        """Polls an expression until it is true; its value."""
        return self.until(lambda: self.run(condition), what=condition, timeout=timeout)

    def until(self, happened: Callable[[], Any], *, what: str, timeout: float = WAIT_S) -> Any:
        """Polls until `happened`; its value."""
        deadline = time.monotonic() + timeout
        while not (value := happened()):
            assert time.monotonic() < deadline, f"{what}: not within {timeout} s; errors: {self.errors}"
            time.sleep(0.03)
        return value

    def text(self, selector: str) -> str:
        """The text of the first element that matches."""
        return str(self.run(f"document.querySelector({json.dumps(selector)}).textContent"))

    def click(self, selector: str) -> None:
        """Clicks in the middle of an element, as a mouse does."""
        script = f"""(() => {{
          const target = document.querySelector({json.dumps(selector)});
          target.scrollIntoView({{block: "center"}});
          const box = target.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
        x, y = self.run(script)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, name: str) -> None:
        """Presses and releases a key (its DOM name)."""
        code = {"Tab": 9, "Enter": 13, "ArrowRight": 39, "ArrowLeft": 37}[name]
        text = {"text": "\r"} if name == "Enter" else {}
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **text)

    def choose_file(self, selector: str, path: Path) -> None:
        """Puts a file into a file input."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of what is visible, or of the whole page."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"])


def http_get(address: str) -> bytes:
    """The body of a plain GET."""
    with urllib.request.urlopen(address, timeout=WAIT_S) as answer:
        body: bytes = answer.read()
        return body
