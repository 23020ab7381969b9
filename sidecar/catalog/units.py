"""Currencies of ISO 4217 with the signs that shops write, and units of length."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

_TWO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
    "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
    "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW"
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"

EXPONENTS: Mapping[str, int] = {
    code: places for codes, places in ((_TWO, 2), (_NONE, 0), (_THREE, 3)) for code in codes.split()
}

SIGNS: Mapping[str, str] = {
    "RMB": "CNY", "CN¥": "CNY", "人民币": "CNY", "元": "CNY", "圆": "CNY", "块": "CNY",
    "US$": "USD", "美元": "USD", "HK$": "HKD", "港币": "HKD", "港元": "HKD", "NT$": "TWD", "新台币": "TWD",
    "JP¥": "JPY", "日元": "JPY", "円": "JPY", "€": "EUR", "欧元": "EUR",
    "£": "GBP", "英镑": "GBP", "₩": "KRW", "韩元": "KRW",
}  # fmt: skip
"""Signs that mean one currency."""

SHARED_SIGNS: Mapping[str, tuple[str, ...]] = {
    "¥": ("CNY", "JPY"),
    "$": ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD"),
}
"""Signs that several currencies use: the first unless a currency is given beside them."""

CM_OF: Mapping[str, Decimal] = {
    **dict.fromkeys(("cm", "厘米", "公分", "centimetre", "centimetres", "centimeter", "centimeters"), Decimal(1)),
    **dict.fromkeys(("mm", "毫米", "millimetre", "millimetres", "millimeter", "millimeters"), Decimal("0.1")),
    **dict.fromkeys(("m", "米", "metre", "metres", "meter", "meters"), Decimal(100)),
    **dict.fromkeys(("in", "inch", "inches", "′′", '"', "''", "″", "英寸", "吋"), Decimal("2.54")),
    **dict.fromkeys(("ft", "foot", "feet", "英尺"), Decimal("30.48")),
}
"""Units of length, in centimetres."""
