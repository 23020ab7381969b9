"""The kinds of product and the zones of their size charts: names in both languages, and what shops call them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

_DROPPED = str.maketrans("", "", " _-./\\　·:：")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of product. `asset`: what try-on draws it as, empty where it is not worn; `words`: what shops call it,
    with `|` between."""

    zh: str
    en: str
    asset: str = ""
    words: str = ""


KINDS: Mapping[str, Kind] = {
    "glasses": Kind("眼镜", "Glasses", "glasses", "eyeglasses|spectacles|sunglasses|eyewear|太阳镜|墨镜|镜框"),
    "top": Kind(
        "上衣",
        "Top",
        "top",
        "tops|t-shirt|tee|shirt|hoodie|sweatshirt|sweater|blouse|long sleeve|polo|"
        "T恤|衬衫|卫衣|毛衣|针织衫|短袖|长袖|polo衫",
    ),
    "outer": Kind("外套", "Outerwear", "top", "jacket|coat|outerwear|parka|夹克|大衣|风衣|羽绒服"),
    "dress": Kind("连衣裙", "Dress", "dress", "dresses|gown|裙装"),
    "bottom": Kind(
        "下装",
        "Bottoms",
        "bottom",
        "bottoms|trousers|pants|jeans|shorts|skirt|"
        "裤子|长裤|短裤|牛仔裤|半身裙|裙子",
    ),
    "shoes": Kind("鞋", "Shoes", "", "shoe|sneakers|boots|鞋子|运动鞋|靴子"),
    "hat": Kind("帽子", "Hat", "hat", "hats|cap|beanie|帽"),
    "earrings": Kind("耳饰", "Earrings", "earrings", "earring|耳环|耳钉"),
    "necklace": Kind("项链", "Necklace", "necklace", "necklaces|pendant|吊坠"),
    "bag": Kind("包", "Bag", "", "bags|handbag|backpack|包包|手提包|双肩包"),
    "makeup": Kind("彩妆", "Make-up", "makeup", "make-up|cosmetics|lipstick|化妆品|口红|唇膏"),
    "furniture": Kind("家具", "Furniture", "", "sofa|chair|table|desk|bed|沙发|椅子|桌子|床"),
    "lamp": Kind("灯具", "Lamp", "", "lamps|lighting|灯|台灯|落地灯"),
    "car": Kind("汽车", "Car", "", "cars|vehicle|车|轿车"),
    "food": Kind("食品", "Food", "", "meal|snack|drink|美食|食物|餐食"),
    "other": Kind("其他", "Other", "", "misc|其它"),
}

ZONES: Mapping[str, tuple[str, ...]] = {
    "chest": ("chest", "bust", "胸围"),
    "waist": ("waist", "腰围"),
    "hips": ("hips", "hip", "臀围"),
    "shoulder": ("shoulder", "shoulders", "shoulder width", "肩宽"),
    "length": ("length", "body length", "衣长", "裤长", "裙长", "长度"),
    "sleeve": ("sleeve", "sleeve length", "袖长"),
    "hem": ("hem", "下摆"),
    "neck": ("neck", "collar", "领围"),
    "thigh": ("thigh", "腿围", "大腿围"),
    "inseam": ("inseam", "内长", "内侧缝"),
    "head": ("head", "head circumference", "头围"),
    "foot": ("foot", "foot length", "脚长"),
    "frame_width": ("frame width", "frame", "镜框宽", "总宽"),
    "lens_width": ("lens width", "lens", "镜片宽"),
    "bridge": ("bridge", "bridge width", "鼻梁", "鼻梁宽"),
    "temple": ("temple", "temple length", "镜腿", "镜腿长"),
}
"""Zones of a size chart: the first name is English, the last ones are Chinese. All are centimetres of the product."""


def normalised(name: str) -> str:
    """A name without case, width, spaces and joining signs: `Product ID` and `product_id` are one."""
    return unicodedata.normalize("NFKC", name).casefold().translate(_DROPPED)


_KIND_NAMES = {
    normalised(name): kind for kind, of in KINDS.items() for name in (kind, of.zh, of.en, *of.words.split("|")) if name
}
_ZONE_NAMES = {normalised(name): zone for zone, names in ZONES.items() for name in (zone, *names)}


def kind_of(text: str) -> str | None:
    """The kind that a shop's word means, None where it means none."""
    return _KIND_NAMES.get(normalised(text))


def zone_of(text: str) -> str | None:
    """The zone of a size chart that a shop's word means, None where it means none."""
    return _ZONE_NAMES.get(normalised(text))
