from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_server import RegistryServer, serving
from tiny_packs import digest

from sidecar.engine.index import Digest
from sidecar.engine.install import fetch
from sidecar.engine.install.errors import DamagedDownload, InstallError
from sidecar.engine.install.settings import RegistrySettings
from sidecar.engine.install.transport import Transport

BODY = bytes(i * 7 % 251 for i in range(700_000))
WANTED = Digest(**digest(BODY))


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with serving() as state:
        state.files["/a.tgz"] = BODY
        yield state


def get(server: RegistryServer, target: Path, wanted: Digest = WANTED) -> list[int]:
    """Downloads /a.tgz; returns what `advance` was told."""
    told: list[int] = []
    transport = Transport(RegistrySettings())
    address = f"{server.address}/a.tgz"
    fetch.download(address, target, wanted, transport, advance=told.append, sleep=lambda seconds: None)
    return told


def test_a_download_arrives_whole(server: RegistryServer, tmp_path: Path) -> None:
    told = get(server, tmp_path / "new" / "a.tgz")
    assert (tmp_path / "new" / "a.tgz").read_bytes() == BODY
    assert told == sorted(told) and told[-1] == len(BODY)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.tgz"]


def test_an_interrupted_download_goes_on_where_it_stopped(server: RegistryServer, tmp_path: Path) -> None:
    (tmp_path / "a.tgz.part").write_bytes(BODY[:300_000])
    told = get(server, tmp_path / "a.tgz")
    assert server.seen[0].headers["Range"] == "bytes=300000-"
    assert told[0] > 300_000
    assert (tmp_path / "a.tgz").read_bytes() == BODY


def test_a_line_that_drops_is_taken_up_again_by_itself(server: RegistryServer, tmp_path: Path) -> None:
    server.cut += [100_000, 50_000]
    get(server, tmp_path / "a.tgz")
    assert [seen.headers.get("Range") for seen in server.seen] == [None, "bytes=100000-", "bytes=150000-"]
    assert (tmp_path / "a.tgz").read_bytes() == BODY


def test_a_server_without_ranges_sends_everything_anew(server: RegistryServer, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "a.tgz.part").write_bytes(b"x" * 300_000)
    get(server, tmp_path / "a.tgz")
    assert (tmp_path / "a.tgz").read_bytes() == BODY


def test_what_is_left_of_another_file_is_thrown_away(server: RegistryServer, tmp_path: Path) -> None:
    (tmp_path / "a.tgz.part").write_bytes(b"x" * (len(BODY) + 1))
    get(server, tmp_path / "a.tgz")
    assert (tmp_path / "a.tgz").read_bytes() == BODY


@pytest.mark.parametrize("served", [BODY[:-1] + b"?", BODY + b"more", b"x" * len(BODY)])
def test_another_file_is_refused_and_not_kept(server: RegistryServer, tmp_path: Path, served: bytes) -> None:
    server.files["/a.tgz"] = served
    wanted = WANTED
    if served.startswith(BODY):  # only the first bytes are ever read, so a file that is too long is cut, not trusted
        wanted = Digest(sha256="1" * 64, bytes=len(BODY))
    with pytest.raises(DamagedDownload, match="again"):
        get(server, tmp_path / "a.tgz", wanted)
    assert list(tmp_path.iterdir()) == []


def test_a_short_file_ends_in_an_error_not_in_a_loop(server: RegistryServer, tmp_path: Path) -> None:
    server.files["/a.tgz"] = BODY[:1000]
    with pytest.raises((InstallError, DamagedDownload)):
        get(server, tmp_path / "a.tgz")
    assert not (tmp_path / "a.tgz").exists()
    assert len(server.seen) <= fetch.TRIES


def test_server_faults_are_tried_again_and_refusals_are_not(server: RegistryServer, tmp_path: Path) -> None:
    server.fail += [503, 500]
    get(server, tmp_path / "a.tgz")
    assert len(server.seen) == 3
    server.fail += [403]
    with pytest.raises(InstallError, match="403"):
        get(server, tmp_path / "b.tgz")
    assert len(server.seen) == 4


def test_offline_says_so_and_keeps_what_there_is(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (tmp_path / "a.tgz.part").write_bytes(BODY[:1000])
    nowhere = RegistryServer(address=f"http://127.0.0.1:{port}")
    with pytest.raises(InstallError, match=r"cannot be reached.*HTTPS_PROXY"):
        get(nowhere, tmp_path / "a.tgz")
    assert (tmp_path / "a.tgz.part").read_bytes() == BODY[:1000]


def test_credentials_go_into_a_header_and_never_into_a_message(server: RegistryServer, tmp_path: Path) -> None:
    address = server.address.replace("http://", "http://name:pass%20word@")
    secret = RegistryServer(address=address)
    get(secret, tmp_path / "a.tgz")
    assert server.seen[0].headers["Authorization"] == "Basic bmFtZTpwYXNzIHdvcmQ="
    server.files.clear()
    with pytest.raises(InstallError) as caught:
        get(secret, tmp_path / "b.tgz")
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/a", "a.tgz"])
def test_only_http_is_opened(address: str) -> None:
    transport = Transport(RegistrySettings())
    with pytest.raises(InstallError, match="not HTTP"), transport.open(address):
        pass
