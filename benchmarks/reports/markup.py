"""HTML from escaped pieces. A figure carries the value and where in the result it stands, so that it can be traced."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import NewType

Markup = NewType("Markup", str)  # already escaped; only this module makes it
EMPTY = Markup("")


def text(words: object) -> Markup:
    """Any text."""
    return Markup(html.escape(str(words)))


def tag(name: str, *children: Markup, **attributes: object) -> Markup:
    """An element; `class_` is class, `data_from` is data-from, and an attribute that is None is left out."""
    known = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    words = "".join(f' {key}="{html.escape(str(value))}"' for key, value in known)
    return Markup(f"<{name}{words}>{''.join(children)}</{name}>")


def join(pieces: Iterable[Markup], between: str = "") -> Markup:
    """Pieces one after the other."""
    return Markup(html.escape(between).join(pieces))


def figure(value: float, *path: str | int, how: str | None = None) -> Markup:
    """A number of the result at the JSON pointer of `path`, or worked out from it as `how` says."""
    return tag("data", text(shown(value)), value=repr(value), data_from=pointer(*path), data_how=how)


def words(value: str, *path: str | int) -> Markup:
    """A text of the result."""
    return tag("span", text(value.strip()), data_from=pointer(*path))


def pointer(*path: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def shown(value: float) -> str:
    """A number as people read it: whole ones whole, others to three digits or more."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    size = abs(value)
    return f"{value:,.{0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3}f}"


def table(heads: Iterable[Markup], rows: Iterable[Markup], *, caption: str, class_: str | None = None) -> Markup:
    """A table that scrolls sideways where the screen is too narrow; the caption is for those who hear the page."""
    head = tag("thead", tag("tr", *heads))
    title = tag("caption", text(caption), class_="unseen")
    return tag("div", tag("table", title, head, tag("tbody", *rows), class_=class_), class_="scroll", tabindex="0",
               role="region", aria_label=caption)  # fmt: skip


def head(title: str, *, number: bool = False) -> Markup:
    """A column's head."""
    return tag("th", text(title), scope="col", class_="number" if number else None)


def cell(*children: Markup, class_: str | None = None) -> Markup:
    """A cell."""
    return tag("td", *children, class_=class_)


def number(*children: Markup) -> Markup:
    """A cell whose content stands at the right."""
    return cell(*children, class_="number")
