"""One text model with random weights, and ways to let it speak: what the text benchmark compares."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sidecar.engine.graph import LoadedGraph, Placed
from sidecar.engine.manifest import TensorSpec
from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import TextGeneration, files_of
from sidecar.engine.runners.answer import Options
from sidecar.engine.runners.text import TextGenerator
from sidecar.errors import NotFound

if TYPE_CHECKING:
    from sidecar.engine.runtime import Runtime

    from .text_model import Shape

PLAIN, RUNNER, GENAI = "plain session loop", "runner", "onnxruntime-genai"
SECOND_TURN = 32  # tokens that the second turn adds
STOP = 2
SPINNING = "session.intra_op.allow_spinning"
DTYPES = {"tensor(float)": "float32", "tensor(int64)": "int64"}
Says = Callable[[list[int], int], Iterator[int]]


@dataclass(frozen=True)
class Bench:
    """One model, what it is asked, and the ways to let it speak: by name, prompt and number of tokens -> the tokens of
    the greedy answer, each computed when it is asked for."""

    runner: TextGenerator
    graph: LoadedGraph
    prompt: list[int]
    ways: dict[str, Says]


def made(options: argparse.Namespace, folder: Path) -> Bench:
    """A model with random weights, written to `folder`. Raises `NotFound` where it cannot be made."""
    if importlib.util.find_spec("onnx") is None:
        raise NotFound("No model can be made without onnx; install it, or name an installed one with --pack")
    from .text_model import Shape, random_weights, shared_cache_decoder

    heads = options.hidden // 64
    shape = Shape(
        layers=options.layers, hidden=options.hidden, feed_forward=options.hidden * 11 // 4, heads=heads,
        kv_heads=2 if heads % 2 == 0 else 1, vocabulary=options.vocabulary, context=_longest(options),
    )  # fmt: skip
    weights = random_weights(shape, seed=0)
    weights["lm_head.weight"][STOP] = 0.0  # never said, so that every answer is as long as asked
    (folder / "model.onnx").write_bytes(shared_cache_decoder(shape, weights))
    graph = _loaded(folder / "model.onnx", options)
    spec = TextGeneration(
        tokenizer="tokenizer.json", layers=shape.layers, kv_heads=shape.kv_heads, head_size=shape.head_size,
        context=shape.context, vocabulary=shape.vocabulary, stop_ids=(STOP,),
    )  # fmt: skip
    bench = _bench(
        TextGenerator(spec, {"tokenizer.json": _tokenizer(shape.vocabulary)}, {"model": graph}), graph, options
    )
    if importlib.util.find_spec("onnxruntime_genai"):
        bench.ways[GENAI] = _genai(spec, shape, folder, options)
    return bench


def of_pack(options: argparse.Namespace) -> Bench:
    """An installed pack. Raises `VitrineError` when it is not there, or is no text model."""
    model = _host(options.packs, options).load(options.pack)
    if not isinstance(model.spec, TextGeneration):
        raise NotFound(f"{options.pack} is no text model")
    if model.spec.context < _longest(options):
        raise NotFound(f"{options.pack} reads {model.spec.context} tokens at most; ask for a shorter --prompt")
    files = {name: model.file(name) for name in files_of(model.spec)}
    return _bench(TextGenerator(model.spec, files, model.graphs), model.graphs["model"], options)


def _bench(runner: TextGenerator, graph: LoadedGraph, options: argparse.Namespace) -> Bench:
    stop = max(runner.spec.stop_ids) + 1 if max(runner.spec.stop_ids) < 1000 else 0
    prompt = np.random.default_rng(1).integers(stop, runner.tokenizer.size, options.prompt).tolist()

    def says(prompt: list[int], count: int) -> Iterator[int]:
        answer = runner.conversation().generate(prompt, Options(max_tokens=count))
        return (piece.token for piece in answer if piece.token is not None)

    return Bench(runner, graph, prompt, {PLAIN: partial(_plain, runner.spec, graph), RUNNER: says})


def _longest(options: argparse.Namespace) -> int:
    return int(options.prompt + options.tokens + SECOND_TURN + 1)


def _plain(spec: TextGeneration, graph: LoadedGraph, prompt: list[int], count: int) -> Iterator[int]:
    """Everything through numpy, as examples show it."""
    names = [tensor.name for tensor in graph.outputs]
    pasts = [tensor.name for tensor in graph.inputs if tensor.name.startswith("past")]
    feeds = {name: np.zeros((1, spec.kv_heads, 0, spec.head_size), np.float32) for name in pasts}
    ids, length = prompt, 0
    for _ in range(count):
        length += len(ids)
        feeds |= {"input_ids": np.array([ids]), "attention_mask": np.ones((1, length), np.int64)}
        if any(tensor.name == "position_ids" for tensor in graph.inputs):
            feeds["position_ids"] = np.arange(length - len(ids), length)[None]
        results = dict(zip(names, graph.session.run(names, feeds), strict=True))
        ids = [int(results["logits"][0, -1].argmax())]
        feeds = {name: results[name.replace("past_key_values", "present")] for name in pasts}
        yield ids[0]


def _genai(spec: TextGeneration, shape: Shape, folder: Path, options: argparse.Namespace) -> Says:
    """onnxruntime-genai on the same file."""
    import onnxruntime_genai

    decoder = {
        "filename": "model.onnx", "head_size": spec.head_size, "hidden_size": shape.hidden,
        "num_attention_heads": shape.heads, "num_hidden_layers": spec.layers, "num_key_value_heads": spec.kv_heads,
        "session_options": {"intra_op_num_threads": options.threads, SPINNING: _spins(options), "provider_options": []},
        "inputs": {
            "input_ids": "input_ids", "attention_mask": "attention_mask",
            "past_key_names": "past_key_values.%d.key", "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {
            "logits": "logits", "present_key_names": "present.%d.key", "present_value_names": "present.%d.value",
        },
    }  # fmt: skip
    config = {
        "model": {
            "type": "qwen2", "bos_token_id": 1, "eos_token_id": STOP, "pad_token_id": 0,
            "context_length": shape.context, "vocab_size": shape.vocabulary, "decoder": decoder,
        },
        "search": {"max_length": shape.context, "past_present_share_buffer": True, "do_sample": False},
    }  # fmt: skip
    (folder / "genai_config.json").write_text(json.dumps(config), encoding="utf-8")
    model = onnxruntime_genai.Model(str(folder))

    def tokens(prompt: list[int], count: int) -> Iterator[int]:
        parameters = onnxruntime_genai.GeneratorParams(model)
        parameters.set_search_options(max_length=len(prompt) + count, do_sample=False)
        generator = onnxruntime_genai.Generator(model, parameters)
        generator.append_tokens(np.array(prompt, np.int32))
        for _ in range(count):
            generator.generate_next_token()
            yield int(generator.get_next_tokens()[0])

    return tokens


def _loaded(file: Path, options: argparse.Namespace) -> LoadedGraph:
    """The model as the engine loads a pack's graph, without a pack."""
    host = _host(file.parent, options)
    session = _session(file, options)
    nodes = (session.get_inputs(), session.get_outputs())
    inputs, outputs = (
        tuple(TensorSpec(name=node.name, dtype=DTYPES[node.type], shape=tuple(node.shape)) for node in some)  # type: ignore[arg-type]
        for some in nodes
    )
    placed = Placed(provider="cpu", precision="fp32", device="cpu")
    return LoadedGraph("text", session, placed, inputs=inputs, outputs=outputs, host=host, meter=_Uncounted())


def _host(packs: Path | None, options: argparse.Namespace) -> Runtime:
    from sidecar.engine.runtime import Runtime  # with onnxruntime, which the other scenarios do without

    return Runtime(Registry(packs), providers=["cpu"], threads=options.threads)


def _session(file: Path, options: argparse.Namespace) -> Any:
    import onnxruntime

    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = options.threads
    chosen.add_session_config_entry(SPINNING, _spins(options))
    return onnxruntime.InferenceSession(str(file), chosen, providers=["CPUExecutionProvider"])


def _spins(options: argparse.Namespace) -> str:
    return "1" if options.spin else "0"


class _Uncounted:
    def ran(self, begun_s: float, spent_s: float) -> None:
        """Nobody asks."""


def _tokenizer(vocabulary: int) -> bytes:
    """One made-up word a token: text is made from tokens as for any model, while no text goes in."""
    words = {f"w{number}": number for number in range(vocabulary)}
    replaced = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    model = {"type": "BPE", "vocab": words, "merges": []}
    return json.dumps({"version": "1.0", "added_tokens": [], "decoder": replaced, "model": model}).encode()
