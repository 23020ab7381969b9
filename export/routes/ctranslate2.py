"""Route `ctranslate2`: Whisper from CTranslate2's float files as ONNX, the encoder as it is, the decoder in 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sidecar.engine.runner_specs import SpeechRecognition

from ..accuracy import agreement
from ..errors import SourceError, UnknownArchitecture
from ..graph_check import check_declared
from ..recipe import Recipe
from ..route import RunnerFiles
from ..sessions import Session
from ..source_text import file_bytes, required_json
from .graphs.parts import Floats
from .graphs.speech import Block, Cross, Linear, Norm, SpeechShape, write_speech_decoder, write_speech_encoder
from .plain.speech import PlainSpeech
from .texts import TEXTS
from .weights.ctranslate2_file import CTranslate2File

STAGED, CONFIG, TOKENIZER = "model.bin", "config.json", "tokenizer.json"
MAX_TEXT_BYTES = 1 << 24
MAX_LAYERS = 64
PROBE_TOKENS = 48
HINTS = {"zh": "以下是普通话的句子。"}  # simplified characters; without it the base model often writes traditional ones
AGAINST = (
    "The source's weights in float32 numpy, on drawn spectra and four texts of 48 tokens in Chinese and English: the "
    "share of next tokens that the graphs, with their cache, choose as the source does."
)


@dataclass(frozen=True)
class CTranslate2Speech:
    """The weights of one file, in the order and layout of `graphs.speech`."""

    file: CTranslate2File
    shape: SpeechShape

    @classmethod
    def open(cls, path: Path) -> CTranslate2Speech:
        """Reads the sizes off the tensors; raises `SourceError`, `UnknownArchitecture`."""
        file = CTranslate2File(path)
        if file.kind != "WhisperSpec" or file.revision != 3:
            raise UnknownArchitecture(f"{path.name} holds {file.kind} {file.revision}; this route reads WhisperSpec 3.")
        hidden, mels, _ = file.shape("encoder/conv1/weight")
        parts = ("encoder", "decoder")
        counts = [
            sum(f"{part}/layer_{i}/ffn/linear_0/weight" in file.variables for i in range(MAX_LAYERS)) for part in parts
        ]
        count = file.integer("encoder/num_heads")
        if counts[0] != counts[1] or not counts[0] or count < 1 or hidden % count:
            raise SourceError(f"{path.name} has layers or heads that do not fit together.")
        shape = SpeechShape(
            mels=mels,
            positions=file.shape("encoder/position_encodings/encodings")[0],
            layers=counts[0],
            hidden=hidden,
            heads=count,
            feed_forward=file.shape("encoder/layer_0/ffn/linear_0/weight")[0],
            vocabulary=file.shape("decoder/embeddings/weight")[0],
            context=file.shape("decoder/position_encodings/encodings")[0],
        )
        return cls(file, shape)

    def convolution(self, number: int) -> tuple[Floats, Floats]:
        """Weights and bias of convolution 1 or 2."""
        shape, name = self.shape, f"encoder/conv{number}"
        inputs = shape.mels if number == 1 else shape.hidden
        return self.file.read(f"{name}/weight", shape.hidden, inputs, 3), self.file.read(f"{name}/bias", shape.hidden)

    def positions(self, part: str) -> Floats:
        """Rows by position."""
        rows = self.shape.positions if part == "encoder" else self.shape.context
        return self.file.read(f"{part}/position_encodings/encodings", rows, self.shape.hidden)

    def block(self, part: str, number: int) -> Block:
        """A layer of the encoder or the decoder."""
        hidden, inner, name = self.shape.hidden, self.shape.feed_forward, f"{part}/layer_{number}"
        return Block(
            norm=self._norm(f"{name}/self_attention/layer_norm"),
            qkv=self._linear(f"{name}/self_attention/linear_0", 3 * hidden, hidden),
            out=self._linear(f"{name}/self_attention/linear_1", hidden, hidden),
            mlp_norm=self._norm(f"{name}/ffn/layer_norm"),
            inner=self._linear(f"{name}/ffn/linear_0", inner, hidden),
            outer=self._linear(f"{name}/ffn/linear_1", hidden, inner),
        )

    def cross(self, number: int) -> Cross:
        """A decoder layer's look at the encoder."""
        hidden, name = self.shape.hidden, f"decoder/layer_{number}/attention"
        return Cross(
            norm=self._norm(f"{name}/layer_norm"),
            query=self._linear(f"{name}/linear_0", hidden, hidden),
            kv=self._linear(f"{name}/linear_1", 2 * hidden, hidden),
            out=self._linear(f"{name}/linear_2", hidden, hidden),
        )

    def norm(self, part: str) -> Norm:
        """The last norm."""
        return self._norm(f"{part}/layer_norm")

    def words(self) -> Floats:
        """Rows by token id; also the matrix to logits."""
        return self.file.read("decoder/embeddings/weight", self.shape.vocabulary, self.shape.hidden)

    def _linear(self, name: str, rows: int, columns: int) -> Linear:
        return self.file.read(f"{name}/weight", rows, columns), self.file.read(f"{name}/bias", rows)

    def _norm(self, name: str) -> Norm:
        width = self.shape.hidden
        return self.file.read(f"{name}/gamma", width), self.file.read(f"{name}/beta", width)


def convert(recipe: Recipe, source: Path, target: Path) -> dict[str, Path]:
    """Writes `encoder.onnx` and `decoder.onnx`; the same bytes on every machine. Raises `ExportError`."""
    target.mkdir(parents=True, exist_ok=True)
    speech = CTranslate2Speech.open(source / STAGED)
    return {
        "encoder": write_speech_encoder(speech.shape, speech, target / "encoder.onnx"),
        "decoder": write_speech_decoder(speech.shape, speech, target / "decoder.onnx"),
    }


def check(recipe: Recipe, source: Path, graphs: Mapping[str, Path]) -> dict[str, float]:
    """The share of next tokens on which graphs and source agree.

    Raises `NamesError`, `ShapeError` or `AgreementError`.
    """
    speech = CTranslate2Speech.open(source / STAGED)
    sessions = {graph.name: Session(graphs[graph.name]) for graph in recipe.graphs}
    for graph in recipe.graphs:
        check_declared(graph, sessions[graph.name])
    spec = _spec(recipe, source, speech.shape)
    ids = _probe(spec, file_bytes(source / TOKENIZER, MAX_TEXT_BYTES))
    features = _spectra(speech.shape)
    found = _with_cache(speech.shape, sessions, features, ids)
    plain = PlainSpeech(speech.file)
    wanted = plain.logits(ids, np.repeat(plain.encoded(features), len(ids) // len(features), axis=0))
    return {"tokens": agreement(recipe, found, wanted)}


def runner(recipe: Recipe, source: Path) -> RunnerFiles:
    """The file's sizes, and the ids that its vocabulary and configuration name."""
    shape = CTranslate2Speech.open(source / STAGED).shape
    return RunnerFiles(_spec(recipe, source, shape), {TOKENIZER: file_bytes(source / TOKENIZER, MAX_TEXT_BYTES)})


def _spec(recipe: Recipe, source: Path, shape: SpeechShape) -> SpeechRecognition:
    config = required_json(source / CONFIG, MAX_TEXT_BYTES)
    vocabulary = required_json(source / TOKENIZER, MAX_TEXT_BYTES)
    try:
        ids = {str(token["content"]): int(token["id"]) for token in vocabulary["added_tokens"]}
        tags = {number: token for token, number in ids.items()}
        languages = {tags[number].strip("<|>"): number for number in config["lang_ids"]}
        return SpeechRecognition(
            tokenizer=TOKENIZER,
            mels=shape.mels,
            layers=shape.layers,
            heads=shape.heads,
            head_size=shape.size,
            context=shape.context,
            prompt=(ids["<|startoftranscript|>"], ids["<|transcribe|>"], ids["<|notimestamps|>"]),
            stop_id=ids["<|endoftext|>"],
            suppress_from=ids["<|notimestamps|>"] + 1,
            suppress=tuple(config["suppress_ids"]),
            suppress_first=tuple(config["suppress_ids_begin"]),
            no_speech_id=ids["<|nocaptions|>"],
            previous_id=ids["<|startofprev|>"],
            hints={key: text for key, text in HINTS.items() if key in languages},
            languages=languages,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{recipe.name}: the configuration or the vocabulary lacks what Whisper needs.") from error


def _spectra(shape: SpeechShape) -> Floats:
    """Two log-mel spectra in the range of real ones: bands that rise and fall as vowels do, and noise."""
    rng = np.random.default_rng(20240229)
    time, mel = np.arange(shape.frames) / 100.0, np.arange(shape.mels)[:, None]
    bands = np.zeros((shape.mels, shape.frames))
    for formant in (8, 18, 30, 44):
        centre = formant + 4 * np.sin(2 * np.pi * time * (1.3 + 0.1 * formant))
        bands += (
            np.exp(-(((mel - centre) / 3.0) ** 2)) * np.clip(np.sin(2 * np.pi * 2.1 * time) + 0.4, 0, 1) * (time < 12)
        )
    noise = 0.05 * rng.standard_normal(bands.shape)
    return np.stack([1.6 * bands - 0.6 + noise, np.clip(noise - 0.5, -0.9, 1.5)]).astype(np.float32)


def _probe(spec: SpeechRecognition, tokenizer: bytes) -> NDArray[np.int64]:
    """Prompt, language and the beginning of two Chinese and two English texts [4, tokens]."""
    encoder = Tokenizer.from_str(tokenizer.decode())
    rows = []
    for text, language in zip(TEXTS, ("en", "zh", "en", "zh"), strict=False):
        begin = (spec.prompt[0], spec.languages[language], *spec.prompt[1:])
        rows.append([*begin, *encoder.encode(text, add_special_tokens=False).ids[:PROBE_TOKENS]])
    return np.array(rows, np.int64)


def _with_cache(
    shape: SpeechShape, sessions: Mapping[str, Session], features: Floats, ids: NDArray[np.int64]
) -> Floats:
    """Logits [batch, tokens, vocabulary]: the prompt at once, then one token a run over the cache."""
    texts = len(ids) // len(features)  # for each spectrum
    encoded = sessions["encoder"].run({"input_features": features})
    cross = {_past(name): np.repeat(value, texts, axis=0) for name, value in encoded.items()}
    empty = np.zeros((len(ids), shape.heads, 0, shape.size), np.float32)
    own = {name: empty for name in sessions["decoder"].inputs if ".decoder." in name}
    logits: list[Floats] = []
    for part in np.split(ids, range(ids.shape[1] - PROBE_TOKENS, ids.shape[1]), axis=1):
        outputs = sessions["decoder"].run({"input_ids": part, **own, **cross})
        logits.append(outputs.pop("logits"))
        own = {_past(name): value for name, value in outputs.items()}
    return np.concatenate(logits, axis=1)


def _past(name: str) -> str:
    return name.replace("present", "past_key_values")
