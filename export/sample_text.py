"""A text that decoders are tried on: what share of a model's choices survives rounding is a question of real sentences.

On random tokens a trained model is unsure of everything, and its choices change at a touch.
"""

from __future__ import annotations

from pathlib import Path

MAX_TOKENS = 192
MAX_TOKENIZER_BYTES = 64 << 20
TEXT = """The shop is on the second floor, between the bakery and the old cinema. You can try on every jacket in
front of the mirror; if the sleeves are too long, they will be shortened within two days. Prices include tax, and what
does not fit may be returned for thirty days as long as the label is still on it.
店里的外套都可以在镜子前试穿。如果袖子太长，两天之内就能改好。价格已经含税；不合身的衣服，只要吊牌还在，三十天内可以退货。
Question: I am 1.75 m tall and usually wear size M. Which coat would you recommend for a rainy spring? Answer: For
rain, take the light trench coat in M: it is waterproof, has a hood to take off, and leaves room for a sweater.
"""


def ids(source: Path, vocabulary: int) -> list[int]:
    """The text as tokens of the source's own tokenizer, at most 192; none where there is no tokenizer for it."""
    file = source / "tokenizer.json"
    if not file.is_file() or file.stat().st_size > MAX_TOKENIZER_BYTES:
        return []
    from tokenizers import Tokenizer

    tokens: list[int] = Tokenizer.from_str(file.read_text("utf-8")).encode(TEXT, add_special_tokens=False).ids
    return tokens[:MAX_TOKENS] if all(token < vocabulary for token in tokens) else []
