"""Shop files for tests: seeded, with a known number of rows that are broken in known ways."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEADER = (
    *("商品编号", "类目", "品牌", "中文名", "Title EN", "价格(元)"),
    *("库存", "评分", "宽度(cm)", "尺码表", "颜色", "Material"),
)
KINDS = ("T恤", "眼镜", "连衣裙", "裤子", "hat", "sofa", "耳环", "鞋")

Break = Callable[[list[str]], None]


def _put(column: int, text: str) -> Break:
    def change(cells: list[str]) -> None:
        cells[column] = text

    return change


BREAKS: tuple[tuple[str, Break], ...] = (
    ("商品编号", _put(0, "")),
    ("商品编号", _put(0, "no spaces allowed")),
    ("类目", _put(1, "flux capacitor")),
    ("价格(元)", _put(5, "19.999")),
    ("价格(元)", _put(5, "free")),
    ("库存", _put(6, "-3")),
    ("评分", _put(7, "11/10")),
    ("宽度(cm)", _put(8, "9 furlongs")),
    ("尺码表", _put(9, "S chest 92")),
    ("line", lambda cells: cells.pop()),
)
"""Field that the report must name, and how a row is spoilt."""


@dataclass(frozen=True)
class ShopFile:
    """A file, the ids that are sound in it, and what is broken by line."""

    path: Path
    ids: tuple[str, ...]
    broken: dict[int, str]


def cells(number: int, chance: random.Random) -> list[str]:
    """One sound row."""
    chest = chance.randrange(84, 120)
    description = f'牛仔 "No. {number}", 均码' if number % 7 == 0 else f"商品 {number}"
    return [
        f"SKU-{number:05d}",
        KINDS[number % len(KINDS)],
        chance.choice(("海岸", "Northlight", "O'Dell, Sons")),
        description,
        f"Product {number}" + ("\nin two lines" if number % 11 == 0 else ""),
        chance.choice(("{}", "¥{}", "{}.50", "1,{}.00")).format(chance.randrange(100, 999)),
        chance.choice((str(chance.randrange(500)), "有货", "售罄")),
        f"{chance.randrange(20, 50) / 10}",
        f"{chance.randrange(200, 2000) / 10}",
        f"S: 胸围 {chest}, 衣长 62cm; M: 胸围 {chest + 4}, 衣长 25.6in",
        chance.choice(("红色, 藏青", "red: #c03030; black", "米白")),
        chance.choice(("wool", "棉", "linen 55 %")),
    ]


def csv_file(path: Path, rows: int, *, seed: int = 7, broken: float = 0.01, encoding: str = "utf-8-sig") -> ShopFile:
    """A CSV of `rows` products, so many of them broken."""
    chance = random.Random(seed)
    bad = set(chance.sample(range(rows), round(rows * broken)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    found: dict[int, str] = {}
    ids: list[str] = []
    for number in range(rows):
        row = cells(number, chance)
        if number in bad:
            field, change = BREAKS[len(found) % len(BREAKS)]
            found[out.getvalue().count("\n") + 1] = field
            change(row)
        else:
            ids.append(row[0])
        writer.writerow(row)
    path.write_bytes(out.getvalue().encode(encoding))
    return ShopFile(path, tuple(ids), found)


def jsonl_file(path: Path, records: list[dict[str, Any]]) -> Path:
    """One object a line."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path
