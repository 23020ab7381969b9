from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_server import RegistryServer, serving
from tiny_packs import SHA

from sidecar.engine.index import Archive
from sidecar.engine.install.errors import InstallError
from sidecar.engine.install.locate import locate
from sidecar.engine.install.settings import NPM, PYPI, RegistrySettings, combine, parse_npmrc, parse_pip
from sidecar.engine.install.transport import Transport

WHEEL = Archive(registry="pypi", package="Media_Pipe", version="1", file="media-1.whl", sha256=SHA, bytes=1)
TARBALL = Archive(registry="npm", package="@mediapipe/pose", version="1", file="pose-1.tgz", sha256=SHA, bytes=1)
SIMPLE = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with serving() as state:
        yield state


def find(archive: Archive, server: RegistryServer, *pages: str, token: str | None = None) -> str:
    pypi = tuple(f"{server.address}{page}" for page in pages) or (f"{server.address}/simple",)
    registries = RegistrySettings(pypi=pypi, npm=server.address, npm_tokens={server.address: token} if token else {})
    return locate(archive, registries, Transport(registries))


def test_a_json_index(server: RegistryServer) -> None:
    files = [{"filename": "other.whl", "url": "https://x/other.whl"}, {"filename": WHEEL.file, "url": "../../f/m.whl"}]
    server.files["/simple/media-pipe/"] = json.dumps({"files": files}).encode()
    server.kinds["/simple/media-pipe/"] = SIMPLE
    assert find(WHEEL, server) == f"{server.address}/f/m.whl"


def test_an_html_index(server: RegistryServer) -> None:
    page = f'<a href="https://x/o.whl">o.whl</a><a href="https://x/m.whl#sha256=0">{WHEEL.file}</a>'
    server.files["/simple/media-pipe/"] = page.encode()
    server.kinds["/simple/media-pipe/"] = "text/html"
    assert find(WHEEL, server) == "https://x/m.whl"


def test_the_next_index_is_asked_if_one_does_not_have_it(server: RegistryServer) -> None:
    server.files["/b/media-pipe/"] = f'<a href="m.whl">{WHEEL.file}</a>'.encode()
    assert find(WHEEL, server, "/a", "/b") == f"{server.address}/b/media-pipe/m.whl"


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"files": 3}', b'{"files": [1, {}]}', b"\xff\xfe"])
def test_an_index_without_the_file_is_a_plain_error(server: RegistryServer, text: bytes) -> None:
    for kind in (SIMPLE, "text/html"):
        server.files["/simple/media-pipe/"], server.kinds["/simple/media-pipe/"] = text, kind
        with pytest.raises(InstallError):
            find(WHEEL, server)


def test_npm_says_where_its_tarball_is(server: RegistryServer) -> None:
    server.files["/@mediapipe%2Fpose/1"] = b'{"dist": {"tarball": "https://x/pose-1.tgz"}}'
    assert find(TARBALL, server, token="secret") == "https://x/pose-1.tgz"
    assert server.seen[0].headers["Authorization"] == "Bearer secret"


def test_npm_without_an_answer_is_a_plain_error(server: RegistryServer) -> None:
    server.files["/@mediapipe%2Fpose/1"] = b'{"dist": 1}'
    with pytest.raises(InstallError, match="does not say"):
        find(TARBALL, server)


def test_the_public_registries_are_the_default() -> None:
    found = combine({}, pip={}, npmrc={})
    assert (found.pypi, found.npm, found.proxy, found.certificates) == ((PYPI,), NPM, None, ())


def test_the_users_settings_are_honoured(tmp_path: Path) -> None:
    certificate = tmp_path / "ca.pem"
    certificate.touch()
    pip = parse_pip(
        f"global.cert='{certificate}'\nglobal.index-url='https://pip.example/simple/'\n"
        "install.extra-index-url='https://more.example/simple\\nfile:///srv/wheels'\nnot a setting"
    )
    npmrc = parse_npmrc(
        "; comment=1\nregistry=https://all.example/\n@mediapipe:registry = https://npm.example/team\n"
        "//npm.example/team/:_authToken=${TOKEN}\nproxy=http://proxy.example:3128",
        {"TOKEN": "secret"},
    )
    found = combine({}, pip=pip, npmrc=npmrc)
    assert found.pypi == ("https://pip.example/simple", "https://more.example/simple")
    assert (found.npm, found.npm_of("@mediapipe/pose")) == ("https://all.example", "https://npm.example/team")
    assert found.npm_token("https://npm.example/team/pose-1.tgz") == "secret"
    assert found.npm_token("https://all.example/pose-1.tgz") is None
    assert found.certificates == (str(certificate),)
    assert found.proxy == "http://proxy.example:3128"


def test_the_environment_wins() -> None:
    environ = {"PIP_INDEX_URL": "https://env.example/simple", "npm_config_registry": "https://envnpm.example"}
    pip, npmrc = {"global.index-url": "https://file.example"}, {"registry": "https://filenpm.example"}
    found = combine(environ, pip=pip, npmrc=npmrc)
    assert (found.pypi, found.npm) == (("https://env.example/simple",), "https://envnpm.example")
