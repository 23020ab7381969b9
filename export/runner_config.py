"""What a recipe leaves to the source's configuration: sizes of tensors, the runner's numbers, the files it reads.

By runner kind, never by model name. A recipe fits every size of its architecture that way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from sidecar.engine import runner_specs as specs

from .errors import SourceError
from .picture_config import preprocessing
from .recipe import Recipe
from .route import RunnerFiles
from .source_sizes import CONFIGURED, pad_id, resolve, sizes
from .source_text import chat_template, json_object, tokenizer

__all__ = ["resolve", "runner_files", "sizes"]

_MAX_COUNT = 1 << 20
_SCHEDULERS = {
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler_ancestral",
    "LCMScheduler": "lcm",
    "DDIMScheduler": "ddim",
    "PNDMScheduler": "ddim",
}


def runner_files(recipe: Recipe, source: Path) -> RunnerFiles:
    """The runner's spec and the files that it reads, from the source's folder. Raises `SourceError`."""
    from .routes.loading import configuration

    resolved, known = resolve(recipe, source), sizes(recipe, source)
    config = configuration(recipe, source) if recipe.route in CONFIGURED else {}
    numbers, files = _KINDS[recipe.runner](resolved, source, config, known)
    wanted = {"kind": recipe.runner} | numbers | dict(recipe.runner_options)
    try:
        spec = msgspec.convert(wanted, specs.RunnerSpec, strict=False)
    except msgspec.ValidationError as error:
        raise SourceError(
            f"{recipe.name}: the source's configuration does not fit a {recipe.runner} runner: {error}"
        ) from error
    return RunnerFiles(spec, files)


_Made = tuple[dict[str, Any], dict[str, bytes]]


def _tensors(recipe: Recipe, source: Path, config: Mapping[str, Any], known: Mapping[str, int]) -> _Made:
    numbers: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    if recipe.preprocessing is not None:
        numbers["preprocessing"] = preprocessing(recipe, source)
    if any(tensor.name == "input_ids" for tensor in recipe.graphs[0].inputs):
        files["tokenizer.json"] = tokenizer(source)
    labels = _labels(config)
    if labels:
        numbers["labels"] = "labels.txt"
        files["labels.txt"] = labels
    return numbers, files


def _text_embedding(recipe: Recipe, source: Path, config: Mapping[str, Any], known: Mapping[str, int]) -> _Made:
    size = recipe.graphs[0].outputs[0].shape[-1]
    numbers = {"tokenizer": "tokenizer.json", "size": size, "max_tokens": known["tokens"]}
    return numbers, {"tokenizer.json": tokenizer(source)}


def _text_generation(recipe: Recipe, source: Path, config: Mapping[str, Any], known: Mapping[str, int]) -> _Made:
    generation = json_object(source / "generation_config.json")
    stop = generation.get("eos_token_id", config.get("eos_token_id"))
    numbers: dict[str, Any] = {
        "tokenizer": "tokenizer.json",
        "layers": known["layers"],
        "kv_heads": known["kv_heads"],
        "head_size": known["head_size"],
        "context": min(known["max_position_embeddings"], _MAX_COUNT),
        "vocabulary": known["vocab_size"],
        "stop_ids": stop if isinstance(stop, list) else [stop],
    }
    if isinstance(config.get("bos_token_id"), int):
        numbers["bos_id"] = config["bos_token_id"]
    files = {"tokenizer.json": tokenizer(source)}
    template = recipe.chat_template or chat_template(source)
    if template is not None:
        numbers["chat_template"] = "chat_template.jinja"
        files["chat_template.jinja"] = template.encode()
    return numbers, files


def _speech(recipe: Recipe, source: Path, config: Mapping[str, Any], known: Mapping[str, int]) -> _Made:
    generation = json_object(source / "generation_config.json")
    try:
        languages = {name.strip("<|>"): number for name, number in generation["lang_to_id"].items()}
        quiet = generation["no_timestamps_token_id"]
        prompt = [config["decoder_start_token_id"], generation["task_to_id"]["transcribe"], quiet]
    except (KeyError, AttributeError, TypeError) as error:
        raise SourceError(f"{recipe.name}: generation_config.json does not describe a multilingual Whisper.") from error
    numbers = {
        "tokenizer": "tokenizer.json",
        "mels": known["num_mel_bins"],
        "layers": known["layers"],
        "heads": known["decoder_attention_heads"],
        "head_size": known["head_size"],
        "context": known["max_target_positions"],
        "prompt": prompt,
        "stop_id": config["eos_token_id"],
        "suppress_from": quiet + 1,
        "languages": languages,
    }
    return numbers, {"tokenizer.json": tokenizer(source)}


def _diffusion(recipe: Recipe, source: Path, config: Mapping[str, Any], known: Mapping[str, int]) -> _Made:
    unet, vae = config["unet"], config["vae"]
    side = _side(unet["sample_size"]) * known["factor"]
    blocks = len(unet["block_out_channels"])
    numbers: dict[str, Any] = {
        "scheduler": _scheduler(source),
        "inputs": "inpaint" if unet["in_channels"] == 2 * vae["latent_channels"] + 1 else "latent",
        "latent_channels": vae["latent_channels"],
        "latent_scale": vae["scaling_factor"],
        "latent_shift": vae.get("shift_factor") or 0.0,
        "factor": known["factor"],
        "width": side,
        "height": side,
        "multiple": known["factor"] << (blocks - 1),  # the denoiser halves its latent between its blocks
        "zero_negative": bool(json_object(source / "model_index.json").get("force_zeros_for_empty_prompt", False)),
    }
    if unet.get("time_cond_proj_dim"):
        numbers["timestep_condition"] = unet["time_cond_proj_dim"]
    if unet.get("addition_embed_type") == "text_time":
        numbers["size_condition"] = True
    files: dict[str, bytes] = {}
    for field, folder in (("tokenizer", "tokenizer"), ("tokenizer_2", "tokenizer_2")):
        if (source / folder).is_dir() and f"text_encoder{field.removeprefix('tokenizer')}" in config:
            numbers[field] = f"{folder}.json"
            padding = pad_id(source / folder, -1)
            if padding >= 0 and padding != config[folder.replace("tokenizer", "text_encoder")]["eos_token_id"]:
                numbers[field.replace("tokenizer", "pad_id")] = padding
            files[f"{folder}.json"] = tokenizer(source / folder)
    return numbers, files


_KINDS: Mapping[str, Callable[[Recipe, Path, Mapping[str, Any], Mapping[str, int]], _Made]] = {
    "tensors": _tensors,
    "text_embedding": _text_embedding,
    "text_generation": _text_generation,
    "speech_recognition": _speech,
    "diffusion": _diffusion,
}


def _scheduler(source: Path) -> dict[str, Any]:
    config = json_object(source / "scheduler" / "scheduler_config.json")
    kind = _SCHEDULERS.get(str(config.get("_class_name")))
    if kind is None:
        raise SourceError(f"The scheduler {config.get('_class_name')} is not one that the diffusion runner has.")
    made = {
        "kind": kind,
        "train_steps": config.get("num_train_timesteps", 1000),
        "beta_start": config.get("beta_start", 0.0001),
        "beta_end": config.get("beta_end", 0.02),
        "beta_schedule": config.get("beta_schedule", "linear"),
        "prediction": config.get("prediction_type", "epsilon"),
        "spacing": config.get("timestep_spacing", "leading" if kind in ("ddim", "lcm") else "linspace"),
        "steps_offset": config.get("steps_offset", 0),
        "set_alpha_to_one": config.get("set_alpha_to_one", True),
        "rescale_betas_zero_snr": config.get("rescale_betas_zero_snr", False),
    }
    if kind == "lcm":
        made["original_steps"] = config.get("original_inference_steps", 50)
        made["timestep_scaling"] = config.get("timestep_scaling", 10.0)
    if kind in ("ddim", "lcm") and config.get("clip_sample", config.get("_class_name") == "DDIMScheduler"):
        made["clip"] = config.get("clip_sample_range", 1.0)
    return made


def _labels(config: Mapping[str, Any]) -> bytes:
    """Names of the classes, one a line, where the source has more to say than LABEL_0."""
    names = config.get("id2label")
    if not isinstance(names, Mapping) or all(str(name).startswith("LABEL_") for name in names.values()):
        return b""
    ordered = [str(names[key]) for key in sorted(names, key=int)]
    return "\n".join(" ".join(name.split()) for name in ordered).encode() + b"\n"


def _side(value: Any) -> int:
    return int(value[0] if isinstance(value, list | tuple) else value)
