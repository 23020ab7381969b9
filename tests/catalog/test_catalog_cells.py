"""Columns and cells as shops write them, in zh and en."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.catalog import cells, quantities
from sidecar.catalog.cells import Defaults
from sidecar.catalog.columns import assign
from sidecar.catalog.errors import CatalogError
from sidecar.catalog.quantities import Unclear
from sidecar.catalog.records import Price
from sidecar.catalog.validate import BadRow, applied, changes


@pytest.mark.parametrize(
    ("written", "number"),
    [
        *(("1,299.00", "1299.00"), ("1.299,00", "1299.00"), ("1 299", "1299"), ("12'000.50", "12000.50")),
        *(("1,299", "1299"), ("1.299", "1.299"), ("1,29", "1.29"), ("-5", "-5"), ("１２．５", "12.5")),
    ],
)
def test_numbers(written, number):
    assert str(quantities.number(written)) == number


@pytest.mark.parametrize("written", ["", "1,2,3", "1.2.3", "٣", "1e5", "--5", "five", "9" * 80, "1..2", "12,34,56"])
def test_what_is_no_number(written):
    with pytest.raises(Unclear):
        quantities.number(written)


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ("¥199.00", (19900, "CNY")),
        ("￥199", (19900, "CNY")),
        ("RMB199", (19900, "CNY")),
        ("199元", (19900, "CNY")),
        ("￥99元", (9900, "CNY")),
        ("$1,299.00", (129900, "USD")),
        ("USD 19.99", (1999, "USD")),
        ("1.299,00 €", (129900, "EUR")),
        ("JPY 1200", (1200, "JPY")),
        ("HK$ 20", (2000, "HKD")),
        ("1.234 KWD", (1234, "KWD")),
    ],
)
def test_prices(written, price):
    assert quantities.price(written) == Price(*price)


@pytest.mark.parametrize(
    "written", ["199", "free", "19.999$", "¥1.5k", "$5€", "-5 CNY", "XYZ 5", "CNY", "99999999999999 CNY"]
)
def test_what_is_no_price(written):
    with pytest.raises(Unclear):
        quantities.price(written)


def test_a_currency_beside_the_price_decides():
    assert quantities.price("¥1200", currency="JPY") == Price(1200, "JPY")
    assert quantities.price("$5", currency="SGD") == Price(500, "SGD")
    assert quantities.price("$5", currency="CNY") == Price(500, "USD")


@pytest.mark.parametrize(
    ("written", "cm"),
    [
        *(("92cm", 92), ("920 mm", 92), ('36"', 91.44), ("36 in.", 91.44), ("36英寸", 91.44), ("0.92米", 92)),
        *(("92厘米", 92), ("3ft", 91.44), ("27″", 68.58), ("９２ｃｍ", 92)),
    ],
)
def test_lengths(written, cm):
    assert quantities.length_cm(written) == cm


@pytest.mark.parametrize("written", ["92", "cm", "92 furlongs", "-3cm", "1 2 3 x 4cm", "90-95cm"])
def test_what_is_no_length(written):
    with pytest.raises(Unclear):
        quantities.length_cm(written)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_no_text_breaks_a_reader(text):
    for read in (quantities.number, quantities.price, quantities.length_cm, quantities.rating, quantities.stock):
        try:
            read(text)
        except Unclear as error:
            assert str(error)


def fields(*columns: str, pictures: bool = True, **given: str) -> dict[str, tuple[str, str]]:
    return {one.column: (one.field, one.unit) for one in assign(columns, given, pictures=pictures)}


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("SKU", ("id", "")),
        ("货号", ("id", "")),
        ("Product ID", ("id", "")),
        ("ＩＤ", ("id", "")),
        ("title_en", ("title_en", "")),
        ("中文名称", ("title_zh", "")),
        ("名称", ("title", "")),
        ("售价（元）", ("price", "元")),
        ("Price USD", ("price", "USD")),
        ("price_cny", ("price", "CNY")),
        ("Width (mm)", ("width", "mm")),
        ("宽度/厘米", ("width", "厘米")),
        ("height_in", ("height", "in")),
        ("M胸围", ("size.M.chest", "")),
        ("chest_xl", ("size.XL.chest", "")),
        ("L sleeve (cm)", ("size.L.sleeve", "cm")),
        ("Colour", ("colours", "")),
        ("面料", ("attribute.material", "")),
        ("主图", ("pictures", "")),
        ("Name (EN)", ("", "")),
        ("remarks", ("", "")),
        ("m", ("", "")),
        ("", ("", "")),
    ],
)
def test_columns_are_guessed(column, field):
    assert fields(column)[column] == field


def test_what_is_given_goes_before_what_is_guessed():
    found = fields("Name", "标题", "SKU", title_en="Name", title_zh="标题", id="SKU")
    assert [field for field, _ in found.values()] == ["title_en", "title_zh", "id"]
    assert fields("名称", "标题")["标题"] == ("", "")  # the first of two for one field
    assert fields("image", pictures=False)["image"] == ("", "")


@pytest.mark.parametrize(
    "given", [{"ufo": "Name"}, {"title": "gone"}, {"size.M.tail": "Name"}, {"attribute.Bad": "Name"}]
)
def test_a_wrong_map_is_refused(given):
    with pytest.raises(CatalogError):
        assign(["Name"], given, pictures=False)


def record(row: dict, *, defaults: Defaults | None = None, existing=None):
    assigned = assign(list(row), {}, pictures=True)
    defaults = defaults or Defaults()
    return applied(existing, changes(row, assigned, defaults), assigned, defaults)


BASE = {"id": "a", "kind": "top", "title": "Tee"}


@pytest.mark.parametrize(
    ("cell", "is_so"),
    [
        ({"title": "条纹T恤"}, lambda made: (made.title.zh, made.title.en) == ("条纹T恤", "")),
        ({"price": 199.5, "currency": "人民币"}, lambda made: made.price == Price(19950, "CNY")),
        ({"stock": "售罄"}, lambda made: made.stock == 0),
        ({"stock": "现货"}, lambda made: made.stock is None),
        ({"rating": "9/10", "reviews": "1,204"}, lambda made: (made.rating.mean, made.rating.count) == (4.5, 1204)),
        ({"width": "85cm", "高": "0.9米"}, lambda made: (made.real_size.width, made.real_size.height) == (0.85, 0.9)),
        ({"sizes": "S: 胸围 92，衣长 25.6in；M: 胸围=96"}, lambda made: made.size_chart.sizes["S"]["length"] == 65.024),
        ({"sizes": '{"S": {"bust": "920mm"}}'}, lambda made: made.size_chart.sizes == {"S": {"chest": 92.0}}),
        ({"M胸围": "98", "chest_L": "102"}, lambda made: made.size_chart.base == "M"),
        ({"colour": "红色; 藏青: #203050; 雾霾蓝"}, lambda made: [c.id for c in made.colours][:2] == ["red", "navy"]),
        ({"material": "棉"}, lambda made: made.attributes == {"material": "棉"}),
        ({"attributes": "fit=loose; season=夏"}, lambda made: made.attributes == {"fit": "loose", "season": "夏"}),
        ({"care": "冷水洗\n勿烘干"}, lambda made: [text.zh for text in made.rules.care] == ["冷水洗", "勿烘干"]),
        ({"care_zh": "冷水洗", "care_en": "Wash cold"}, lambda made: made.rules.care[0].en == "Wash cold"),
        ({"goes with": "裤子|b-2;fit=loose"}, lambda made: made.rules.goes_with == ("kind:bottom", "b-2", "fit=loose")),
        ({"views": "0: a.png; -90: b.png"}, lambda made: [view.yaw_deg for view in made.views] == [0, -90]),
        ({"images": "a.png, b c.png"}, lambda made: made.pictures == ("a.png", "b c.png")),
    ],
)
def test_cells_become_records(cell, is_so):
    made = record(BASE | cell)
    assert is_so(made), made


def test_an_empty_cell_says_nothing_and_null_clears():
    first = record(BASE | {"price": "5 CNY", "stock": 3, "title_zh": "衣"})
    second = record({"id": "a", "price": " ", "stock": None, "title_zh": "衫"}, existing=first)
    assert (second.price, second.stock, second.title.zh, second.title.en) == (first.price, None, "衫", "Tee")


def test_defaults():
    made = record({"id": "a", "title": "x", "price": "5", "width": "20"}, defaults=Defaults("EUR", "mm", "lamp"))
    assert (made.kind, made.price, made.real_size.width) == ("lamp", Price(500, "EUR"), 0.02)


@pytest.mark.parametrize(
    ("cell", "field"),
    [
        ({"kind": "ufo"}, "kind"),
        ({"price": "5"}, "price"),
        ({"width": "20"}, "width"),
        ({"sizes": "S"}, "sizes"),
        ({"sizes": "{"}, "sizes"),
        ({"colour": "red: blue"}, "colour"),
        ({"id": "a b"}, "id"),
        ({"title": "x" * 300}, "title"),
        ({"title": ["x"]}, "title"),
        ({"title": "\x07"}, "record"),
        ({"stock": True}, "stock"),
        ({"views": "front.png"}, "views"),
        ({"goes with": "a/b"}, "goes with"),
        ({"attributes": "x"}, "attributes"),
    ],
)
def test_every_problem_names_its_column(cell, field):
    with pytest.raises(BadRow) as caught:
        record(BASE | cell)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_all_problems_of_a_row_are_told():
    with pytest.raises(BadRow) as caught:
        record(BASE | {"price": "free", "stock": "-1", "rating": "7"})
    assert [problem.field for problem in caught.value.problems] == ["price", "stock", "rating"]


def test_colours_of_unknown_names_keep_their_ids():
    names = "雾霾蓝,香芋紫,Dusty Rose"
    assert record(BASE | {"colour": names}).colours == record(BASE | {"colour": names}).colours
    ids = [colour.id for colour in record(BASE | {"colour": names}).colours]
    assert len(set(ids)) == 3 and ids[2] == "dusty-rose"


def test_cells_are_normalised():
    assert cells.text(" e\u0301\r\n ") == "é"
