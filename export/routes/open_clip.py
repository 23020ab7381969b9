"""SigLIP as OpenCLIP stores it (a timm image tower, OpenCLIP's text transformer), read into transformers' classes.

The two compute the same; only the names differ, and OpenCLIP keeps query, key and value in one matrix.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file

from ..errors import SourceError, UnknownArchitecture

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
_LIBRARY: Any = transformers
_HEAD_SIZE = 64  # of every ViT-B and ViT-L
_TOWER = re.compile(r"vit_(tiny|small|base|large)_patch(\d+)_siglip_\d+")

# Names within a block, here and there; a tuple takes the parts of one fused matrix.
_TEXT_BLOCK = {
    "ln_1": "layer_norm1",
    "attn.in_proj_": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attn.out_proj": "self_attn.out_proj",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_IMAGE_BLOCK = {
    "norm1": "layer_norm1",
    "attn.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attn.proj": "self_attn.out_proj",
    "norm2": "layer_norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_SINGLE = {
    "text.ln_final": "text_model.final_layer_norm",
    "text.text_projection": "text_model.head",
    "visual.trunk.patch_embed.proj": "vision_model.embeddings.patch_embedding",
    "visual.trunk.norm": "vision_model.post_layernorm",
    "visual.trunk.attn_pool.proj": "vision_model.head.attention.out_proj",
    "visual.trunk.attn_pool.norm": "vision_model.head.layernorm",
    "visual.trunk.attn_pool.mlp.fc1": "vision_model.head.mlp.fc1",
    "visual.trunk.attn_pool.mlp.fc2": "vision_model.head.mlp.fc2",
}


def configuration(source: Path) -> dict[str, Any]:
    """The configuration that transformers has for the same model. Raises `SourceError`, `UnknownArchitecture`."""
    return dict(_config(source).to_dict())


def load(source: Path) -> torch.nn.Module:
    """The model of a folder; raises `SourceError` where weights are missing or left over."""
    model: torch.nn.Module = _LIBRARY.SiglipModel(_config(source))
    weights = dict(renamed(load_file(source / WEIGHTS)))
    found, wanted = set(weights), set(model.state_dict())
    if found != wanted:
        raise SourceError(f"{WEIGHTS} does not fit its configuration: {', '.join(sorted(found ^ wanted)[:5])}.")
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    return model.eval()


def renamed(weights: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """OpenCLIP's tensors under transformers' names; those that are not known keep theirs."""
    for name, value in weights.items():
        stem, _, kind = name.rpartition(".")
        block = re.fullmatch(r"(text\.transformer\.resblocks|visual\.trunk\.blocks)\.(\d+)\.(.+)", name)
        if block:
            yield from _block(block, value)
        elif name == "text.positional_embedding":
            yield "text_model.embeddings.position_embedding.weight", value
        elif name == "text.token_embedding.weight":
            yield "text_model.embeddings.token_embedding.weight", value
        elif name == "visual.trunk.pos_embed":
            yield "vision_model.embeddings.position_embedding.weight", value[0]
        elif name == "visual.trunk.attn_pool.latent":
            yield "vision_model.head.probe", value
        elif stem in ("visual.trunk.attn_pool.q", "visual.trunk.attn_pool.kv"):
            if stem.endswith(".q"):
                fused = torch.cat([value, weights[f"visual.trunk.attn_pool.kv.{kind}"]])
                yield f"vision_model.head.attention.in_proj_{kind}", fused
        elif name in ("logit_scale", "logit_bias"):
            yield name, value.reshape(1)
        else:
            yield (f"{_SINGLE[stem]}.{kind}" if stem in _SINGLE else name), value


def _block(match: re.Match[str], value: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    text = match[1].startswith("text")
    layer = f"{'text' if text else 'vision'}_model.encoder.layers.{match[2]}"
    for there, here in (_TEXT_BLOCK if text else _IMAGE_BLOCK).items():
        if match[3].startswith(there):
            kind = match[3][len(there) :].lstrip(".")
            if isinstance(here, str):
                yield f"{layer}.{here}.{kind}", value
            else:
                for name, part in zip(here, value.chunk(3), strict=True):
                    yield f"{layer}.{name}.{kind}", part
            return
    yield match[0], value


def _config(source: Path) -> Any:
    path = source / CONFIG
    if not path.is_file() or path.stat().st_size > 1 << 20:
        raise SourceError(f"{CONFIG} is missing or too large.")
    try:
        given = json.loads(path.read_bytes())["model_cfg"]
        text, vision, width = given["text_cfg"], given["vision_cfg"], given["embed_dim"]
        tower = _TOWER.fullmatch(vision["timm_model_name"])
        known = text.get("no_causal_mask") and text.get("pool_type") == "last" and vision.get("timm_pool") == "map"
        if tower is None or not known or vision.get("timm_proj", "none") != "none":
            raise UnknownArchitecture(f"{CONFIG} describes another model than SigLIP.")
        return _LIBRARY.SiglipConfig(
            text_config={
                "vocab_size": text["vocab_size"],
                "max_position_embeddings": text["context_length"],
                "hidden_size": text["width"],
                "intermediate_size": 4 * text["width"],
                "num_attention_heads": text["heads"],
                "num_hidden_layers": text["layers"],
                "projection_size": width,
                "hidden_act": _activation(text),
                "layer_norm_eps": text.get("norm_kwargs", {}).get("eps", 1e-5),
            },
            vision_config={
                "image_size": vision["image_size"],
                "patch_size": int(tower[2]),
                "hidden_size": width,
                "intermediate_size": 4 * width,
                "num_attention_heads": width // _HEAD_SIZE,
                "num_hidden_layers": vision.get("layers", {"large": 24}.get(tower[1], 12)),
                "hidden_act": "gelu",
                "layer_norm_eps": 1e-6,
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{CONFIG} is not OpenCLIP's description of a SigLIP model: {error}") from error


def _activation(text: Mapping[str, Any]) -> str:
    return "gelu_pytorch_tanh" if text.get("act_kwargs", {}).get("approximate") == "tanh" else "gelu"
