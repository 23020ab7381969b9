"""What the recipes' routes make is what the engine's runners take: small models, exported, driven without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from tiny_sources import Sources

from export import route
from export.recipe import GraphSpec
from export.runner_config import resolve, runner_files
from export.tiny import table
from sidecar.engine.manifest import TensorSpec
from sidecar.engine.runner_specs import Diffusion, TextEmbedding, TextGeneration
from sidecar.engine.runners.diffusion import DiffusionRunner
from sidecar.engine.runners.embedding import TextEmbedder
from sidecar.engine.runners.text import TextGenerator


class Plain:
    """A graph as a runner sees it, straight on ONNX Runtime."""

    def __init__(self, spec: GraphSpec, file: Path) -> None:
        self._session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        self.inputs, self.outputs = (
            tuple(TensorSpec(name=item.name, dtype=item.dtype, shape=item.shape) for item in tensors)
            for tensors in (spec.inputs, spec.outputs)
        )

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        names = [tensor.name for tensor in self.outputs] if outputs is None else list(outputs)
        return dict(zip(names, self._session.run(names, dict(feeds)), strict=True))


Exported = tuple[Any, Mapping[str, bytes], dict[str, Plain]]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.getbasetemp() / "small-models")


def exported(sources: Sources, name: str, folder: Path) -> Exported:
    recipe, source = sources(name)
    with table.quiet():
        files = route.load(recipe.route).convert(recipe, source, folder)
    made = runner_files(recipe, source)
    return (
        made.spec,
        made.files,
        {graph.name: Plain(graph, files[graph.name]) for graph in resolve(recipe, source).graphs},
    )


@pytest.mark.parametrize("name", ["e5-text", "clip-text", "siglip-text", "fashion-siglip-text", "chinese-clip-text"])
def test_texts_become_directions_alone_as_among_others(sources: Sources, tmp_path: Path, name: str) -> None:
    spec, files, graphs = exported(sources, name, tmp_path)
    assert isinstance(spec, TextEmbedding)
    embedder = TextEmbedder(spec, files, graphs)
    texts = ["ab", "a red dress", "shoes for the rain"]
    together = embedder.embed(texts)
    assert together.shape == (3, spec.size)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embedder.embed(texts[:1]), together[:1], atol=1e-5)
    assert float(together[0] @ together[1]) < 0.9999


def test_a_chat_model_answers_through_its_own_template(sources: Sources, tmp_path: Path) -> None:
    spec, files, graphs = exported(sources, "qwen3-chat", tmp_path)
    assert isinstance(spec, TextGeneration)
    generator = TextGenerator(spec, files, graphs)
    assert generator.chat is not None
    ids = generator.tokenizer.encode("user: hi\n", with_special=True)
    cached = [token for _, token in zip(range(12), tokens(generator, ids, step=1), strict=False)]
    whole = [token for _, token in zip(range(12), tokens(generator, ids, step=None), strict=False)]
    assert cached == whole
    assert len(set(whole)) > 1


def tokens(generator: TextGenerator, ids: list[int], *, step: int | None) -> Any:
    """Greedy tokens: one at a time behind the cache, or each after reading the whole text anew."""
    from sidecar.engine.runners.kv_cache import Cache

    text, cache, unread = list(ids), Cache(generator.graph, generator.spec), list(ids)
    while True:
        if step is None:
            cache, unread = Cache(generator.graph, generator.spec), text
        token = int(np.argmax(cache.run(unread)))
        text.append(token)
        unread = [token]
        yield token


GREY = np.full((64, 64, 3), 128, np.uint8)
MASK = np.pad(np.full((32, 32), 255, np.uint8), 16)
CALLS = {
    "sd-turbo": {"prompt": "ab cd"},
    "sdxl-turbo": {"prompt": "ab cd", "width": 64, "height": 64},
    "sd15-lcm": {"prompt": "ab cd", "image": GREY},
    "sd15-inpaint": {"prompt": "ab cd", "negative": "cd", "image": GREY, "mask": MASK, "steps": 2},
    "catvton": {"image": GREY, "mask": MASK, "garment": GREY, "width": 64, "height": 64, "steps": 2},
}


@pytest.mark.full
@pytest.mark.parametrize(("name", "arguments"), CALLS.items(), ids=CALLS)
def test_a_picture_is_made_step_by_step(sources: Sources, tmp_path: Path, name: str, arguments: dict[str, Any]) -> None:
    spec, files, graphs = exported(sources, name, tmp_path)
    assert isinstance(spec, Diffusion)
    runner = DiffusionRunner(spec, files, graphs)
    steps = list(runner.generate(seed=3, **arguments))
    assert steps[0].preview().shape == (64, 64, 3)
    picture = steps[-1].image()
    assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
    assert picture.std() > 5
    again = list(runner.generate(seed=3, **arguments))[-1].image()
    np.testing.assert_array_equal(picture, again)
    if name != "catvton":
        other = list(runner.generate(seed=3, **(arguments | {"prompt": "cd ab ab"})))[-1].image()
        assert np.abs(picture.astype(int) - other).max() > 2
