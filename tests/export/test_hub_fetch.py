"""The hub's own library against a hub on 127.0.0.1: what arrives, what is refused, what each failure says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import COMMIT, FakeHub, Repository, hub
from huggingface_hub import constants
from tiny_models import FILE, dense, recipe

from export import hub as client
from export import telling
from export.errors import HubError, LicenceRefused, PickleRefused, SourceError
from export.fetching import fetch
from export.origin import Hub
from export.stages import Stages

ONNX = dense().SerializeToString()
NAME = "shop/tiny"
ORIGIN = Hub(NAME, "main")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with hub() as state:
        state.repositories[NAME] = Repository({FILE: ONNX, "labels.json": b"[]", "README.md": b"unwanted"})
        monkeypatch.setattr(constants, "ENDPOINT", state.address)
        template = state.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        yield state


def bring(folder: Path, patterns: tuple[str, ...] = (FILE, "labels.json"), **pins: str) -> dict[str, str]:
    """Fetches and returns path -> sha256 of what arrived."""
    remote = client.look(ORIGIN, patterns)
    files = client.fetch(remote, folder, pins=pins, advance=lambda done: None, sleep=lambda seconds: None)
    assert all(file.repository == NAME and file.commit == COMMIT for file in files)
    return {file.path: file.sha256 for file in files}


def test_only_the_files_that_the_recipe_names_arrive_with_their_hashes(fake: FakeHub, tmp_path: Path) -> None:
    told: list[int] = []
    remote = client.look(ORIGIN, (FILE, "labels.json"))
    assert (remote.commit, remote.licence, remote.total_bytes) == (COMMIT, "mit", len(ONNX) + 2)
    client.fetch(remote, tmp_path, pins={}, advance=told.append)
    arrived = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert arrived == {FILE, "labels.json"} and (tmp_path / FILE).read_bytes() == ONNX
    assert told == sorted(told) and told[-1] == remote.total_bytes
    assert {path for path, _ in fake.downloads()} == {f"/{NAME}/resolve/{COMMIT}/{name}" for name in arrived}


def test_a_cut_connection_is_gone_on_from(fake: FakeHub, tmp_path: Path) -> None:
    fake.cut = [5000]
    assert bring(tmp_path, (FILE,)) == {FILE: hashlib.sha256(ONNX).hexdigest()}
    assert [span for _, span in fake.downloads()] == [None, "bytes=5000-"]


def test_a_stopped_download_is_gone_on_from_by_the_next_try(fake: FakeHub, tmp_path: Path) -> None:
    fake.cut = [4000, *[0] * 40]
    with pytest.raises(HubError, match=r"cannot be reached for shop/tiny .*goes on where it stopped"):
        bring(tmp_path, (FILE,))
    fake.cut, begun = [], len(fake.downloads())
    bring(tmp_path, (FILE,))
    assert [span for _, span in fake.downloads()[begun:]] == ["bytes=4000-"]


def test_what_is_there_is_not_fetched_again(fake: FakeHub, tmp_path: Path) -> None:
    first = bring(tmp_path)
    begun = len(fake.downloads())
    assert bring(tmp_path) == first and len(fake.downloads()) == begun


def test_corrupted_download(fake: FakeHub, tmp_path: Path) -> None:
    """The bytes on the line are not those that the hub lists."""
    fake.repositories[NAME].listed[FILE] = "0" * 64
    with pytest.raises(SourceError, match=r"model.onnx is not the file that the hub lists: its checksum is wrong"):
        bring(tmp_path, (FILE,))
    assert not (tmp_path / FILE).exists()


def test_corrupted_small_file_is_seen_by_the_hash_of_git(fake: FakeHub, tmp_path: Path) -> None:
    fake.repositories[NAME].listed["labels.json"] = "1" * 40
    with pytest.raises(SourceError, match=r"labels.json is not the file that the hub lists"):
        bring(tmp_path)


def test_wrong_hash_another_file_than_the_recipe_pins(fake: FakeHub, tmp_path: Path) -> None:
    remote = client.look(ORIGIN, (FILE,))
    with pytest.raises(SourceError, match=r"model.onnx is not the file that the recipe was made for"):
        client.fetch(remote, tmp_path, pins={FILE: "2" * 64}, advance=lambda done: None)
    right = {FILE: hashlib.sha256(ONNX).hexdigest()}
    client.fetch(client.look(ORIGIN, (FILE,)), tmp_path, pins=right, advance=lambda done: None)


def test_the_hub_cannot_be_reached(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"127.0.0.1:9\) cannot be reached .*HTTPS_PROXY.*--from FOLDER"):
        client.look(ORIGIN, (FILE,))


def test_a_gated_repository_says_where_to_agree(fake: FakeHub, tmp_path: Path) -> None:
    fake.repositories[NAME].gated = True
    with pytest.raises(HubError, match=r"asks for consent .*hf auth login \(or set HF_TOKEN\)"):
        bring(tmp_path)


def test_the_token_of_the_hubs_own_tools_is_used(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.repositories[NAME].gated = fake.repositories[NAME].private = True
    with pytest.raises(HubError, match="has no repository shop/tiny, or it is private"):
        bring(tmp_path)
    monkeypatch.setenv("HF_TOKEN", fake.token)
    assert FILE in bring(tmp_path)


def test_a_busy_hub_is_said(fake: FakeHub) -> None:
    fake.fail = [503] * 8
    with pytest.raises(HubError, match=r"answered 503 for shop/tiny. Run the same command again later"):
        client.look(ORIGIN, (FILE,))


def test_pickles_are_refused_before_they_are_fetched(fake: FakeHub) -> None:
    fake.repositories[NAME] = Repository({"pytorch_model.bin": b"x" * 2000, "config.json": b"{}"})
    with pytest.raises(PickleRefused, match=r"has its weights as pickles only \(pytorch_model.bin\)"):
        client.look(ORIGIN, ("config.json", "model.safetensors"))
    with pytest.raises(PickleRefused, match="which is never fetched"):
        client.look(ORIGIN, ("config.json", "*.bin"))
    assert fake.downloads() == []


def test_a_repository_without_the_weights(fake: FakeHub) -> None:
    with pytest.raises(SourceError, match=r"has no weights that the recipe reads \(labels.json, \*.gguf\)"):
        client.look(ORIGIN, ("labels.json", "*.gguf"))


@pytest.mark.parametrize("name", ["../../evil.onnx", "/etc/evil.onnx", "a/../../b.onnx", "c:\\evil.onnx", "a//b.onnx"])
def test_a_file_name_that_leaves_the_folder(fake: FakeHub, name: str) -> None:
    fake.repositories[NAME].files[name] = ONNX
    with pytest.raises(SourceError, match="impossible name"):
        client.look(ORIGIN, ("*.onnx",))


# -- the step around it ------------------------------------------------------------------------------------------------


class Silent(telling.Lines):
    """Progress that says nothing."""

    def say(self, **event: object) -> None:
        return None


def test_a_finished_fetch_needs_no_hub_any_more(fake: FakeHub, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    first = fetch(recipe(), None, None, stages, Silent())
    seen = len(fake.seen)
    assert fetch(recipe(), None, None, stages, Silent()) == first and len(fake.seen) == seen
    assert [file.path for file in first.files] == [FILE, "labels.json"]
    assert json.loads((tmp_path / "fetched.json").read_text())[0]["commit"] == COMMIT


def test_what_another_commit_left_is_removed(fake: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "stray.safetensors").write_bytes(b"old")
    fetch(recipe(), None, None, Stages(tmp_path), Silent())
    assert sorted(path.name for path in (tmp_path / "source").iterdir() if path.is_file()) == ["labels.json", FILE]


def test_another_repository_comes_under_the_terms_that_it_states(fake: FakeHub, tmp_path: Path) -> None:
    fake.repositories["else/tuned"] = Repository({FILE: ONNX}, licence="apache-2.0")
    found = fetch(recipe(), Hub("else/tuned", "main"), None, Stages(tmp_path), Silent())
    assert (found.terms.licence.spdx, found.terms.restriction) == ("Apache-2.0", "none")


@pytest.mark.parametrize(
    ("stated", "asked", "kind"),
    [
        ("cc-by-nc-4.0", "cc-by-nc-4.0", "non-commercial use only"),
        ("openrail++", "openrail[+][+]", "restricts its use"),
        (None, "unstated", "states no licence"),
    ],
)
def test_another_repository_that_is_restricted_is_refused_before_its_weights(
    fake: FakeHub, tmp_path: Path, stated: str | None, asked: str, kind: str
) -> None:
    fake.repositories["else/tuned"] = Repository({FILE: ONNX}, licence=stated)
    with pytest.raises(LicenceRefused, match=f"{kind}.*--accept-licence {asked}"):
        fetch(recipe(), Hub("else/tuned", "main"), None, Stages(tmp_path), Silent())
    assert fake.downloads() == []
    accepted = asked.replace("[+]", "+")
    found = fetch(recipe(), Hub("else/tuned", "main"), accepted, Stages(tmp_path), Silent())
    assert "was accepted by the person" in found.terms.licence.notice and len(fake.downloads()) == 1
