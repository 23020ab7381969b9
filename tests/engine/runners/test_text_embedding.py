"""The embedding runner: vectors that depend on their own text alone, prefixes, truncation, length one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from text_models import CORPUS, byte_level, spaced

from sidecar.engine.manifest import TensorSpec
from sidecar.engine.runner_specs import TextEmbedding
from sidecar.engine.runners import embedding as module
from sidecar.engine.runners.embedding import TextEmbedder
from sidecar.errors import BadRequest, Unavailable

SIZE = 16
SPEC = TextEmbedding(
    tokenizer="tokenizer.json", size=SIZE, max_tokens=24, query_prefix="query: ", passage_prefix="passage: "
)
TABLE = np.random.default_rng(0).standard_normal((600, SIZE)).astype(np.float32)


class Mean:
    """The mean of token vectors weighted by position, of length one; remembers what it was fed."""

    def __init__(self, *, scale: float = 1.0, types: bool = False) -> None:
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
        self.inputs = tuple(TensorSpec(name=name, dtype="int64", shape=("batch", "sequence")) for name in names)
        self.outputs = (TensorSpec(name="embedding", dtype="float32", shape=("batch", SIZE)),)
        self.fed: list[tuple[int, int]] = []
        self.rows: list[list[int]] = []
        self._scale = scale

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        assert set(feeds) == {tensor.name for tensor in self.inputs}
        ids, mask = feeds["input_ids"], feeds["attention_mask"]
        self.fed.append(ids.shape)
        self.rows += [row[:length].tolist() for row, length in zip(ids, mask.sum(axis=1), strict=True)]
        places = np.arange(1, ids.shape[1] + 1, dtype=np.float32)[None, :, None]
        summed = (TABLE[ids] * mask[..., None] * places).sum(axis=1)
        unit = summed / np.linalg.norm(summed, axis=1, keepdims=True)
        return {"embedding": (unit * self._scale).astype(np.float32)}


def embedder(graph: Mean, **changes: Any) -> TextEmbedder:
    return TextEmbedder(msgspec.structs.replace(SPEC, **changes), {"tokenizer.json": spaced()}, {"model": graph})


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    texts = [text[:length] for text in CORPUS[:4] for length in (3, 60, 9, 30)]
    together = embedder(Mean()).embed(texts)
    alone = np.concatenate([embedder(Mean()).embed([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-6)
    assert together.shape == (16, SIZE) and together.dtype == np.float32


def test_queries_and_passages_have_their_prefixes() -> None:
    graph = Mean()
    runner = embedder(graph)
    query, passage = runner.embed(["red"], "query"), runner.embed(["red"])
    text = [b"".join(runner._tokenizer.pieces[token] for token in row).decode().strip() for row in graph.rows]
    assert text == ["query: red", "passage: red"]
    assert float(query[0] @ passage[0]) < 0.999


def test_texts_of_like_length_run_together_and_no_batch_grows_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_TOKENS", 100)
    graph = Mean()
    lengths = [1, 40, 2, 38, 3, 90, 4, 39, 5, 200] * 4
    embedder(graph, max_tokens=200, passage_prefix="").embed(["r" * length for length in lengths])
    assert sum(rows for rows, _ in graph.fed) == len(lengths)
    assert all(rows * width <= 100 or rows == 1 for rows, width in graph.fed)
    assert len(graph.fed) < 20
    padding = sum(rows * width for rows, width in graph.fed) - sum(len(row) for row in graph.rows)
    assert padding < 0.1 * sum(len(row) for row in graph.rows)


def test_a_text_that_is_too_long_is_cut_and_keeps_the_tokens_around_it() -> None:
    graph = Mean()
    embedder(graph).embed(["红" * 100])
    assert len(graph.rows[0]) == 24 and graph.rows[0][0] == 1
    sequence = b'{"Sequence":{"id":"A","type_id":0}}'
    end = b'{"SpecialToken":{"id":"</s>","type_id":0}}'
    known = b'"special_tokens":{'
    closed = spaced().replace(sequence + b"]", sequence + b"," + end + b"]", 1)
    closed = closed.replace(known, known + b'"</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]},')
    assert closed != spaced()
    TextEmbedder(SPEC, {"tokenizer.json": closed}, {"model": graph}).embed(["红" * 100, "红"])
    assert [len(row) for row in graph.rows[1:]] == [24, len(graph.rows[2])]
    assert all(row[0] == 1 and row[-1] == 2 for row in graph.rows[1:])


def test_token_types_are_given_where_the_graph_has_them() -> None:
    np.testing.assert_array_equal(embedder(Mean(types=True)).embed(["red"]), embedder(Mean()).embed(["red"]))


def test_no_texts_are_no_vectors() -> None:
    assert embedder(Mean()).embed([]).shape == (0, SIZE)


def test_vectors_that_are_not_of_length_one_are_an_error() -> None:
    for scale in (0.9, 1.01, float("nan")):
        with pytest.raises(Unavailable, match="not of length 1"):
            embedder(Mean(scale=scale)).embed(["red"])


def test_too_many_texts_and_texts_without_tokens_are_refused() -> None:
    with pytest.raises(BadRequest, match="At most"):
        embedder(Mean()).embed(["x"] * 65_537)
    runner = TextEmbedder(
        msgspec.structs.replace(SPEC, passage_prefix=""), {"tokenizer.json": byte_level()}, {"model": Mean()}
    )
    with pytest.raises(BadRequest, match="empty"):
        runner.embed([""])


def test_a_graph_of_another_size_is_refused() -> None:
    with pytest.raises(Unavailable, match="of that size"):
        embedder(Mean(), size=8)
