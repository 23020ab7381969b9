"""Which column of a file holds what: guessed from its name in zh or en, or given with `--map FIELD=COLUMN`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .errors import CatalogError
from .kinds import ZONES, normalised, zone_of
from .units import CM_OF, EXPONENTS, SIGNS

_WORDS = {
    "id": "id|sku|skuid|product id|item id|item no|article|code|goods id|"
    "编号|货号|商品编号|商品编码|商品id|款号|产品编号",
    "kind": "kind|category|type|product type|class|类目|类别|分类|品类|商品分类|商品类型",
    "brand": "brand|vendor|maker|manufacturer|品牌|牌子|厂家",
    "title": "title|name|product name|item name|名称|标题|商品名称|商品名|品名|产品名称",
    "title_zh": "title zh|title cn|name zh|name cn|chinese name|chinese title|中文名|中文名称|中文标题",
    "title_en": "title en|name en|english name|english title|英文名|英文名称|英文标题",
    "description": "description|desc|details|body|描述|详情|商品描述|商品详情|介绍",
    "description_zh": "description zh|description cn|desc zh|desc cn|中文描述|中文介绍",
    "description_en": "description en|desc en|英文描述|英文介绍",
    "price": "price|unit price|amount|price amount|sale price|retail price|价格|单价|售价|现价|零售价",
    "price_minor": "price minor|price cents|cents|分价",
    "currency": "currency|currency code|price currency|币种|货币",
    "stock": "stock|quantity|qty|inventory|availability|库存|数量|存货|库存数量",
    "rating": "rating|score|stars|rating mean|评分|星级|好评",
    "rating_count": "rating count|ratings|reviews|review count|评价数|评论数|评分人数",
    "width": "width|real size width|宽|宽度",
    "height": "height|real size height|高|高度",
    "depth": "depth|real size depth|深|深度|进深",
    "size_chart": "size chart|sizes|尺码表|尺寸表",
    "base_size": "base size|sample size|model size|基准尺码|样衣尺码",
    "colours": "colours|colors|colour|color|颜色|配色",
    "pictures": "pictures|images|photos|picture|image|photo|image file|图片|商品图|主图|图",
    "views": "views|turntable|angles|视角|多角度图",
    "glb": "glb|model|3d|3d model|模型|3d模型",
    "care": "care|care instructions|washing|洗涤|护理|保养|洗涤说明",
    "care_zh": "care zh|care cn|中文护理",
    "care_en": "care en|英文护理",
    "goes_with": "goes with|match with|pairs with|搭配|适合搭配",
    "not_with": "not with|avoid with|不搭|不宜搭配|忌搭",
    "attributes": "attributes|properties|属性|参数",
    "attribute.material": "material|fabric|composition|材质|面料|成分",
    "attribute.season": "season|季节|适用季节",
    "attribute.style": "style|风格",
    "attribute.fit": "fit|版型",
    "attribute.pattern": "pattern|图案|花型",
    "attribute.gender": "gender|sex|性别|适用性别",
}
FIELDS: Mapping[str, tuple[str, ...]] = {field: tuple(names.split("|")) for field, names in _WORDS.items()}
"""Field -> how shops name its column."""

LENGTHS = ("width", "height", "depth", "size_chart")
_BY_NAME = {normalised(name): field for field, names in FIELDS.items() for name in (field, *names)}
_ATTRIBUTE = re.compile(r"^attribute\.[a-z][a-z0-9_]{0,39}\Z")
_SIZE = re.compile(r"^size\.[^.]{1,24}\.[a-z_]{1,39}\Z")
_LABEL = r"(?:XXS|XS|S|M|L|XL|XXL|XXXL|[2-6]XL|[0-9]{2,3}|均码)"
_SIZE_FIRST = re.compile(rf"^{_LABEL}(?=[ _./-]|[^\x00-\x7f])", re.IGNORECASE)
_SIZE_LAST = re.compile(rf"(?:(?<=[ _./-])|(?<=[^\x00-\x7f])){_LABEL}$", re.IGNORECASE)
_BRACKETED = re.compile(r"^(.+?)\s*[(（\[【/]\s*([^()（）\[\]【】/]{1,12}?)\s*[)）\]】]?$")
_SUFFIXED = re.compile(r"^(.+?)[ _](mm|cm|m|in|inch|ft|[a-z]{3})$", re.IGNORECASE)

How = Literal["given", "guessed", "ignored"]


@dataclass(frozen=True, slots=True)
class Assigned:
    """One column: the field it fills, empty where it is ignored, and the unit or currency that its name tells."""

    column: str
    field: str = ""
    unit: str = ""
    how: How = "ignored"


def assign(columns: Sequence[str], given: Mapping[str, str], *, pictures: bool) -> tuple[Assigned, ...]:
    """Every column in order. `given` field -> column goes before what is guessed; without a folder of `pictures`
    nothing that names files is read. Raises `CatalogError` for a field or column that is not there."""
    by_column = _checked(columns, given)
    taken = set(given)
    found: list[Assigned] = []
    for column in columns:
        if column in by_column:
            unit = _split(column)[1]
            found.extend(Assigned(column, field, unit, "given") for field in by_column[column])
            continue
        field, unit = _guess(column)
        if not field or field in taken or (field in ("pictures", "views", "glb") and not pictures):
            found.append(Assigned(column))
            continue
        taken.add(field)
        found.append(Assigned(column, field, unit, "guessed"))
    return tuple(found)


def _checked(columns: Sequence[str], given: Mapping[str, str]) -> dict[str, list[str]]:
    by_column: dict[str, list[str]] = {}
    for field, column in given.items():
        if not is_field(field):
            raise CatalogError(f"{field} is not a field. Fields: {', '.join(FIELDS)}, attribute.NAME, size.SIZE.ZONE.")
        if column not in columns:
            raise CatalogError(f"The file has no column {column!r}. Its columns: {', '.join(columns)}")
        by_column.setdefault(column, []).append(field)
    return by_column


def is_field(field: str) -> bool:
    """Whether a name may stand before the `=` of `--map`."""
    if _SIZE.match(field):
        return field.rpartition(".")[2] in ZONES
    return field in FIELDS or bool(_ATTRIBUTE.match(field))


def _guess(column: str) -> tuple[str, str]:
    """The field and unit that a column's name means, empty where none."""
    field = _BY_NAME.get(normalised(column)) or _size_field(column)
    if field:
        return field, ""
    name, unit = _split(column)
    field = _BY_NAME.get(normalised(name)) or _size_field(name) or ""
    return (field, unit) if field else ("", "")


def _split(column: str) -> tuple[str, str]:
    """`Width (mm)`, `宽度/厘米`, `price_usd`: the name and the unit or currency."""
    for pattern in (_BRACKETED, _SUFFIXED):
        found = pattern.match(column.strip())
        if found and (found[2].lower() in CM_OF or found[2].upper() in EXPONENTS or found[2].upper() in SIGNS):
            unit = found[2].lower() if found[2].lower() in CM_OF else found[2].upper()
            return found[1], unit
    return column, ""


def _size_field(column: str) -> str | None:
    """`M chest`, `chest_m`, `M胸围`: the size and zone of a chart that is spread over columns."""
    name = column.strip()
    for pattern in (_SIZE_FIRST, _SIZE_LAST):
        found = pattern.search(name)
        zone = zone_of(name[: found.start()] + name[found.end() :]) if found else None
        if found and zone:
            return f"size.{found[0].upper()}.{zone}"
    return None
