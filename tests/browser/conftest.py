"""A Chromium for all tests here, and links into the dashboard of a sidecar."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from browser.chromium import Browser, Page, found
from integration.running import Sidecar

from sidecar.dashboard_cli import ask_ticket, link
from sidecar.endpoint import read_endpoint

MISSING = "Chromium is not installed: apt-get install chromium"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests; its absence is a failure under CI=true and said loudly elsewhere."""
    if found() is None:
        if os.environ.get("CI") == "true":
            raise RuntimeError(MISSING)
        print("\n*** THE DASHBOARD IS NOT TESTED HERE: there is no Chromium ***\n", file=sys.stderr)
        pytest.skip(MISSING)
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture
def server(shared_sidecar: Sidecar) -> Sidecar:
    """The shared warm sidecar: a test leaves it as it was."""
    return shared_sidecar


def ticket_link(sidecar: Sidecar) -> str:
    """What `vitrine dashboard --print` writes for this sidecar."""
    endpoint = read_endpoint(sidecar.run_file)
    return link(endpoint, ask_ticket(endpoint))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page; a test that leaves an error in its console has failed."""
    with browser.page() as opened:
        yield opened
        opened.run("1")
        assert opened.errors == []


@pytest.fixture
def eyes(page: Page, server: Sidecar) -> Page:
    """The dashboard of the shared sidecar, open and showing numbers."""
    return look(page, server)


def look(page: Page, sidecar: Sidecar) -> Page:
    """Opens a sidecar's dashboard and waits for its first numbers."""
    page.go(ticket_link(sidecar))
    page.wait("!document.getElementById('open').hidden && document.getElementById('uptime').textContent !== '–'")
    return page


