"""The runner of text embeddings: prefixes, batches of like length, and vectors of length one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest, Unavailable
from ..runner_specs import TextEmbedding
from .graph import Graph
from .tokens import Tokenizer

Kind = Literal["query", "passage"]
BATCH_TOKENS = 2048  # of one run, padding included: more gains nothing on a processor and holds others up
MAX_TEXTS = 65_536
NORM_TOLERANCE = 1e-3


class TextEmbedder:
    """The runner of a `text_embedding` pack. `files`: its tokenizer by name. Raises `Unavailable`."""

    def __init__(self, spec: TextEmbedding, files: Mapping[str, bytes], graphs: Mapping[str, Graph]) -> None:
        self.spec = spec
        self._graph = graphs["model"]
        self._tokenizer = Tokenizer(files[spec.tokenizer])
        self._inputs = {tensor.name for tensor in self._graph.inputs}
        if (
            self._inputs - {"token_type_ids"} != {"input_ids", "attention_mask"}
            or self._graph.outputs[0].shape[-1] != spec.size
        ):
            raise Unavailable("The model's tensors are not those of a text embedding of that size.")
        self._output = self._graph.outputs[0].name
        self._affixes = self._tokenizer.encode("", with_special=True)

    def embed(self, texts: Sequence[str], kind: Kind = "passage") -> NDArray[np.float32]:
        """One vector a text, float32 [texts, size] of Euclidean length 1, so that a dot product is the cosine.

        `kind` chooses the prefix that the model was trained with: a query is looked for, a passage is found. What goes
        beyond the model's length is left out. Raises `BadRequest` for too many texts or one without tokens,
        `Terminated`.
        """
        if len(texts) > MAX_TEXTS:
            raise BadRequest(f"At most {MAX_TEXTS} texts at once.")
        ids = [self._ids(text, kind) for text in texts]
        vectors = np.zeros((len(ids), self.spec.size), np.float32)
        for places in _batches([len(one) for one in ids]):
            vectors[places] = self._run([ids[place] for place in places])
        return vectors

    def _ids(self, text: str, kind: Kind) -> list[int]:
        prefix = self.spec.query_prefix if kind == "query" else self.spec.passage_prefix
        ids = self._tokenizer.encode(prefix + text, with_special=True)
        if not ids:
            raise BadRequest("A text is empty.")
        most = self.spec.max_tokens
        if len(ids) <= most:
            return ids
        last = self._affixes[-1:]  # the token that ends every text stays at the end
        return ids[: most - len(last)] + last if ids[-len(last) :] == last else ids[:most]

    def _run(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        longest = max(len(one) for one in ids)
        tokens, mask = np.zeros((2, len(ids), longest), np.int64)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = one
            mask[row, : len(one)] = 1
        feeds = {"input_ids": tokens, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feeds["token_type_ids"] = np.zeros_like(tokens)
        found: NDArray[np.float32] = self._graph(feeds)[self._output].astype(np.float32)
        lengths = np.linalg.norm(found, axis=1)
        if not np.all(np.abs(lengths - 1.0) <= NORM_TOLERANCE):
            raise Unavailable("The model's vectors are not of length 1; run: vitrine doctor")
        unit: NDArray[np.float32] = found / lengths[:, None]
        return unit


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts, long ones first, cut so that no batch holds more than so many tokens with its padding."""
    places = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    while places:
        count = max(1, BATCH_TOKENS // max(1, lengths[places[0]]))
        yield places[:count]
        del places[:count]
