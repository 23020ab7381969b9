"""Small Stable Diffusions with random weights: as diffusers runs them, and as graphs for the runner.

Built from diffusers' and transformers' own configuration classes, exported once a session.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import torch
from clip_vocabulary import tokenizer_json, vocabulary
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from numpy.typing import NDArray
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from sidecar.engine.graph import LoadedGraph, Placed
from sidecar.engine.manifest import TensorSpec
from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import Diffusion, Scheduler
from sidecar.engine.runtime import Runtime

torch.set_num_threads(1)  # of such small tensors threads make nothing faster
CHANNELS, WORDS, FACTOR, SIDE = 4, 32, 2, 32
SCALE = 0.18215
ELEMENTS = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.INT32: "int32",
}


class OrtGraph:
    """One ONNX file as the engine gives it to a runner; counts its runs and keeps what it was fed last.

    `batch`: what the manifest says of the first axis, where it is not free.
    """

    def __init__(self, path: Path, *, batch: int | None = None) -> None:
        model = onnx.load(path)
        self.inputs, self.outputs = _specs(model.graph.input, batch), _specs(model.graph.output, batch)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.path = path
        self._graph = LoadedGraph(
            path.stem, session, Placed("cpu", "fp32", "cpu"), inputs=self.inputs, outputs=self.outputs,
            host=Runtime(Registry(path.parent), providers=["cpu"], threads=1), meter=self,
        )  # fmt: skip
        self.runs = 0
        self.fed: dict[str, NDArray[Any]] = {}

    def ran(self, begun_s: float, spent_s: float) -> None:
        self.runs += 1

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        self.fed = {name: value.copy() for name, value in feeds.items()}
        return self._graph(feeds, outputs)


def _specs(values: Any, batch: int | None) -> tuple[TensorSpec, ...]:
    found = []
    for value in values:
        tensor = value.type.tensor_type
        shape = [axis.dim_value or axis.dim_param or f"axis_{place}" for place, axis in enumerate(tensor.shape.dim)]
        shape = [batch or axis if axis == "batch" else axis for axis in shape]
        found.append(TensorSpec(name=value.name, dtype=ELEMENTS[tensor.elem_type], shape=tuple(shape)))
    return tuple(found)


class Denoiser(torch.nn.Module):
    """A UNet with its inputs in the order of `names`."""

    def __init__(self, unet: UNet2DConditionModel, names: Sequence[str]) -> None:
        super().__init__()
        self.unet, self.names = unet, names

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        fed = dict(zip(self.names, tensors, strict=True))
        added = {name: fed.pop(name) for name in ("text_embeds", "time_ids") if name in fed}
        fed.setdefault("encoder_hidden_states", None)
        return self.unet(**fed, added_cond_kwargs=added or None, return_dict=False)[0]


class Tower(torch.nn.Module):
    """A text encoder with one hidden state, or with the last but one and the pooled output (SDXL)."""

    def __init__(self, model: torch.nn.Module, *, deep: bool) -> None:
        super().__init__()
        self.model, self.deep = model, deep

    def forward(self, ids: torch.Tensor) -> Any:
        found = self.model(ids, output_hidden_states=self.deep)
        return (found.hidden_states[-2], found[0]) if self.deep else found.last_hidden_state


class Encoder(torch.nn.Module):
    """Mean and logarithm of variance of a picture."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.vae.encode(pixels).latent_dist.parameters


class Decoder(torch.nn.Module):
    """Pixels of a latent."""

    def __init__(self, vae: AutoencoderKL | AutoencoderTiny) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return self.vae.decode(latent, return_dict=False)[0]


def export(
    module: torch.nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Mapping[str, int], path: Path
) -> OrtGraph:
    """One graph with free batch and sides; `outputs`: name -> rank."""
    axes = {name: _axes(tensor.ndim) for name, tensor in inputs.items()}
    axes |= {name: _axes(rank) for name, rank in outputs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), tuple(inputs.values()), str(path), input_names=list(inputs), output_names=list(outputs),
            dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
    return OrtGraph(path)


def _axes(rank: int) -> dict[int, str]:
    return {} if rank == 0 else {0: "batch", 2: "height", 3: "width"} if rank == 4 else {0: "batch"}


def unet(*, channels: int = CHANNELS, seed: int = 0, **changes: Any) -> UNet2DConditionModel:
    """A denoiser of two levels."""
    torch.manual_seed(seed)
    options: dict[str, Any] = {
        "sample_size": SIDE // FACTOR, "in_channels": channels, "out_channels": CHANNELS, "layers_per_block": 1,
        "block_out_channels": (8, 16), "norm_num_groups": 4, "cross_attention_dim": WORDS, "attention_head_dim": 2,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }  # fmt: skip
    return UNet2DConditionModel(**options | changes).eval()


def export_unet(model: UNet2DConditionModel, path: Path, *, words: int | None = WORDS) -> OrtGraph:
    """The graph `denoiser` of a UNet, with the inputs that its configuration asks for."""
    kind = next(model.parameters()).dtype
    inputs = {
        "sample": torch.randn(2, model.config.in_channels, SIDE // FACTOR, SIDE // FACTOR, dtype=kind),
        "timestep": torch.tensor(7.0, dtype=kind),
    }
    if words is not None:
        inputs["encoder_hidden_states"] = torch.randn(2, 77, words, dtype=kind)
    if model.config.time_cond_proj_dim is not None:
        inputs["timestep_cond"] = torch.randn(2, model.config.time_cond_proj_dim, dtype=kind)
    if model.config.addition_embed_type == "text_time":
        inputs |= {"text_embeds": torch.randn(2, WORDS), "time_ids": torch.randn(2, 6)}
    return export(Denoiser(model, list(inputs)), inputs, {"out_sample": 4}, path)


def vae() -> AutoencoderKL:
    """A picture coder that halves the sides."""
    torch.manual_seed(1)
    return AutoencoderKL(
        block_out_channels=[8, 16], norm_num_groups=4, latent_channels=CHANNELS, scaling_factor=SCALE,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
    ).eval()  # fmt: skip


def text_encoder(*, projected: bool = False) -> Any:
    """A text tower of CLIP's kind over the small vocabulary."""
    torch.manual_seed(2 + projected)
    ids, _ = vocabulary()
    config = CLIPTextConfig(
        vocab_size=len(ids), hidden_size=WORDS, intermediate_size=37, num_attention_heads=4, num_hidden_layers=3,
        projection_dim=WORDS, bos_token_id=len(ids) - 2, eos_token_id=len(ids) - 1,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def export_text(model: Any, path: Path, *, deep: bool) -> OrtGraph:
    """The graph `text_encoder`."""
    ids = {"input_ids": torch.zeros(1, 77, dtype=torch.int64)}
    outputs = {"hidden_states.2": 3, "text_embeds": 2} if deep else {"last_hidden_state": 3}
    return export(Tower(model, deep=deep), ids, outputs, path)


@dataclass(frozen=True)
class Tiny:
    """The parts of one small model in torch, and the same as graphs."""

    parts: dict[str, Any]
    graphs: dict[str, OrtGraph]
    files: dict[str, bytes]


def build(folder: Path) -> Tiny:
    """Text tower, denoiser and picture coder of Stable Diffusion's form."""
    parts = {"text_encoder": text_encoder(), "unet": unet(), "vae": vae()}
    pixels, latent = torch.randn(1, 3, SIDE, SIDE), torch.randn(1, CHANNELS, SIDE // FACTOR, SIDE // FACTOR)
    graphs = {
        "text_encoder": export_text(parts["text_encoder"], folder / "text_encoder.onnx", deep=False),
        "denoiser": export_unet(parts["unet"], folder / "denoiser.onnx"),
        "encoder": export(Encoder(parts["vae"]), {"sample": pixels}, {"latent_parameters": 4}, folder / "encoder.onnx"),
        "decoder": export(Decoder(parts["vae"]), {"latent_sample": latent}, {"sample": 4}, folder / "decoder.onnx"),
    }
    return Tiny(parts, graphs, {"tokenizer.json": tokenizer_json()})


def scheduler(**changes: Any) -> Scheduler:
    """Stable Diffusion's noise schedule, DDIM."""
    options: dict[str, Any] = {
        "kind": "ddim", "train_steps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "prediction": "epsilon", "spacing": "leading", "steps_offset": 1,
        "set_alpha_to_one": False,
    }  # fmt: skip
    return Scheduler(**options | changes)


def spec(**changes: Any) -> Diffusion:
    """The runner of the small model."""
    options: dict[str, Any] = {
        "scheduler": scheduler(), "inputs": "latent", "latent_channels": CHANNELS, "latent_scale": SCALE,
        "factor": FACTOR, "width": SIDE, "height": SIDE, "steps": 4, "guidance": 5.0, "tokenizer": "tokenizer.json",
        "multiple": 4,
    }  # fmt: skip
    return Diffusion(**options | changes)
