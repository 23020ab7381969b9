"""HTTP as the user has set it up: proxies, certificates, credentials; every wait has an end."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from .errors import InstallError
from .settings import RegistrySettings

TIMEOUT_S = 30.0
MAX_DOCUMENT_BYTES = 32 << 20
BROKEN = (URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


class Transport:
    """Opens addresses of the user's registries."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._opener = _opener(settings)

    @contextmanager
    def open(self, address: str, *, accept: str = "*/*", begin: int = 0) -> Iterator[Any]:
        """The response to a GET, from byte `begin` on. Raises one of `BROKEN` (an `HTTPError` is one)."""
        request = self._request(address)
        request.add_header("Accept", accept)
        request.add_header("Accept-Encoding", "identity")
        request.add_header("User-Agent", "vitrine-vr")
        if begin:
            request.add_header("Range", f"bytes={begin}-")
        with self._opener.open(request, timeout=TIMEOUT_S) as response:
            yield response

    def read(self, address: str, *, accept: str) -> tuple[str, bytes]:
        """Content type and body of a document of at most 32 MiB. Raises `InstallError`."""
        try:
            with self.open(address, accept=accept) as response:
                body: bytes = response.read(MAX_DOCUMENT_BYTES + 1)
                kind: str = response.headers.get_content_type()
        except BROKEN as error:
            raise unreachable(address, error) from error
        if len(body) > MAX_DOCUMENT_BYTES:
            raise InstallError(f"{host(address)} answered with a document that is too large.")
        return kind, body

    def _request(self, address: str) -> Request:
        """Credentials of the address go into a header that is not sent on after a redirect."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InstallError(f"The package registry gave an address that is not HTTP: {parts.scheme or 'none'}.")
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        request = Request(bare)
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
        elif token := self._settings.npm_token(bare):
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        return request


def host(address: str) -> str:
    """The host of an address, for messages: no credentials, no path."""
    return urlsplit(address).hostname or "the registry"


def unreachable(address: str, error: Exception) -> InstallError:
    """The plain error for a request that failed for good."""
    if isinstance(error, HTTPError):
        return InstallError(
            f"{host(address)} answered {error.code} {error.reason}. If a company registry is set for pip or npm, "
            "check that it has the package and that you may read it."
        )
    reason = error.reason if isinstance(error, URLError) else error
    return InstallError(
        f"{host(address)} cannot be reached ({reason}). Check the network, and HTTPS_PROXY if you are behind a proxy, "
        "then run the same command again; it goes on where it stopped."
    )


def _opener(settings: RegistrySettings) -> OpenerDirector:
    context = ssl.create_default_context()
    for path in settings.certificates:
        context.load_verify_locations(cafile=path)
    handlers: list[Any] = [HTTPSHandler(context=context)]
    if settings.proxy:
        handlers.append(ProxyHandler({"http": settings.proxy, "https": settings.proxy}))
    return build_opener(*handlers)
