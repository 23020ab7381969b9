"""The cut-out network with half its sides: sound on product pictures, not on every scene."""

from __future__ import annotations

from ...recipe import Accuracy
from .isnet import recipe

RECIPE = recipe(
    "cut-out-fast",
    title="ISNet at 512x512",
    size=512,
    accuracy=Accuracy(metric="agreement", bound=0.97),
    memory_mb=760,
    notes=(
        "For a product before a plain background, where it agrees with the full size on more than 99 % of the pixels. "
        "In crowded scenes it may choose another foreground than the full size does."
    ),
)
