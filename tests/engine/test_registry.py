from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest
from tiny_packs import index_of, write

from sidecar import models_cli
from sidecar.engine.registry import Registry, home
from sidecar.errors import NotFound

INDEX = index_of("tiny", "other", "third")


def test_states_and_listing(tmp_path: Path) -> None:
    write(tmp_path, "tiny")
    (write(tmp_path, "other") / "tiny.onnx").write_bytes(b"short")
    registry = Registry(tmp_path, index=INDEX)
    assert {row.name: row.state for row in registry.states()} == {
        "tiny": "installed",
        "other": "corrupt",
        "third": "missing",
    }
    assert list(registry.installed()) == ["tiny"]
    row = registry.listing()[0]
    assert row == {
        "name": "tiny",
        "state": "installed",
        "device": "",
        "bytes": INDEX.packs["tiny"].total_bytes,
        "licence": "Apache-2.0",
    }
    assert "vitrine models install other" in registry.state("other").problem


@pytest.mark.parametrize("name", ["../tiny", "..", "/etc", "tiny/../tiny", "", "nowhere"])
def test_a_name_outside_the_index_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    write(tmp_path, "tiny")
    registry = Registry(tmp_path / "packs", index=INDEX)
    with pytest.raises(NotFound, match="There is no model pack"):
        registry.open(name)


def test_the_folder_follows_the_platform(tmp_path: Path) -> None:
    assert home({"VITRINE_HOME": str(tmp_path)}) == tmp_path
    if sys.platform == "win32":
        assert home({"LOCALAPPDATA": str(tmp_path)}) == tmp_path / "vitrine"
    else:
        assert home({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "vitrine"
        assert home({}) == Path.home() / ".cache" / "vitrine"


def run_cli(*words: str) -> int:
    parser = argparse.ArgumentParser()
    models_cli.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["models", *words])
    code: int = arguments.run(arguments)
    return code


def test_the_command_line_lists_verifies_and_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("list", "--json", "--packs", str(tmp_path)) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["state"] for row in rows} == {"missing"}
    assert run_cli("verify", "iris", "--packs", str(tmp_path)) == models_cli.FAILED
    assert "vitrine models install iris" in capsys.readouterr().err
    (tmp_path / "iris").mkdir()
    assert run_cli("remove", "iris", "hand", "--packs", str(tmp_path)) == 0
    assert capsys.readouterr().out == "Removed: iris\n"
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_an_unknown_name_is_a_plain_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("install", "nothing", "--packs", str(tmp_path)) == models_cli.FAILED
    assert capsys.readouterr().err == "vitrine: There is no model pack 'nothing'; run: vitrine models list\n"
