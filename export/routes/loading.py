"""The source model in torch: loaded by the class that the recipe names, from safetensors alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import diffusers
import torch
import transformers
from safetensors import SafetensorError

from ..errors import SourceError, UnknownArchitecture
from ..recipe import Recipe
from ..source_text import required_json
from . import garment, joint_bert, lora, open_clip


class _Reader(Protocol):
    """A module of this package that reads an architecture of its own."""

    def load(self, source: Path) -> Any:
        """The model. Raises `SourceError`."""

    def configuration(self, source: Path) -> dict[str, Any]:
        """Its configuration. Raises `SourceError`."""


# What the libraries raise for a folder that is not what it says.
_LIBRARY_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)
# Architectures that neither library has under this name: how each is read from a source folder.
_OWN: Mapping[str, _Reader] = {"JointBert": joint_bert, "OpenClipSiglip": open_clip}
# Pipelines as a folder of components; which of them are loaded follows from the recipe's graphs.
_COMPONENTS = ("text_encoder", "text_encoder_2", "unet", "vae", "preview")


def load(recipe: Recipe, source: Path) -> Any:
    """The model that the recipe's graphs are parts of, in float32 and evaluation mode.

    A pipeline comes as a namespace of its components. Raises `UnknownArchitecture` where no library has the class,
    `SourceError` where the folder does not hold it.
    """
    try:
        if recipe.architecture in _OWN:
            model = _OWN[recipe.architecture].load(source)
        elif is_pipeline(recipe):
            model = _components(recipe, source)
        else:
            model = _pretrained(_library_class(recipe), source)
    except _LIBRARY_ERRORS as error:
        raise SourceError(
            f"{recipe.name}: the source folder cannot be read as {recipe.architecture}: {error}"
        ) from error
    return model


def is_pipeline(recipe: Recipe) -> bool:
    """Whether the recipe's source is a folder of components."""
    return recipe.architecture.endswith("Pipeline")


def configuration(recipe: Recipe, source: Path) -> dict[str, Any]:
    """The source's configuration with its library's defaults filled in; components and parts lie under their names."""
    if recipe.architecture in _OWN:
        return _OWN[recipe.architecture].configuration(source)
    if not is_pipeline(recipe):
        return _with_defaults(_library_class(recipe), source)
    folders = [name for name in _COMPONENTS if (source / name / "config.json").is_file()]
    return {name: _with_defaults(_component_class(source / name), source / name) for name in folders}


def _library_class(recipe: Recipe) -> Any:
    for library in (transformers, diffusers):
        if not recipe.architecture.startswith("_") and hasattr(library, recipe.architecture):
            return getattr(library, recipe.architecture)
    raise UnknownArchitecture(
        f"{recipe.name}: neither transformers {transformers.__version__} nor diffusers {diffusers.__version__} has "
        f"{recipe.architecture}. Import a ready ONNX file instead (--from FILE)."
    )


def _components(recipe: Recipe, source: Path) -> SimpleNamespace:
    wanted = {
        graph.component.split(".")[0].removesuffix("_encoder").removesuffix("_decoder") for graph in recipe.graphs
    }
    wanted |= {graph.component.split(".")[0] for graph in recipe.graphs}
    found = {
        name: _pretrained(_component_class(source / name), source / name) for name in _COMPONENTS if name in wanted
    }
    if "attention" in recipe.parts:
        garment.adapt(found["unet"], source / "attention")
    if "lora" in recipe.parts:
        lora.fuse(found["unet"], source / "lora")
    return SimpleNamespace(**found)


def _component_class(folder: Path) -> Any:
    """The class that a component's own configuration names; only classes of the two libraries count."""
    config = required_json(folder / "config.json")
    name = config.get("_class_name") or next(iter(config.get("architectures") or ()), "")
    library = diffusers if "_class_name" in config else transformers
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or not hasattr(library, name):
        raise UnknownArchitecture(f"{folder.name}: this version of {library.__name__} has no class {name!r}.")
    return getattr(library, name)


def _pretrained(cls: Any, source: Path) -> Any:
    _config_of(cls, source)
    options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "variant": _variant(source)}
    if issubclass(cls, transformers.PreTrainedModel):
        options |= {"dtype": torch.float32, "trust_remote_code": False}
    else:
        options |= {"torch_dtype": torch.float32, "low_cpu_mem_usage": False}
    model, report = cls.from_pretrained(source, output_loading_info=True, **options)
    _mark_missing(model, report["missing_keys"])
    return model.eval()


def _mark_missing(model: torch.nn.Module, names: Iterable[str]) -> None:
    """Weights that the source does not have become NaN: the libraries draw them at random and go on.

    A graph that does not use them does not mind; one that does cannot pass for right.
    """
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for name in names:
            if name in weights:
                weights[name].fill_(float("nan"))
    model.missing_weights = tuple(name for name in names if name in weights)  # type: ignore[assignment]


def missing_weights(model: Any) -> tuple[str, ...]:
    """What the source of a loaded model does not have."""
    parts = [model] if isinstance(model, torch.nn.Module) else list(vars(model).values())
    return tuple(name for part in parts for name in getattr(part, "missing_weights", ()))


def _config_of(cls: Any, folder: Path) -> dict[str, Any]:
    """The folder's `config.json`, bounded before a library reads it, and of the family that `cls` is of.

    The libraries read any family's configuration as any other's, with a warning and their own defaults.
    """
    given = required_json(folder / "config.json")
    wanted = getattr(getattr(cls, "config_class", None), "model_type", "")
    if wanted and given.get("model_type", wanted) != wanted:
        raise UnknownArchitecture(f"The source is a {given['model_type']}; {cls.__name__} reads a {wanted}.")
    return given


def _variant(folder: Path) -> str | None:
    """`fp16` where the folder has half-precision weights alone."""
    names = [path.name for path in folder.glob("*.safetensors")]
    return "fp16" if names and all(".fp16." in name for name in names) else None


def _with_defaults(cls: Any, folder: Path) -> dict[str, Any]:
    given = _config_of(cls, folder)
    if not issubclass(cls, transformers.PreTrainedModel):
        signature = inspect.signature(cls.__init__).parameters.values()
        return {item.name: item.default for item in signature if item.default is not item.empty} | given
    try:
        config: dict[str, Any] = cls.config_class.from_pretrained(folder, local_files_only=True).to_dict()
    except _LIBRARY_ERRORS as error:
        raise SourceError(f"config.json is not one of {cls.__name__}: {error}") from error
    return config
