"""A latent diffusion model of Stable Diffusion's form with random weights, loaded as the engine loads a pack's graphs.

Made from diffusers' and transformers' own classes: about 40 million parameters, sides divided by 8.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidecar.engine.graph import Host, LoadedGraph, Placed
from sidecar.engine.manifest import TensorSpec
from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import Diffusion, Scheduler

NEEDED = ("torch", "diffusers", "transformers", "onnx")
CHANNELS, FACTOR, WORDS, TOKENS = 4, 8, 256, 77
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64", "tensor(int32)": "int32"}


def missing() -> list[str]:
    """What has to be installed before a model can be made."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def spec(side: int, **changes: Any) -> Diffusion:
    """Its runner, for square pictures of that side."""
    options: dict[str, Any] = {
        "scheduler": scheduler("euler"), "inputs": "latent", "latent_channels": CHANNELS, "latent_scale": 0.18215,
        "factor": FACTOR, "width": side, "height": side, "steps": 8, "guidance": 5.0, "tokenizer": "tokenizer.json",
    }  # fmt: skip
    return Diffusion(**options | changes)


def scheduler(kind: Any) -> Scheduler:
    """Stable Diffusion's noise schedule."""
    return Scheduler(
        kind=kind, train_steps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        prediction="epsilon", spacing="leading", steps_offset=1,
    )  # fmt: skip


def tokenizer() -> bytes:
    """The least that frames a text: single letters between a begin and an end token."""
    letters = [chr(code) for code in range(0x21, 0x7F)]
    ids = {token: place for place, token in enumerate([*letters, *(f"{letter}</w>" for letter in letters), BEGIN, END])}
    framing: dict[str, Any] = {"type": "RobertaProcessing", "sep": [END, ids[END]], "cls": [BEGIN, ids[BEGIN]]}
    splitting = {"type": "Whitespace"}
    model = {"type": "BPE", "vocab": ids, "merges": [], "end_of_word_suffix": "</w>", "unk_token": END}
    framing |= {"trim_offsets": False, "add_prefix_space": False}
    parts = {"pre_tokenizer": splitting, "post_processor": framing, "model": model, "added_tokens": []}
    return json.dumps({"version": "1.0", **parts}).encode()


def graphs(folder: Path, threads: int) -> dict[str, LoadedGraph]:
    """Makes the model there and loads it."""
    from sidecar.engine.runtime import Runtime  # only now: this package starts without ONNX Runtime

    _export(folder)
    host = Runtime(Registry(folder), providers=["cpu"], threads=threads)
    return {path.stem: _loaded(path, host, threads) for path in sorted(folder.glob("*.onnx"))}


def _export(folder: Path) -> None:
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    words = len(json.loads(tokenizer())["model"]["vocab"])
    text = CLIPTextModel(
        CLIPTextConfig(  # type: ignore[no-untyped-call,unused-ignore]
            vocab_size=words, hidden_size=WORDS, intermediate_size=4 * WORDS, num_attention_heads=4,
            num_hidden_layers=6, bos_token_id=words - 2, eos_token_id=words - 1,
        )
    )  # fmt: skip
    unet = UNet2DConditionModel(  # type: ignore[no-untyped-call,unused-ignore]
        sample_size=32, in_channels=CHANNELS, out_channels=CHANNELS, layers_per_block=1, cross_attention_dim=WORDS,
        block_out_channels=(96, 192, 384), attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = AutoencoderKL(  # type: ignore[no-untyped-call,unused-ignore]
        block_out_channels=[32, 64, 64, 64], latent_channels=CHANNELS, layers_per_block=1,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    )  # fmt: skip
    latent = torch.randn(2, CHANNELS, 32, 32)
    seen = {"sample": latent, "timestep": torch.tensor(1.0), "encoder_hidden_states": torch.randn(2, TOKENS, WORDS)}
    _write(_called(text, lambda model, ids: model(ids)[0]), {"input_ids": torch.zeros(1, TOKENS, dtype=torch.int64)},
           folder / "text_encoder.onnx")  # fmt: skip
    _write(_called(unet, lambda model, *fed: model(*fed, return_dict=False)[0]), seen, folder / "denoiser.onnx")
    _write(_called(vae, lambda model, fed: model.decode(fed, return_dict=False)[0]), {"latent": latent[:1]},
           folder / "decoder.onnx")  # fmt: skip


def _called(model: Any, call: Any) -> Any:
    """A module that answers with one tensor."""
    import torch

    class Called(torch.nn.Module):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *fed: Any) -> Any:
            return call(self.model, *fed)

    return Called().eval()


def _write(module: Any, fed: Mapping[str, Any], path: Path) -> None:
    import torch

    axes = {name: {0: "batch"} | ({2: "height", 3: "width"} if value.ndim == 4 else {}) for name, value in fed.items()}
    axes = {name: found for name, found in axes.items() if fed[name].ndim} | {"out": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, tuple(fed.values()), str(path), input_names=list(fed), output_names=["out"], dynamic_axes=axes,
            opset_version=17, dynamo=False,
        )  # fmt: skip


def _loaded(path: Path, host: Host, threads: int) -> LoadedGraph:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as the engine's own sessions
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    nodes = (session.get_inputs(), session.get_outputs())
    inputs, outputs = (tuple(_tensor(node) for node in some) for some in nodes)
    placed = Placed(provider="cpu", precision="fp32", device="cpu")
    return LoadedGraph(path.stem, session, placed, inputs=inputs, outputs=outputs, host=host, meter=_Uncounted())


def _tensor(node: Any) -> TensorSpec:
    shape = tuple(axis if axis else f"axis_{place}" for place, axis in enumerate(node.shape))
    return TensorSpec(name=node.name, dtype=DTYPES[node.type], shape=shape)  # type: ignore[arg-type]


class _Uncounted:
    def ran(self, begun_s: float, spent_s: float) -> None:
        """Nobody asks."""
