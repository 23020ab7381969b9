"""Adds a low-rank adapter (LoRA) to a denoiser's weights for good: W += scale * alpha / rank * up @ down.

Two ways of naming are in use: `lora_unet_down_blocks_0_..._to_q.lora_down.weight` with an `alpha`, and
`unet.down_blocks.0....to_q.lora_A.weight`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ..errors import SourceError

_DOWN = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight")
_UP = (".lora_up.weight", ".lora_B.weight", ".lora.up.weight")


def fuse(unet: Any, folder: Path, *, scale: float = 1.0) -> None:
    """Fuses the one safetensors file of `folder` into `unet`. Raises `SourceError` if a tensor has no place there."""
    files = sorted(folder.rglob("*.safetensors"))
    if len(files) != 1:
        raise SourceError(f"{folder.name} holds {len(files)} safetensors files; one is expected.")
    modules = {name.replace(".", "_"): module for name, module in unet.named_modules() if hasattr(module, "weight")}
    weights = load_file(files[0])
    used: set[str] = set()
    for name in weights:
        for down, up in zip(_DOWN, _UP, strict=True):
            if name.endswith(down):
                stem = name.removesuffix(down)
                used |= {name, stem + up, stem + ".alpha"}
                _add(modules, weights, stem, down, up, scale)
    left = set(weights) - used
    if left or not used:
        raise SourceError(f"{files[0].name} holds no LoRA of this denoiser: {', '.join(sorted(left)[:3])}.")


def _add(
    modules: dict[str, Any], weights: dict[str, torch.Tensor], stem: str, down: str, up: str, scale: float
) -> None:
    place = stem.removeprefix("lora_unet_").removeprefix("unet.").replace(".", "_")
    if place not in modules or stem + up not in weights:
        raise SourceError(f"The LoRA changes {stem}, which this denoiser does not have.")
    low, high, weight = weights[stem + down].float(), weights[stem + up].float(), modules[place].weight
    rank = low.shape[0]
    alpha = float(weights[stem + ".alpha"]) if stem + ".alpha" in weights else float(rank)
    change = high.flatten(1) @ low.flatten(1)
    if high.shape[1:].numel() != rank or change.numel() != weight.numel():
        raise SourceError(f"The LoRA's {stem} has another shape than the denoiser's.")
    with torch.no_grad():
        weight += (scale * alpha / rank) * change.reshape(weight.shape)
