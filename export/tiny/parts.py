"""Parts that lie beside a denoiser's own weights, small and random: a LoRA, a list of self-attention modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

_RANK = 4
_PROCESSORS = 8  # modules below one self-attention, its processor counted


def write_lora(unet: Any, folder: Path) -> None:
    """A LoRA over all attention and convolution weights, named as the published LCM LoRA is."""
    weights: dict[str, torch.Tensor] = {}
    for name, module in unet.named_modules():
        wanted = ".attentions." in name or "conv" in name
        if not wanted or not isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            continue
        stem = "lora_unet_" + name.replace(".", "_")
        out, *inner = module.weight.shape
        weights[f"{stem}.lora_down.weight"] = torch.randn(_RANK, *inner) * 0.3
        weights[f"{stem}.lora_up.weight"] = torch.randn(out, _RANK, *([1] * (len(inner) - 1))) * 0.3
        weights[f"{stem}.alpha"] = torch.tensor(2.0)
    folder.mkdir(exist_ok=True)
    save_file(weights, str(folder / "pytorch_lora_weights.safetensors"))


def write_attention(unet: Any, file: Path) -> None:
    """Other self-attention weights, numbered as the published list is: each under the first module that has it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    weights: dict[str, torch.Tensor] = {}
    blocks = [module for name, module in unet.named_modules() if name.endswith(".attn1")]
    for index, block in enumerate(blocks):
        for name, value in block.state_dict().items():
            weights[f"{index * _PROCESSORS}.{name}"] = torch.randn_like(value) * value[0].numel() ** -0.5
    save_file(weights, str(file))
