"""Try-on by laying the garment beside the person (CatVTON, arXiv:2407.15886): an inpainting denoiser without text.

Its cross-attention hands the hidden state on as it is, and the self-attention has weights of its own, published as a
flat list of the modules below each self-attention, in the order in which PyTorch names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ..errors import SourceError

# Number of a module within one self-attention -> what it is. The last is the attention processor, which has no weights
# and is counted only where it is a module itself.
_MODULES = ("", "to_q", "to_k", "to_v", "to_out", "to_out.0", "to_out.1", "processor")


class WithoutText:
    """Stands in place of cross-attention: the hidden state passes through."""

    def __call__(self, attn: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """[batch, tokens, width], unchanged."""
        return hidden_states


def adapt(unet: Any, folder: Path) -> None:
    """Turns an inpainting denoiser into one for try-on, with the attention weights of `folder` (one safetensors file).

    Raises `SourceError` where the weights do not fit.
    """
    processors = unet.attn_processors
    unet.set_attn_processor({name: WithoutText() if ".attn2." in name else kept for name, kept in processors.items()})
    files = sorted(folder.rglob("*.safetensors"))
    if len(files) != 1:
        raise SourceError(f"{folder.name} holds {len(files)} safetensors files; one is expected.")
    blocks = [module for name, module in unet.named_modules() if name.endswith(".attn1")]
    weights = load_file(files[0])
    for stride in (len(_MODULES), len(_MODULES) - 1):
        if _load(blocks, weights, stride):
            return
    raise SourceError(f"{files[0].name} does not hold the self-attention of this denoiser.")


def _load(blocks: list[Any], weights: Mapping[str, torch.Tensor], stride: int) -> bool:
    """Loads every block if the list was numbered with `stride` modules a block; changes nothing otherwise."""
    chosen: dict[tuple[int, str], torch.Tensor] = {}
    for name, value in weights.items():
        number, _, rest = name.partition(".")
        if not number.isdigit() or int(number) >= stride * len(blocks):
            return False
        module = _MODULES[int(number) % stride]
        chosen[int(number) // stride, f"{module}.{rest}" if module else rest] = value
    for index, block in enumerate(blocks):
        own = block.state_dict()
        if {name for at, name in chosen if at == index} != set(own):
            return False
        if any(chosen[index, name].shape != value.shape for name, value in own.items()):
            return False
    for index, block in enumerate(blocks):
        block.load_state_dict({name: value.float() for (at, name), value in chosen.items() if at == index})
    return True
