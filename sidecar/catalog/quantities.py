"""Numbers as people write them in shop files: money, lengths, ratings, stock. Exact, and strict where it is unclear."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation

from .records import MAX_COUNT, Price, Rating
from .units import CM_OF, EXPONENTS, SHARED_SIGNS, SIGNS

_NUMBER = r"[0-9](?:[0-9.,' \u00a0]*[0-9])?"
_PLAIN = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_LENGTH = re.compile(rf"^({_NUMBER})\s*([^0-9\s]*)$")
_MONEY = re.compile(rf"^([^0-9]*?)\s*({_NUMBER})\s*([^0-9]*)$")
_SCORE = re.compile(rf"^({_NUMBER})\s*(?:/|out of|of)?\s*([0-9]+)?\s*(?:stars?|分|星)?$")
_GROUPED = re.compile(r"^[0-9]{1,3}(?:([,.' \u00a0])[0-9]{3})(?:\1[0-9]{3})*$")
_MAX_LENGTH = 60
_YES = {"in stock", "instock", "available", "yes", "有货", "现货", "是"}
_NO = {"out of stock", "outofstock", "sold out", "unavailable", "no", "无货", "缺货", "售罄", "否"}


class Unclear(ValueError):
    """The text says no such quantity; the message is the reason."""


def number(text: str) -> Decimal:
    """A number with a decimal point or comma and separators of thousands. `1.299` is 1.299 and `1,299` is 1299.

    Raises `Unclear`.
    """
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    digits = unicodedata.normalize("NFKC", text).strip().replace("\u00a0", " ")
    sign, digits = (-1, digits[1:]) if digits[:1] in ("-", "−") else (1, digits)
    if len(digits) > _MAX_LENGTH or not re.fullmatch(_NUMBER, digits):
        raise Unclear(f"{_quoted(text)} is no number")
    last = max(digits.rfind("."), digits.rfind(","))
    grouped = _GROUPED.match(digits)
    if grouped and (grouped[1] != "." or digits.count(".") > 1):
        whole, fraction = digits, ""
    elif last >= 0 and digits.count(digits[last]) == 1:
        whole, fraction = digits[:last], digits[last + 1 :]
    else:
        whole, fraction = digits, ""
    if not fraction.isdigit() and fraction:
        raise Unclear(f"{_quoted(text)} is no number")
    if not whole.isdigit() and not _GROUPED.match(whole):
        raise Unclear(f"{_quoted(text)} has separators in places where a number has none")
    try:
        return sign * Decimal(re.sub(r"[^0-9]", "", whole) + (f".{fraction}" if fraction else ""))
    except InvalidOperation as error:
        raise Unclear(f"{_quoted(text)} is no number") from error


def length_cm(text: str, *, unit: str | None = None) -> float:
    """A length in centimetres; `unit` where the text names none. Raises `Unclear`."""
    found = _LENGTH.match(unicodedata.normalize("NFKC", text).strip().casefold())
    if not found:
        raise Unclear(f"{_quoted(text)} is no length")
    written = found[2].rstrip(".") or unit
    if written is None:
        raise Unclear(f"{_quoted(text)} has no unit; write cm, mm, m or inch")
    factor = CM_OF.get(written)
    if factor is None:
        raise Unclear(f"{_quoted(written)} is not a unit of length")
    return float(round(number(found[1]) * factor, 4))


def price(text: str, *, currency: str | None = None) -> Price:
    """An amount in minor units; `currency` (ISO 4217) where the text names none, or a sign that several use.

    Raises `Unclear`.
    """
    found = _MONEY.match(unicodedata.normalize("NFKC", text).strip())
    if not found:
        raise Unclear(f"{_quoted(text)} is no price")
    named = {code for sign in (found[1], found[3]) if sign.strip() for code in [_currency(sign, currency)]}
    if len(named) > 1:
        raise Unclear(f"{_quoted(text)} names two currencies")
    code = named.pop() if named else currency
    if code is None:
        raise Unclear(f"{_quoted(text)} has no currency; map a column to currency, or give --currency")
    return in_minor_units(number(found[2]), code)


def in_minor_units(amount: Decimal, code: str) -> Price:
    """`amount` whole units of a currency of ISO 4217. Raises `Unclear`."""
    places = EXPONENTS.get(code)
    if places is None:
        raise Unclear(f"{_quoted(code)} is not a currency of ISO 4217")
    minor = amount.scaleb(places)
    if minor != minor.to_integral_value():
        raise Unclear(f"{amount} has more decimals than {code} has ({places})")
    if not 0 <= minor <= 10**13:
        raise Unclear(f"{amount} is no price")
    return Price(int(minor), code)


def currency(text: str) -> str:
    """The code of a currency that is written as a code or a sign. Raises `Unclear`."""
    return _currency(unicodedata.normalize("NFKC", text), None)


def _currency(sign: str, preferred: str | None) -> str:
    sign = sign.strip().rstrip(".").upper()
    if sign in EXPONENTS:
        return sign
    if sign in SIGNS:
        return SIGNS[sign]
    shared = SHARED_SIGNS.get(sign)
    if shared:
        return preferred if preferred in shared else shared[0]
    raise Unclear(f"{_quoted(sign)} is not a currency")


def stock(text: str) -> int | None:
    """How many there are; 0 for what is sold out, None for an unknown number in stock. Raises `Unclear`."""
    word = unicodedata.normalize("NFKC", text).strip().casefold()
    if word in _NO:
        return 0
    if word in _YES:
        return None
    amount = number(text)
    if amount != amount.to_integral_value() or not 0 <= amount <= MAX_COUNT:
        raise Unclear(f"{_quoted(text)} is no number of pieces")
    return int(amount)


def rating(text: str) -> Rating:
    """`4.5`, `4.5/5`, `9/10`, `4.5分`: the mean on a scale of 0 to 5. Raises `Unclear`."""
    found = _SCORE.match(unicodedata.normalize("NFKC", text).strip().casefold())
    if not found:
        raise Unclear(f"{_quoted(text)} is no rating")
    scale = Decimal(found[2] or 5)
    if scale not in (5, 10, 100):
        raise Unclear(f"{_quoted(text)} is on a scale that is not 5, 10 or 100")
    mean = number(found[1]) * 5 / scale
    if mean > 5:
        raise Unclear(f"{_quoted(text)} is more than its scale")
    return Rating(float(round(mean, 4)))


def _quoted(text: str) -> str:
    shown = text if len(text) <= 40 else text[:37] + "..."
    return repr(shown)
