"""Route `optimum`: optimum-onnx's own description of an architecture, for those that it has one of."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import diffusers
from optimum.exporters.onnx import onnx_export_from_model

from ..errors import GraphError, SourceError
from ..recipe import Recipe
from ..runner_config import resolve, sizes
from ..source_text import required_json
from . import loading
from .components import Component
from .conform import conform
from .torch_onnx import export_component, reference

__all__ = ["convert", "reference"]


def convert(recipe: Recipe, source: Path, target: Path) -> dict[str, Path]:
    """One float32 file a graph. Raises `ExportError` where the source or the exporter cannot."""
    resolved = resolve(recipe, source)
    known = sizes(recipe, source)
    parts = loading.load(recipe, source)
    model = _pipeline(recipe, parts, source) if loading.is_pipeline(recipe) else parts
    files: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(dir=target) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about what the check at several sizes finds out
        logging.getLogger("optimum").setLevel(logging.ERROR)
        try:
            onnx_export_from_model(
                model, folder, opset=recipe.graphs[0].opset, do_validation=False, no_post_process=True, device="cpu"
            )
        except Exception as error:  # optimum raises whatever the model's code does
            raise GraphError(f"optimum cannot export {recipe.architecture}: {error}") from error
        for graph in resolved.graphs:
            exported = Path(folder) / f"{graph.component}.onnx"
            if not exported.is_file():
                exported = Path(folder) / graph.component / "model.onnx"
            if not exported.is_file():  # a part beside the architecture's own, or none of it
                exported = Path(folder) / f"{graph.name}-part.onnx"
                export_component(Component(parts, graph, known).eval(), graph, known, exported)
            files[graph.name] = conform(exported, graph, target)
    return files


def _pipeline(recipe: Recipe, components: Any, source: Path) -> Any:
    """The pipeline of these components: optimum takes nothing smaller."""
    cls = getattr(diffusers, recipe.architecture, None)
    if cls is None:
        raise SourceError(f"diffusers {diffusers.__version__} has no {recipe.architecture}.")
    config = required_json(source / "scheduler" / "scheduler_config.json")
    scheduler = getattr(diffusers, str(config.get("_class_name")), None)
    if scheduler is None or not issubclass(scheduler, diffusers.SchedulerMixin):
        raise SourceError(f"{recipe.name}: scheduler_config.json names no scheduler.")
    given = {name: None for name in cls._get_signature_keys(cls)[0]}
    given |= vars(components) | {"scheduler": scheduler.from_config(config)}
    return cls(**{name: value for name, value in given.items() if name in cls._get_signature_keys(cls)[0]})
