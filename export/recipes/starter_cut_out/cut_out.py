"""The cut-out network as its makers published it."""

from __future__ import annotations

from ...recipe import Accuracy
from .isnet import recipe

RECIPE = recipe(
    "cut-out",
    title="ISNet at 1024x1024",
    size=1024,
    accuracy=Accuracy(metric="max_abs", bound=2e-3),
    memory_mb=2100,
    notes="For any picture. About four times as slow as the pack at 512x512.",
)
