"""Keeps the sizes of inputs free while PyTorch traces a model.

Model code turns sizes into Python's own numbers with `int(height / patch)`. To a tracer that is the end of the trail:
the number of this one run becomes a constant, and the exported graph answers at that size alone, without a word.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

_LIBRARIES = ("transformers.models.", "diffusers.models.")


class _Tracked(type):
    """Makes `Size` stand for `int` everywhere but in a call with a traced size."""

    def __call__(cls, value: Any = 0, *more: Any) -> Any:
        return value if isinstance(value, torch.Tensor) and not more else int(value, *more)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, int)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, int)


class Size(metaclass=_Tracked):
    """Python's `int`, except that a tensor stays one."""


@contextmanager
def kept_sizes(model: torch.nn.Module) -> Iterator[None]:
    """While this lasts, the modules that `model`'s classes come from call `Size` where they call `int`."""
    names = {type(part).__module__ for part in model.modules()}
    modules: list[ModuleType] = [sys.modules[name] for name in names if name.startswith(_LIBRARIES)]
    changed = [module for module in modules if "int" not in vars(module)]
    for module in changed:
        vars(module)["int"] = Size
    try:
        yield
    finally:
        for module in changed:
            del vars(module)["int"]
