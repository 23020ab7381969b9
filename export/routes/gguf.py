"""Route `gguf`: llama.cpp's weight files of the Llama and Qwen2 families, written as ONNX without any framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sidecar.engine.runner_specs import TextGeneration

from ..accuracy import agreement
from ..errors import SourceError, UnknownArchitecture
from ..graph_check import check_declared
from ..recipe import Recipe
from ..route import RunnerFiles
from ..sessions import Session
from .graphs.blocks import Blocks, exact, rounded, stacked, stepped
from .graphs.decoder import DecoderLayer, DecoderShape, write_decoder
from .plain.decoder import logits_of
from .texts import TEXTS
from .vocabularies.byte_pairs import byte_pairs
from .weights.gguf_file import GgufFile

Floats = NDArray[np.float32]
FAMILIES = ("llama", "qwen2")
STAGED, TOKENIZER, TEMPLATE = "model.gguf", "tokenizer.json", "chat_template.jinja"
MAX_CONTEXT = 4096
PROBE_TOKENS = 40
AGAINST = (
    "The source's weights in float32 numpy, on eight texts of 40 tokens in Chinese and English: the share of next "
    "tokens that the graph, with its cache, chooses as the source does."
)
_ROWS = 8192  # of a matrix at a time, so that a large vocabulary never lies in memory as float32


@dataclass(frozen=True)
class GgufDecoder:
    """The weights of one file, in the order and layout of `graphs.decoder`."""

    file: GgufFile
    shape: DecoderShape
    block: int

    @classmethod
    def open(cls, path: Path, *, context: int, block: int) -> GgufDecoder:
        """Reads the numbers of the file's header.

        `context` shortens what the model was trained for, `block` is how many weights share a scale in the graph (16 is
        nearer to the source than 32, and larger).
        """
        file = GgufFile(path)
        family = file.fields.get("general.architecture")
        if family not in FAMILIES:
            raise UnknownArchitecture(f"{path.name} holds {family!r}; this route reads {', '.join(FAMILIES)}.")
        heads = file.integer(f"{family}.attention.head_count")
        hidden = file.integer(f"{family}.embedding_length")
        head_size = file.fields.get(f"{family}.rope.dimension_count", hidden // heads)
        if hidden % heads or head_size != hidden // heads:
            raise SourceError(f"{path.name} turns a part of each head only, which this route does not write.")
        shape = DecoderShape(
            layers=file.integer(f"{family}.block_count"),
            hidden=hidden,
            heads=heads,
            kv_heads=file.integer(f"{family}.attention.head_count_kv"),
            head_size=head_size,
            feed_forward=file.integer(f"{family}.feed_forward_length"),
            vocabulary=len(file.texts("tokenizer.ggml.tokens")),
            context=min(context, file.integer(f"{family}.context_length")),
            epsilon=file.real(f"{family}.attention.layer_norm_rms_epsilon"),
            rotary_base=file.real(f"{family}.rope.freq_base", 10000.0),
        )
        return cls(file, shape, block)

    def token(self, role: str) -> int:
        """The id of the token that the file names for a role, `bos` or `eos`; raises `SourceError`."""
        number = self.file.fields.get(f"tokenizer.ggml.{role}_token_id")
        if not isinstance(number, int) or not 0 <= number < self.shape.vocabulary:
            raise SourceError(f"The file names no {role} token.")
        return number

    def embedding(self) -> Blocks:
        """Rows by token id."""
        return self._matrix("token_embd", self.shape.vocabulary, self.shape.hidden)

    def norm(self) -> Floats:
        """The last norm."""
        return self.file.read("output_norm.weight", shape=(self.shape.hidden,))

    def head(self) -> Blocks | None:
        """The matrix to logits, None where it is the embedding."""
        if "output.weight" not in self.file.tensors:
            return None
        return self._matrix("output", self.shape.vocabulary, self.shape.hidden)

    def layer(self, number: int) -> DecoderLayer:
        """One layer."""
        shape, name = self.shape, f"blk.{number}"
        hidden, inner = shape.hidden, shape.feed_forward
        rows = {"q": shape.heads * shape.head_size, "k": shape.kv_heads * shape.head_size}
        rows["v"] = rows["k"]
        return DecoderLayer(
            attention_norm=self.file.read(f"{name}.attn_norm.weight", shape=(hidden,)),
            qkv=stacked([self._turned(f"{name}.attn_{part}", count, part) for part, count in rows.items()]),
            qkv_bias=self._bias(name, rows),
            attention_out=self._matrix(f"{name}.attn_output", hidden, rows["q"]),
            mlp_norm=self.file.read(f"{name}.ffn_norm.weight", shape=(hidden,)),
            gate_up=stacked([self._matrix(f"{name}.ffn_{part}", inner, hidden) for part in ("gate", "up")]),
            down=self._matrix(f"{name}.ffn_down", hidden, inner),
        )

    def _bias(self, name: str, rows: dict[str, int]) -> Floats | None:
        if f"{name}.attn_q.bias" not in self.file.tensors:
            return None
        return np.concatenate([self.file.read(f"{name}.attn_{part}.bias", shape=(n,)) for part, n in rows.items()])

    def _turned(self, name: str, rows: int, part: str) -> Blocks:
        """A projection; llama.cpp stores Llama's queries and keys with the two halves of each head interleaved."""
        matrix = self._matrix(name, rows, self.shape.hidden)
        if part == "v" or self.file.fields["general.architecture"] != "llama":
            return matrix
        order = np.arange(rows).reshape(-1, self.shape.head_size // 2, 2).swapaxes(1, 2).reshape(-1)
        zeros = None if matrix.zeros is None else matrix.zeros[order]
        return Blocks(matrix.codes[order], matrix.scales[order], zeros)

    def _matrix(self, name: str, rows: int, columns: int) -> Blocks:
        if columns % self.block:
            raise SourceError(f"{name} has rows of {columns} values, not a multiple of {self.block}.")
        parts = [self._rows(f"{name}.weight", (rows, columns), begin) for begin in range(0, rows, _ROWS)]
        return stacked(parts)

    def _rows(self, name: str, shape: tuple[int, int], begin: int) -> Blocks:
        rows = slice(begin, min(shape[0], begin + _ROWS))
        steps = self.file.read_steps(name, shape=shape, rows=rows)
        if steps is None or steps.integers.shape[1] < self.block:
            return rounded(self.file.read(name, shape=shape, rows=rows), self.block)
        count = rows.stop - rows.start
        integers = steps.integers.reshape(count, -1, self.block)
        repeats = steps.integers.shape[1] // self.block
        scales = np.repeat(steps.scales.reshape(count, -1), repeats, axis=1)
        if steps.offsets is None:
            return exact(integers, scales)
        return stepped(integers, scales, np.repeat(steps.offsets.reshape(count, -1), repeats, axis=1))


def convert(recipe: Recipe, source: Path, target: Path) -> dict[str, Path]:
    """Writes `model.onnx` and, beside it, `model.bin`; equal sources give equal bytes on every machine.

    Raises `SourceError` or `UnknownArchitecture`.
    """
    target.mkdir(parents=True, exist_ok=True)
    decoder = _open(recipe, source)
    return {"model": write_decoder(decoder.shape, decoder, target / "model.onnx")}


def check(recipe: Recipe, source: Path, graphs: Mapping[str, Path]) -> dict[str, float]:
    """The share of next tokens that the graph, a token at a time with its cache, chooses as the source does.

    Raises `NamesError`, `ShapeError` or `AgreementError`.
    """
    decoder = _open(recipe, source)
    session = Session(graphs["model"])
    check_declared(recipe.graphs[0], session)
    ids = _probe(runner(recipe, source).files[TOKENIZER])
    found = _with_cache(decoder.shape, session, ids)
    wanted = logits_of(decoder.file, ids)
    return {"tokens": agreement(recipe, found, wanted)}


def runner(recipe: Recipe, source: Path) -> RunnerFiles:
    """The numbers of the file's header, its vocabulary and its chat template."""
    decoder = _open(recipe, source)
    shape, fields = decoder.shape, decoder.file.fields
    template = fields.get("tokenizer.chat_template")
    files = {TOKENIZER: byte_pairs(fields, name=recipe.name)}
    if isinstance(template, str):
        files[TEMPLATE] = template.encode()
    stops = dict.fromkeys([decoder.token("eos"), *_end_of_turn(decoder.file.texts("tokenizer.ggml.tokens"))])
    spec = TextGeneration(
        tokenizer=TOKENIZER,
        layers=shape.layers,
        kv_heads=shape.kv_heads,
        head_size=shape.head_size,
        context=shape.context,
        vocabulary=shape.vocabulary,
        stop_ids=tuple(stops),
        bos_id=decoder.token("bos") if fields.get("tokenizer.ggml.add_bos_token") else None,
        chat_template=TEMPLATE if TEMPLATE in files else None,
    )
    return RunnerFiles(spec, files)


def _open(recipe: Recipe, source: Path) -> GgufDecoder:
    context, block = recipe.runner_options.get("context", MAX_CONTEXT), recipe.runner_options.get("block", 32)
    if not isinstance(context, int) or not isinstance(block, int) or block not in (16, 32):
        raise TypeError("a recipe's context is a number, its block 16 or 32")
    return GgufDecoder.open(source / STAGED, context=context, block=block)


def _end_of_turn(tokens: list[str]) -> list[int]:
    """Every token that ends a text or a turn; files name one of them only."""
    return [number for number, token in enumerate(tokens) if token in ("<|im_end|>", "<|endoftext|>")]


def _probe(tokenizer: bytes, *, tokens: int = PROBE_TOKENS) -> NDArray[np.int64]:
    """The same number of tokens of each text [texts, tokens]."""
    encoder = Tokenizer.from_str(tokenizer.decode())
    return np.array([encoder.encode(text, add_special_tokens=False).ids[:tokens] for text in TEXTS], np.int64)


def _with_cache(shape: DecoderShape, session: Session, ids: NDArray[np.int64]) -> Floats:
    """Logits [texts, tokens, vocabulary]: a short prompt, then one token a run over the cache, as text is generated."""
    batch, length = ids.shape
    axes = (batch, shape.kv_heads, 0, shape.head_size)
    past = {name: np.zeros(axes, np.float32) for name in session.inputs if name.startswith("past")}
    logits: list[Floats] = []
    for end in range(1, length + 1):
        feeds = {"input_ids": ids[:, end - 1 : end], "attention_mask": np.ones((batch, end), np.int64)}
        outputs = session.run(feeds | past)
        logits.append(outputs.pop("logits"))
        past = {name.replace("present", "past_key_values"): values for name, values in outputs.items()}
    return np.concatenate(logits, axis=1)
