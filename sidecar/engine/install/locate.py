"""Where a registry keeps an archive: the simple index of PyPI (PEP 503, PEP 691), the package document of npm."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urldefrag, urljoin

from ..index import Archive
from .errors import InstallError
from .settings import RegistrySettings
from .transport import Transport

_SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
_SIMPLE_ANY = f"{_SIMPLE_JSON}, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1"


def locate(archive: Archive, settings: RegistrySettings, transport: Transport) -> str:
    """The address of the archive in the user's registries. Raises `InstallError` if none of them has it."""
    if archive.registry == "npm":
        return _npm(archive, settings, transport)
    refused: InstallError | None = None
    for page in settings.pypi:
        try:
            found = _pypi(archive, page, transport)
        except InstallError as error:
            refused = error
            continue
        if found is not None:
            return found
    raise refused or InstallError(
        f"None of pip's indexes has {archive.file}. Allow pip to reach one that does "
        "(pip config get global.index-url), then run the same command again."
    )


def _pypi(archive: Archive, page: str, transport: Transport) -> str | None:
    project = re.sub(r"[-_.]+", "-", archive.package).lower()
    base = f"{page}/{project}/"
    kind, text = transport.read(base, accept=_SIMPLE_ANY)
    links = _json_links(text) if kind == _SIMPLE_JSON else _html_links(text)
    target = links.get(archive.file)
    return None if target is None else urldefrag(urljoin(base, target)).url


def _npm(archive: Archive, settings: RegistrySettings, transport: Transport) -> str:
    address = f"{settings.npm_of(archive.package)}/{quote(archive.package, safe='@')}/{archive.version}"
    _, text = transport.read(address, accept="application/json")
    document = _parse(text)
    dist = document.get("dist")
    tarball = dist.get("tarball") if isinstance(dist, dict) else None
    if not isinstance(tarball, str):
        raise InstallError(f"The npm registry does not say where {archive.package} {archive.version} is.")
    return tarball


def _json_links(text: bytes) -> dict[str, str]:
    files = _parse(text).get("files")
    rows = [row for row in files if isinstance(row, dict)] if isinstance(files, list) else []
    return {str(row.get("filename")): str(row.get("url")) for row in rows}


def _html_links(text: bytes) -> dict[str, str]:
    parser = _Links()
    parser.feed(text.decode("utf-8", "replace"))
    return parser.links


def _parse(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InstallError("The package registry answered with something that is not its index.") from error
    return document if isinstance(document, dict) else {}


class _Links(HTMLParser):
    """Collects `<a href>` by the text between the tags, which PEP 503 makes the file's name."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self._href: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers where the link that begins here points to."""
        if tag == "a":
            self._href = dict(attrs).get("href")

    def handle_data(self, data: str) -> None:
        """The text of a link is the name of its file."""
        if self._href is not None and data.strip():
            self.links[data.strip()] = self._href
            self._href = None
