"""Log lines for people (`text`) and for machines (`json`, one object a line), which hold nobody's words or pictures.

What an exception says may quote what somebody sent, so only its type and its places in the code are logged; messages
of the system (`OSError`) and of ONNX Runtime stay, since they speak of files' errors and of models. The user's home is
written `~`, and control characters as escapes, so that nobody who sends a name can forge a line.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO

Form = Literal["text", "json"]
FORMS: tuple[Form, ...] = ("text", "json")
PLACES = 12  # of an exception, the innermost
CAUSES = 5
MESSAGE = 2000
OURS = "sidecar"

Trouble = tuple[type[BaseException], BaseException, TracebackType | None]


def configure(*, level: str, process: str, form: Form = "text", stream: TextIO | None = None) -> None:
    """All logs of this process go to `stream` (standard error) in this form; uncaught exceptions do too."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(process) if form == "json" else TextLines(process))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda caught: _uncaught(caught.exc_type, caught.exc_value, caught.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, (KeyboardInterrupt, SystemExit)):
        return
    caught = error if error is not None else kind()
    logging.getLogger("vitrine").critical("an error that nobody expected", exc_info=(kind, caught, trace))


class TextLines(logging.Formatter):
    """`2026-01-31 12:00:00,123 INFO gateway message`, an exception's places below it."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line, and one for each place of an exception."""
        line = f"{self.formatTime(record)} {record.levelname} {self._process} {said(record)}"
        if (trouble := _trouble(record)) is None:
            return line
        found = described(trouble[1])
        head = f"Traceback: {' < '.join(found['type'])}" + (f" ({found['said']})" if "said" in found else "")
        return "\n".join([line, head, *(f"  {place}" for place in found["at"])])


class JsonLines(logging.Formatter):
    """`{"ts", "level", "process", "logger", "message", "fields"?, "error"? {"type", "said"?, "at"}}`, `ts` in UTC."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        whole, part = divmod(record.created, 1)
        line: dict[str, Any] = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int(1000 * part):03d}Z",
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": said(record),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line["fields"] = {
                str(key): plain(value) if isinstance(value, str) else value for key, value in fields.items()
            }
        if (trouble := _trouble(record)) is not None:
            line["error"] = described(trouble[1])
        return json.dumps(line, ensure_ascii=False, default=lambda value: type(value).__name__)


def said(record: logging.LogRecord) -> str:
    """The message. asyncio's own go on with the exception's text in further lines, which are left out."""
    message = record.getMessage()
    return plain(message.split("\n", 1)[0] if record.name == "asyncio" else message)


def plain(text: str) -> str:
    """One line of printable signs, without the home folder."""
    home = str(Path.home())
    if len(home) > 1:
        text = text.replace(home, "~")
    shown = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text[:MESSAGE])
    return shown + (" ..." if len(text) > MESSAGE else "")


def described(error: BaseException) -> dict[str, Any]:
    """An exception without its words: `type` [its own, its causes'], `at` [places, innermost last], `said`?."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < CAUSES:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    places = traceback.extract_tb(error.__traceback__)[-PLACES:]
    found: dict[str, Any] = {
        "type": kinds,
        "at": [f"{_short(place.filename)}:{place.lineno} {place.name}" for place in places],
    }
    if isinstance(error, OSError) and error.strerror:
        found["said"] = plain(error.strerror)
    elif type(error).__module__.startswith("onnxruntime"):
        found["said"] = plain(str(error))
    return found


def _short(filename: str) -> str:
    """A path from its package on: nothing of where it is installed."""
    parts = Path(filename).parts
    for mark in ("site-packages", "dist-packages"):
        if mark in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(mark) :])
    return "/".join(parts[parts.index(OURS) :]) if OURS in parts else parts[-1]


def _trouble(record: logging.LogRecord) -> Trouble | None:
    found = record.exc_info
    if not isinstance(found, tuple) or found[0] is None or found[1] is None:
        return None
    return found[0], found[1], found[2]
