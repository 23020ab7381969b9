"""A diffusion model of plain numpy functions: small, exact and without any library behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from clip_vocabulary import tokenizer_json
from numpy.typing import NDArray

from sidecar.engine.manifest import TensorSpec
from sidecar.engine.runner_specs import Diffusion, Scheduler
from sidecar.engine.runners.diffusion import DiffusionRunner

Arrays = dict[str, NDArray[Any]]
CHANNELS, FACTOR, SIDE, WIDTH = 4, 4, 32, 6


class FakeGraph:
    """A graph that answers with `compute`, and keeps every feed it was given."""

    def __init__(self, compute: Callable[[Arrays], Arrays], inputs: Arrays | Mapping[str, Any], *outputs: str) -> None:
        self._compute = compute
        self.inputs = tuple(TensorSpec(name=name, dtype=dtype, shape=shape) for name, (dtype, shape) in inputs.items())
        self.outputs = tuple(TensorSpec(name=name, dtype="float32", shape=("any",)) for name in outputs)
        self.fed: list[Arrays] = []

    def __call__(self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> Arrays:
        declared = {tensor.name: tensor for tensor in self.inputs}
        assert set(feeds) == set(declared)
        for name, value in feeds.items():
            assert value.dtype == declared[name].dtype
            assert value.ndim == len(declared[name].shape)
        self.fed.append({name: value.copy() for name, value in feeds.items()})
        found = self._compute(dict(feeds))
        return {name: found[name] for name in outputs or found}


def text_encoder(*outputs: str) -> FakeGraph:
    """Every token becomes its id times 1, 2, 3 ...; the pooled text is the mean of that."""

    def compute(feeds: Arrays) -> Arrays:
        hidden = feeds["input_ids"][..., None].astype(np.float32) * np.arange(1, WIDTH + 1, dtype=np.float32) / 1000
        return {"last_hidden_state": hidden, "text_embeds": hidden.mean(1)}

    return FakeGraph(compute, {"input_ids": ("int64", ("batch", 77))}, *(outputs or ("last_hidden_state",)))


def denoiser(
    *, channels: int = CHANNELS, dtype: str = "float32", batch: int | str = "batch", **inputs: Any
) -> FakeGraph:
    """Takes a tenth of the latent for noise, led by the mean of the text."""
    declared = {
        "sample": (dtype, (batch, channels, "height", "width")),
        "timestep": ("int64", ()),
        "encoder_hidden_states": (dtype, (batch, 77, WIDTH)),
    } | inputs

    def compute(feeds: Arrays) -> Arrays:
        sample = feeds["sample"].astype(np.float32)
        text = feeds.get("encoder_hidden_states")
        lead = 0 if text is None else text.astype(np.float32).mean((1, 2))[:, None, None, None]
        return {"out_sample": 0.1 * sample[:, :CHANNELS] + lead}

    return FakeGraph(compute, {name: value for name, value in declared.items() if value is not None}, "out_sample")


def decoder() -> FakeGraph:
    """Every latent becomes a square of the first three channels, a tenth as strong."""

    def compute(feeds: Arrays) -> Arrays:
        return {"sample": np.kron(feeds["latent_sample"][:, :3] / 10, np.ones((FACTOR, FACTOR), np.float32))}

    return FakeGraph(compute, {"latent_sample": ("float32", ("batch", CHANNELS, "height", "width"))}, "sample")


def encoder() -> FakeGraph:
    """The other way round, the mean of colours as fourth channel; it answers with a latent, not a distribution."""

    def compute(feeds: Arrays) -> Arrays:
        small = feeds["sample"][:, :, ::FACTOR, ::FACTOR] * 10
        return {"latents": np.concatenate([small, small.mean(1, keepdims=True)], 1)}

    return FakeGraph(compute, {"sample": ("float32", ("batch", 3, "height", "width"))}, "latents")


def scheduler(**changes: Any) -> Scheduler:
    """A plain one."""
    options: dict[str, Any] = {
        "kind": "ddim", "train_steps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "prediction": "epsilon", "spacing": "leading", "steps_offset": 1,
    }  # fmt: skip
    return Scheduler(**options | changes)


def spec(**changes: Any) -> Diffusion:
    """The fake's runner."""
    options: dict[str, Any] = {
        "scheduler": scheduler(), "inputs": "latent", "latent_channels": CHANNELS, "latent_scale": 1.0,
        "factor": FACTOR, "width": SIDE, "height": SIDE, "steps": 4, "guidance": 3.0, "tokenizer": "tokenizer.json",
    }  # fmt: skip
    return Diffusion(**options | changes)


FILES = {"tokenizer.json": tokenizer_json()}


def graphs(**changes: FakeGraph | None) -> dict[str, FakeGraph]:
    """The whole model, with some graphs replaced or left out."""
    whole = {"text_encoder": text_encoder(), "denoiser": denoiser(), "decoder": decoder(), "encoder": encoder()}
    return {name: graph for name, graph in {**whole, **changes}.items() if graph is not None}


def runner(changed: dict[str, FakeGraph] | None = None, **changes: Any) -> DiffusionRunner:
    """The runner over the fake."""
    return DiffusionRunner(spec(**changes), FILES, graphs() if changed is None else changed)
