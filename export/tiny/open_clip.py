"""A small SigLIP as OpenCLIP stores it: its names, its fused matrices, its description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

Shape = tuple[int, ...]


def write(tiny: Mapping[str, object], folder: Path) -> None:
    """Writes `open_clip_config.json` and `open_clip_model.safetensors`."""
    size = {name: value for name, value in tiny.items() if isinstance(value, int)}
    weights = {name: _draw(name, shape) for name, shape in shapes(size)}
    save_file(weights, str(folder / "open_clip_model.safetensors"))
    text = {
        "context_length": size["context_length"],
        "vocab_size": size["vocab_size"],
        "width": size["width"],
        "heads": size["heads"],
        "layers": size["layers"],
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
    }
    vision = {
        "image_size": size["image_size"],
        "timm_model_name": f"vit_base_patch{size['patch']}_siglip_{size['image_size']}",
        "timm_pool": "map",
        "timm_proj": "none",
        "layers": size["layers"],
    }
    config = {"model_cfg": {"embed_dim": size["width"], "text_cfg": text, "vision_cfg": vision}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def shapes(size: Mapping[str, int]) -> Iterator[tuple[str, Shape]]:
    """Every tensor of OpenCLIP's ViT-B-16-SigLIP, at these sizes."""
    width, wide = size["width"], 4 * size["width"]
    yield "logit_scale", ()
    yield "logit_bias", ()
    yield "text.positional_embedding", (size["context_length"], width)
    yield "text.token_embedding.weight", (size["vocab_size"], width)
    yield from _pair("text.ln_final", (width,))
    yield from _pair("text.text_projection", (width, width))
    yield "visual.trunk.pos_embed", (1, (size["image_size"] // size["patch"]) ** 2, width)
    yield from _pair("visual.trunk.patch_embed.proj", (width, 3, size["patch"], size["patch"]))
    yield from _pair("visual.trunk.norm", (width,))
    yield "visual.trunk.attn_pool.latent", (1, 1, width)
    pool = {"q": (width, width), "kv": (2 * width, width), "proj": (width, width), "norm": (width,)}
    pool |= {"mlp.fc1": (wide, width), "mlp.fc2": (width, wide)}
    for name, shape in pool.items():
        yield from _pair(f"visual.trunk.attn_pool.{name}", shape)
    for layer in range(size["layers"]):
        block = f"text.transformer.resblocks.{layer}"
        yield f"{block}.attn.in_proj_weight", (3 * width, width)
        yield f"{block}.attn.in_proj_bias", (3 * width,)
        parts = {"ln_1": (width,), "ln_2": (width,), "attn.out_proj": (width, width)}
        parts |= {"mlp.c_fc": (wide, width), "mlp.c_proj": (width, wide)}
        for name, shape in parts.items():
            yield from _pair(f"{block}.{name}", shape)
        block = f"visual.trunk.blocks.{layer}"
        parts = {"norm1": (width,), "norm2": (width,), "attn.qkv": (3 * width, width), "attn.proj": (width, width)}
        parts |= {"mlp.fc1": (wide, width), "mlp.fc2": (width, wide)}
        for name, shape in parts.items():
            yield from _pair(f"{block}.{name}", shape)


def _pair(name: str, shape: Shape) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _draw(name: str, shape: Shape) -> torch.Tensor:
    values = torch.randn(shape)
    if len(shape) > 1:
        return values.mul(values[0].numel() ** -0.5)
    return values.mul(0.1).add(1.0 if name.endswith(".weight") or name == "logit_scale" else 0.0)
