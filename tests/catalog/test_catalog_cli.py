"""`vitrine catalog` as a person types it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from catalog.shop_pictures import photo_folder
from catalog.shopfiles import csv_file, jsonl_file

from sidecar import catalog_commands
from sidecar.catalog.store import Catalog
from sidecar.catalog_commands import CANCELLED, REFUSED, needs_model
from sidecar.cli import main


@pytest.fixture
def vitrine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a subcommand with a home of its own; the exit code and what it said."""
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(catalog_commands, "WIDTH", 200)

    def run(*words: object) -> tuple[int, str]:
        code = main(["catalog", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_from_import_to_export(vitrine, tmp_path: Path):
    photos = tmp_path / "photos"
    file = jsonl_file(tmp_path / "shop.jsonl", photo_folder(photos))
    code, said = vitrine("import", file, "--pictures", photos)
    assert code == 0 and "4 rows: 4 added, 0 updated, 0 refused." in said
    assert re.search(r"category\s+kind\s+guessed\s+T恤", said)
    code, said = vitrine("prepare")
    assert code == 0 and "3 prepared, 1 unprepared" in said
    assert "worn: left unprepared" in said and "needs the model garment-landmarks" in said
    code, said = vitrine("list", "--lang", "zh", "--kind", "top")
    assert code == 0 and "条纹T恤" in said and "sure" in said and "2 products" in said
    code, said = vitrine("list", "--json", "--state", "unprepared")
    assert [json.loads(line)["id"] for line in said.splitlines()] == ["worn"]
    assert vitrine("export", tmp_path / "out.jsonl")[0] == 0
    code, said = vitrine("import", tmp_path / "out.jsonl", "--catalog", tmp_path / "again.sqlite3")
    assert code == 0 and "an export of Vitrine" in said
    with Catalog(tmp_path / "home" / "catalog.sqlite3") as one, Catalog(tmp_path / "again.sqlite3") as other:
        assert list(one.products()) == list(other.products())


def test_bad_rows_are_reported_in_a_file(vitrine, tmp_path: Path):
    made = csv_file(tmp_path / "shop.csv", 200, broken=0.05)
    code, said = vitrine("import", made.path, "--dry-run")
    assert code == REFUSED and "Nothing was written. It would be: 200 rows: 190 added" in said
    assert not (tmp_path / "home").exists() and not made.path.with_name("shop.csv.rejected.jsonl").exists()
    code, said = vitrine("import", made.path)
    assert code == REFUSED and "190 added, 0 updated, 10 refused" in said
    rejected = [json.loads(line) for line in (tmp_path / "shop.csv.rejected.jsonl").read_text("utf-8").splitlines()]
    assert {report["line"]: report["problems"][0]["field"] for report in rejected} == made.broken
    code, said = vitrine("import", made.path, "--on-error", "stop")
    assert code == 1 and f"Line {min(made.broken)}" in said


def test_samples_are_there_for_the_asking(vitrine):
    assert vitrine("import", "--samples") == (0, "4 added, 0 updated.\n")
    assert "Round tortoise-shell glasses" in vitrine("list")[1]
    code, said = vitrine("prepare")
    assert code == 0 and "4 reviewed" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("list",), "There is no catalogue yet"),
        (("import",), "name a file to import, or --samples"),
        (("import", "gone.csv"), "is not a file"),
        (("import", "FILE", "--map", "ufo=id"), "ufo is not a field"),
        (("import", "FILE", "--map", "id"), "FIELD=COLUMN"),
        (("import", "FILE", "--map", "id=x"), "no column 'x'"),
        (("import", "FILE", "--currency", "XXX"), "ISO 4217"),
        (("import", "FILE", "--pictures", "nowhere"), "is not a folder"),
        (("import", "FILE", "--catalog", "FILE"), "cannot be used as a catalogue"),
        (("review",), "There is no catalogue yet"),
        (("export", "out.jsonl"), "There is no catalogue yet"),
    ],
)
def test_what_cannot_be_done_is_said(vitrine, tmp_path: Path, words, says):
    file = tmp_path / "shop.csv"
    file.write_text("id,kind,title\n" + "a,top,Tee\n" * 50, "utf-8")
    code, said = vitrine(*(file if word == "FILE" else word for word in words))
    assert code in (1, 2) and says in said.replace("\n", " ")


def test_a_file_cannot_write_on_the_terminal(vitrine, tmp_path: Path):
    file = tmp_path / "shop.csv"
    file.write_text("id,kind,[bold]\x1b]0;x\x07,title\na,top,\x1b[31mred,[link=x]y\nb,\x1b[2J,x,z\n", "utf-8")
    said = vitrine("import", file)[1] + vitrine("list")[1]
    assert "\x1b" not in said and "\x07" not in said
    assert "[link=x]y" in said


def test_ctrl_c_keeps_what_is_in(vitrine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = csv_file(tmp_path / "shop.csv", 900, broken=0.01)

    def interrupted(catalog, order, *, stop_at_bad, on_row):
        def tick(line: int) -> None:
            if line > 700:
                raise KeyboardInterrupt
            on_row(line)

        return run(catalog, order, stop_at_bad=stop_at_bad, on_row=tick)

    run = catalog_commands.importing.run
    monkeypatch.setattr(catalog_commands.importing, "run", interrupted)
    code, said = vitrine("import", made.path)
    assert code == CANCELLED and "goes on from there" in said
    monkeypatch.setattr(catalog_commands.importing, "run", run)
    code, said = vitrine("import", made.path)
    assert code == REFUSED and "900 rows: 891 added, 0 updated, 9 refused" in said


def test_the_model_is_named_with_the_command_only_where_it_can_be_had():
    assert "run: vitrine models install garments" in needs_model({"garments": ("garment-landmarks",)})
    assert "does not have yet" in needs_model({"vision": ()})


def test_the_command_line_of_the_gateway_stays_light():
    script = "import sys; from sidecar.cli import _parser; _parser(); print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert not {"numpy", "cv2", "PIL", "sqlalchemy", "sqlite3"} & set(loaded.stdout.split())


def test_review_prints_a_link_that_works(vitrine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    vitrine("import", "--samples")
    seen: list[str] = []

    def open_page(link: str) -> bool:
        seen.append(link)
        threading.Thread(target=visit, args=(link,)).start()
        return True

    def visit(link: str) -> None:
        with urllib.request.urlopen(link, timeout=10) as answer:
            seen.append(answer.read().decode())
        server.shutdown()

    class Server(catalog_commands.ReviewServer):
        def __init__(self, *arguments, **options):
            nonlocal server
            super().__init__(*arguments, **options)
            server = self

    server: Server
    monkeypatch.setattr(catalog_commands, "ReviewServer", Server)
    monkeypatch.setattr(catalog_commands.webbrowser, "open", open_page)
    code, said = vitrine("review")
    assert code == 0 and seen[0] in said and "#token=" in seen[0]
    assert "<title>Vitrine: review</title>" in seen[1]
