"""Small random models of the very classes that recipes name, as source folders: what a recipe is tested with.

The weights are drawn so that every layer matters: with the libraries' own initial values most of a small model's answer
is its last bias, and a wrong export would pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from ..errors import UnknownArchitecture
from ..recipe import Recipe
from ..routes.joint_bert import JointBert
from .open_clip import write as write_open_clip
from .parts import write_attention, write_lora
from .tokens import write_bytes_bpe, write_clip

_CLASSES: Mapping[str, tuple[Any, str]] = {
    "text_encoder": (transformers, "CLIPTextModel"),
    "text_encoder_2": (transformers, "CLIPTextModelWithProjection"),
    "unet": (diffusers, "UNet2DConditionModel"),
    "vae": (diffusers, "AutoencoderKL"),
    "preview": (diffusers, "AutoencoderTiny"),
}
_LIBRARY: Any = transformers
_INTENTS, _SLOTS = 5, 7


def write(recipe: Recipe, folder: Path, *, seed: int = 0) -> None:
    """Writes a source folder for `recipe`. Raises `UnknownArchitecture` where no library here has its class."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    if recipe.architecture == "OpenClipSiglip":
        write_open_clip(recipe.tiny, folder)
    elif recipe.architecture == "JointBert":
        config = _LIBRARY.BertConfig(**recipe.tiny, intents=_INTENTS, slots=_SLOTS)
        _save(JointBert(config), folder)
    elif recipe.architecture.endswith("Pipeline"):
        _pipeline(recipe, folder)
    else:
        _save(_build(recipe.architecture, recipe.tiny), folder)
    if not recipe.architecture.endswith("Pipeline"):
        write_bytes_bpe(folder)
    if "languages" in recipe.runner_options or recipe.runner == "speech_recognition":
        _speech_generation(folder)


def has_source(recipe: Recipe) -> bool:
    """Whether a small model of its class can be built here."""
    return recipe.route in ("optimum", "torch")


def _build(architecture: str, tiny: Mapping[str, Any]) -> Any:
    for library in (transformers, diffusers):
        cls = getattr(library, architecture, None)
        if cls is None:
            continue
        if issubclass(cls, transformers.PreTrainedModel):
            return cls(cls.config_class(**tiny))
        return cls(**tiny)
    raise UnknownArchitecture(f"No library here has {architecture}.")


def _pipeline(recipe: Recipe, folder: Path) -> None:
    """Components, tokenizers, scheduler and parts, where the hub's repositories have them."""
    for name, config in recipe.tiny.items():
        if name not in _CLASSES:
            continue
        library, cls_name = _CLASSES[name]
        assert isinstance(config, Mapping)
        cls = getattr(library, cls_name)
        model = cls(cls.config_class(**config)) if library is transformers else cls(**config)
        # Where the hub has half-precision files, the small source has files of that name.
        _save(model, folder / name, variant=None if name == "preview" or name in recipe.parts else "fp16")
        if name.startswith("text_encoder"):
            write_clip(folder / name.replace("text_encoder", "tokenizer"), pad="!" if name.endswith("_2") else None)
    scheduler = folder / "scheduler" / "scheduler_config.json"
    scheduler.parent.mkdir(exist_ok=True)
    scheduler.write_text(json.dumps(recipe.tiny["scheduler"]))
    index = {"_class_name": recipe.architecture} | dict(recipe.tiny.get("index") or {})  # type: ignore[call-overload]
    (folder / "model_index.json").write_text(json.dumps(index))
    models: Any = diffusers
    unet = models.UNet2DConditionModel.from_pretrained(folder / "unet", variant="fp16", local_files_only=True)
    if "lora" in recipe.parts:
        write_lora(unet, folder / "lora")
    if "attention" in recipe.parts:
        write_attention(unet, folder / "attention" / recipe.parts["attention"].files[0])


def _save(model: Any, folder: Path, *, variant: str | None = None) -> None:
    _randomise(model)
    model.save_pretrained(folder, safe_serialization=True, variant=variant)


def _randomise(model: torch.nn.Module) -> None:
    """Weights that keep the scale of what goes through them, norms near 1, biases that count."""
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                value.normal_(0.0, (value[0].numel()) ** -0.5)
            else:
                value.add_(0.1 * torch.randn_like(value))
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
            elif name.endswith("running_mean"):
                buffer.normal_(0.0, 0.1)


def _speech_generation(folder: Path) -> None:
    config = {"lang_to_id": {"<|en|>": 4, "<|zh|>": 5}, "task_to_id": {"transcribe": 6}, "no_timestamps_token_id": 7}
    (folder / "generation_config.json").write_text(json.dumps(config))
