"""Shop files: encodings, quotes and bounds. Every row of the file comes out, sound or with what is wrong with it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from catalog.shopfiles import HEADER, cells, csv_file
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.catalog import lines, sources
from sidecar.catalog.errors import CatalogError
from sidecar.catalog.sources import look


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def rows_of(path: Path, data: str | bytes, **options) -> list[lines.Row]:
    return list(look(write(path, data), **options).rows())


@pytest.mark.parametrize(
    ("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030")]
)
def test_encodings_are_found_out(tmp_path, encoding, found):
    made = csv_file(tmp_path / "shop.csv", 60, broken=0, encoding=encoding)
    source = look(made.path)
    assert (source.encoding, source.form, source.columns) == (found, "csv", HEADER)
    chance = random.Random(7)
    chance.sample(range(60), 0)
    assert [list(row.values.values()) for row in source.rows()] == [cells(n, chance) for n in range(60)]


def test_a_few_broken_bytes_do_not_change_the_encoding(tmp_path):
    texts = ["id,标题"] + [f"a{n},衬衫{n}" for n in range(30)]
    data = "\n".join(texts).encode()
    data = data.replace("衬衫7\n".encode(), b"\xe8\xa1\xac\xff7\n")
    rows = rows_of(tmp_path / "a.csv", data)
    assert [row.line for row in rows if row.problem] == [9]
    assert "UTF-8" in rows[7].problem and "\\xff" in rows[7].raw
    assert rows[8].values == {"id": "a8", "标题": "衬衫8"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_and_ends_of_lines(tmp_path, delimiter, end):
    text = end.join(delimiter.join(row) for row in (("id", "name", "price"), ("a", "b c", "1.50"), ("d", "", "2")))
    source = look(write(tmp_path / "shop.txt", text))
    assert source.delimiter == delimiter
    assert [row.values for row in source.rows()] == [
        {"id": "a", "name": "b c", "price": "1.50"},
        {"id": "d", "name": "", "price": "2"},
    ]


def test_without_a_header_columns_have_numbers(tmp_path):
    source = look(write(tmp_path / "shop.csv", "a-1,Tee,199\na-2,Hat,99\n"))
    assert not source.header
    assert next(source.rows()).values == {"1": "a-1", "2": "Tee", "3": "199"}


def test_quotes_lines_within_cells_and_inches(tmp_path):
    text = 'id,name,size\na,"two\nlines, ""quoted""",27"\nb,"x",30\n\nc,plain,"5"" deep"\n'
    rows = rows_of(tmp_path / "a.csv", text)
    assert [row.line for row in rows] == [2, 4, 6]
    assert rows[0].values == {"id": "a", "name": 'two\nlines, "quoted"', "size": '27"'}
    assert rows[2].values["size"] == '5" deep'


@pytest.mark.parametrize(
    ("middle", "bad"),
    [
        ('b,"never closed,2', [3]),
        ('b,"closed" late,2', [3]),
        ("b,too,many,cells", [3]),
        ("b", [3]),
        ('b,"drawn in,2\nc,"x",3', [3]),
        ('"b\nof two lines",1', [3]),
        ("b,\x00,2", [3]),
        ('b,"runs on,2\nc,x,3\nd,ends",4', [3]),
        ('b,"runs on\nc,x,3\nd,ends"', [3, 5]),
        ('b,"a text\nof lines, with commas\nthat ends",4', []),
    ],
)
def test_a_spoilt_row_spoils_itself_alone(tmp_path, middle, bad):
    text = f'id,name,n\na,first,1\n{middle}\ny,"la,st",8\nz,last,9\n'
    rows = rows_of(tmp_path / "a.csv", text)
    assert [row.line for row in rows if row.problem] == bad
    assert [row.values["id"] for row in rows if row.values][-2:] == ["y", "z"]
    assert rows[0].values["id"] == "a"


def test_the_last_quote_may_be_open(tmp_path):
    rows = rows_of(tmp_path / "a.csv", 'id,name\na,b\nc,"d\n' + "e,f\n" * 300)
    assert [row.line for row in rows if row.problem] == [3]
    assert len(rows) == 302


def test_long_lines_are_rows_too(tmp_path):
    long = "b," + "x" * (lines.MAX_LINE_BYTES + 10)
    rows = rows_of(tmp_path / "a.csv", f"id,name\na,1\n{long}\nc,3\n")
    assert [bool(row.problem) for row in rows] == [False, True, False]
    assert "longer" in rows[1].problem and len(rows[1].raw) < 5000


def test_rows_of_json(tmp_path):
    lines = [
        '{"id": "a", "title": {"zh": "衣", "en": "Top"}, "attributes": {"material": "wool"}}',
        '{"id": "b", ',
        "[1]",
        '{"id": NaN}',
        "",
        '{"id": ' + "9" * 5000 + "}",
        '{"id": ' + "[" * 70 + "]" * 70 + "}",
        json.dumps({"line": 3, "problems": [], "row": {"id": "mended"}}),
        '{"id": "z"}',
    ]
    source = look(write(tmp_path / "a.jsonl", "\n".join(lines)))
    rows = list(source.rows())
    assert rows[0].values == {"id": "a", "title_zh": "衣", "title_en": "Top", "attributes": {"material": "wool"}}
    assert [row.line for row in rows if row.problem] == [2, 3, 4, 6, 7]
    assert [row.values["id"] for row in rows if row.values] == ["a", "mended", "z"]
    assert not source.native


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", "id,name\n".encode("utf-16"), "UTF-16"),
        ("a.csv", b"id\n" + b"\xff\xff\n" * 9, "neither UTF-8 nor GB18030"),
        ("a.xlsx", b"PK\x03\x04", "save it as CSV"),
        ("a.json", b'[{"id": 1}]', "one object a line"),
        ("a.csv", b"," * 1000, "columns"),
        ("a.jsonl", b'{"vitrine_catalog": 2}\n', "newer Vitrine"),
        ("gone.csv", None, "not a file"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, name, data, says):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(CatalogError, match=says):
        look(path)


def test_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_LINES", 5)
    with pytest.raises(CatalogError, match="more than 5 lines"):
        look(write(tmp_path / "a.csv", "id\n" * 9))
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 5)
    with pytest.raises(CatalogError, match="split it"):
        look(tmp_path / "a.csv")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='ab",;\n\r\t|{}[]:衣\x00', max_size=120))
def test_no_text_breaks_the_reader_or_loses_a_line(text):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.csv", "id,name,n\n" + text)
        try:
            rows = list(look(path).rows())
        except CatalogError:
            return
        physical = path.read_bytes().split(b"\n")
        blank = sum(not line.strip(b" \r\n\t\x00\x0b\x0c") for line in physical)
        covered = sum(1 + row.raw.count("\n") for row in rows)
        assert covered + blank >= len(physical) - 1
