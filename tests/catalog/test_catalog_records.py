"""Records refuse what no product can be, and say what is wrong."""

from __future__ import annotations

import msgspec
import pytest
from catalog.conftest import RECORD, product

from sidecar.catalog import samples
from sidecar.catalog.kinds import KINDS, kind_of, zone_of
from sidecar.catalog.landmarks import LAYOUTS, top_landmarks, top_places
from sidecar.catalog.records import Product, title


def test_a_whole_record_is_taken():
    made = product()
    assert msgspec.json.decode(msgspec.json.encode(made), type=Product) == made


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ({"id": "a b"}, "regex"),
        ({"id": "a" * 65}, "regex"),
        ({"id": "ok\n"}, "regex"),
        ({"kind": "ufo"}, "not a kind"),
        ({"title": {}}, "title in zh or en"),
        ({"title": {"en": "x" * 201}}, "length <= 200"),
        ({"title": {"en": "\x1b[2J"}}, "cannot be shown"),
        ({"brand": "\ud800"}, "cannot be shown"),
        ({"attributes": {"a": "\x7f"}}, "cannot be shown"),
        ({"attributes": {"a": ["fine", "\u202e"]}}, "cannot be shown"),
        ({"attributes": {"a": "\\\\\r"}}, "cannot be shown"),
        ({"attributes": {"a": float("inf")}}, "not finite"),
        ({"price": {"minor": 1.5, "currency": "CNY"}}, "int"),
        ({"price": {"minor": 100, "currency": "XXX"}}, "ISO 4217"),
        ({"stock": -1}, ">= 0"),
        ({"rating": {"mean": 5.1}}, "<= 5"),
        ({"rating": {"mean": float("nan")}}, ">= 0"),
        ({"attributes": {"Material": "wool"}}, "regex"),
        ({"attributes": {"a": {"b": 1}}}, "Expected"),
        ({"attributes": {f"a{n}": n for n in range(65)}}, "length <= 64"),
        ({"size_chart": {"base": "L", "sizes": {"S": {"chest": 90}}}}, "base size"),
        ({"size_chart": {"base": "S", "sizes": {"S": {"tail": 90}}}}, "no zone"),
        ({"size_chart": {"base": "S", "sizes": {"S": {"chest": 0}}}}, "> 0"),
        ({"real_size": {}}, "width, height or depth"),
        ({"colours": [{"id": "red"}, {"id": "red"}]}, "twice"),
        ({"views": [{"yaw_deg": 0, "picture": "a"}, {"yaw_deg": 0.0, "picture": "b"}]}, "twice"),
        ({"rules": {"goes_with": ["kind:ufo"]}}, "not a kind"),
        ({"rules": {"goes_with": ["a/b"]}}, "regex"),
        ({"surprise": 1}, "unknown field"),
    ],
)
def test_a_damaged_record_is_refused(damage, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(RECORD | damage, Product)


@pytest.mark.parametrize("text", ["\\u0041", "C:\\bin\\new", "two\nlines\tand a tab", "👩\u200d🔬", 'say "\\r"'])
def test_texts_that_can_be_shown(text):
    assert product(attributes={"note": text}).attributes["note"] == text


def prepared(**changes):
    places = top_places(samples.record("sample-top-2").landmarks)
    whole = {"kind": "top", "source": "a", "picture": "a", "parts": "b", "method": "hand", "confidence": 1.0}
    return product(prepared=[whole | {"landmarks": places} | changes])


@pytest.mark.parametrize(
    ("lost", "sound"),
    [
        ((), True),
        (("neck_left",), False),
        (("sleeve_left_elbow_outer",), False),
        (("sleeve_left_elbow_outer", "sleeve_left_elbow_inner"), True),
        (("sleeve_left_cuff_outer", "sleeve_left_cuff_inner"), False),
        (tuple(f"sleeve_left_{step}_{edge}" for step in ("elbow", "cuff") for edge in ("outer", "inner")), True),
    ],
)
def test_the_places_of_a_top_are_whole(lost, sound):
    places = top_places(samples.record("sample-top-2").landmarks)
    left = {name: place for name, place in places.items() if name not in lost}
    if sound:
        assert prepared(landmarks=left).prepared[0].landmarks.keys() == left.keys()
    else:
        with pytest.raises(msgspec.ValidationError, match="landmark"):
            prepared(landmarks=left)


@pytest.mark.parametrize("changes", [{"kind": "ufo"}, {"confidence": 1.5}, {"landmarks": {"tail": (1, 1)}}])
def test_other_prepared_nonsense_is_refused(changes):
    with pytest.raises(msgspec.ValidationError):
        prepared(**changes)


@pytest.mark.parametrize("name", ["sample-top-1", "sample-top-2"])
def test_places_of_a_top_go_there_and_back(name):
    found = samples.record(name).landmarks
    back = top_landmarks(top_places(found))
    assert back == found
    assert LAYOUTS["top"].missing(top_places(found)) == []


def test_the_outlines_and_lines_name_places_that_there_are():
    for layout in LAYOUTS.values():
        known = layout.template.keys()
        assert {name for line in layout.lines for name in line} <= known
        assert {name for part in layout.parts for name in part.outline} <= known
        assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in layout.template.values())


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("T恤", "top"),
        ("t-shirt", "top"),
        ("Ｓｕｎｇｌａｓｓｅｓ", "glasses"),
        ("牛仔裤", "bottom"),
        ("Sofa", "furniture"),
        ("ufo", None),
    ],
)
def test_kinds_as_shops_write_them(written, kind):
    assert kind_of(written) == kind


def test_kinds_and_zones_have_names_in_both_languages():
    assert all(kind_of(of.zh) == name and kind_of(of.en) == name for name, of in KINDS.items())
    assert zone_of("胸围") == zone_of("Bust") == "chest"
    assert zone_of("tail") is None


def test_titles_fall_back_to_the_other_language():
    assert title(product(), "zh") == "羊毛大衣"
    assert title(product(title={"en": "Coat"}), "zh") == "Coat"
