from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from gguf import GGMLQuantizationType, dequantize
from hypothesis import given, settings
from hypothesis import strategies as st
from language_files import (
    ARCHIVE,
    HEADS,
    HIDDEN,
    KV_HEADS,
    LAYERS,
    LICENCE,
    TEMPLATE,
    byte_vocabulary,
    decoder_weights,
    write_gguf,
)
from tokenizers import Tokenizer

from export.errors import AgreementError, ExportError, SourceError, UnknownArchitecture
from export.publish import pack_files
from export.recipe import Accuracy, Recipe
from export.recipes.starter_language.decoder import graph
from export.routes import gguf
from export.routes.plain.decoder import logits_of
from export.routes.vocabularies.byte_pairs import byte_pairs
from export.routes.weights.gguf_blocks import FORMATS
from export.routes.weights.gguf_file import GgufFile
from export.sessions import Session
from sidecar.engine.manifest import MANIFEST_FILE, decode
from sidecar.engine.runner_specs import TextGeneration

VOCABULARY = len(byte_vocabulary()[0])
FAMILIES = ("llama", "qwen2")


def recipe(**options: object) -> Recipe:
    return Recipe(
        name="tiny",
        title="tiny",
        version="1.0.0",
        architecture="llama",
        route="gguf",
        source=(ARCHIVE,),
        licence=LICENCE,
        restriction="none",
        task="nothing",
        runner="text_generation",
        graphs=(graph(layers=LAYERS, kv_heads=KV_HEADS, head_size=HIDDEN // HEADS, vocabulary=VOCABULARY),),
        gates={"int8": Accuracy(metric="agreement", bound=0.9)},
        megabytes={},
        memory_mb={},
        runner_options=options,
        quantize="none",
    )


def source(folder: Path, family: str, form: str = "F32", **changes: object) -> Path:
    write_gguf(folder / "model.gguf", family, decoder_weights(family), form=form, **changes)
    return folder


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_blocks_are_the_values_of_llama_cpp(name: str) -> None:
    """Bit for bit, on random bytes: any block is a legal one."""
    form, rng = FORMATS[name], np.random.default_rng(7)
    rows = rng.integers(0, 256, (5, 3 * form.dtype.itemsize), np.uint8)
    records = rows.reshape(-1).view(form.dtype)
    for field in {"d", "m", "v"} & set(form.dtype.names or ()):  # but no scale is infinite
        records[field] = rng.standard_normal(records[field].shape)
    library = {"F32": "<f4", "F16": "<f2"}
    expected = dequantize(rows.view(library[name]) if name in library else rows, GGMLQuantizationType[name])
    np.testing.assert_array_equal(form.values(rows.reshape(-1)), expected.reshape(-1))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_plain_model_is_that_of_transformers(tmp_path: Path, family: str) -> None:
    """Rotary layout, grouped heads, biases, norms: all of it against another implementation."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    config, model = (LlamaConfig, LlamaForCausalLM) if family == "llama" else (Qwen2Config, Qwen2ForCausalLM)
    weights = decoder_weights(family)
    made = model(
        config(
            vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=96, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, rms_norm_eps=1e-5, rope_theta=10000.0,
            tie_word_embeddings=family == "llama",
        )
    ).eval()  # fmt: skip
    names = {
        "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    }  # fmt: skip
    state = {}
    for name, values in weights.items():
        stem = name.removesuffix(".bias")
        if stem.startswith("blk."):
            _, layer, part = stem.split(".")
            full = f"model.layers.{layer}.{names[part]}"
        else:
            full = names[stem]
        state[f"{full}.{'bias' if name.endswith('.bias') else 'weight'}"] = torch.from_numpy(values)
    missing, unexpected = made.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}
    made.tie_weights()
    ids = np.random.default_rng(3).integers(0, VOCABULARY, (2, 17))
    with torch.no_grad():
        expected = made(torch.from_numpy(ids)).logits.numpy()
    found = logits_of(GgufFile(source(tmp_path, family) / "model.gguf"), ids)
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize(
    ("family", "form", "block"), [("llama", "Q4_1", 16), ("llama", "F16", 32), ("qwen2", "Q5_0", 32)]
)
def test_a_pack_is_made_checked_and_described(tmp_path: Path, family: str, form: str, block: int) -> None:
    folder, made = source(tmp_path / "source", family, form), recipe(context=64, block=block)
    graphs = gguf.convert(made, folder, tmp_path / "made")
    assert gguf.check(made, folder, graphs)["tokens"] > 0.9
    runner = gguf.runner(made, folder)
    tokens = byte_vocabulary()[0]
    assert isinstance(runner.spec, TextGeneration)
    assert runner.spec.context == 64
    assert runner.spec.stop_ids == (tokens.index("<|im_end|>"), tokens.index("<|endoftext|>"))
    assert runner.files["chat_template.jinja"].decode() == TEMPLATE
    files = pack_files(made, graphs, runner, against=gguf.AGAINST)
    manifest = decode(bytes(files[MANIFEST_FILE]))  # type: ignore[arg-type]
    (variant,) = manifest.graph("model").variants
    assert (variant.file, variant.data, variant.providers) == ("model.onnx", ("model.bin",), ("cpu",))


def test_the_graph_answers_as_its_source_with_a_cache_padding_and_a_batch(tmp_path: Path) -> None:
    folder, made = source(tmp_path / "source", "qwen2", "Q8_0"), recipe()
    session = Session(gguf.convert(made, folder, tmp_path / "made")["model"])
    ids = np.random.default_rng(5).integers(0, 256, (2, 12))
    expected = logits_of(GgufFile(folder / "model.gguf"), ids)
    empty = np.zeros((2, KV_HEADS, 0, HIDDEN // HEADS), np.float32)
    past = {f"past_key_values.{layer}.{part}": empty for layer in range(LAYERS) for part in ("key", "value")}
    whole = session.run({"input_ids": ids, "attention_mask": np.ones_like(ids), **past})
    assert whole["logits"].shape == (2, 1, VOCABULARY)
    assert cosine(whole["logits"][:, 0], expected[:, -1]) > 0.999
    # Two pieces over the cache, and one run of the second text behind four tokens of padding, say the same.
    first = session.run({"input_ids": ids[:, :5], "attention_mask": np.ones((2, 5), np.int64), **past})
    later = {name.replace("present", "past_key_values"): value for name, value in first.items() if name != "logits"}
    second = session.run({"input_ids": ids[:, 5:], "attention_mask": np.ones_like(ids), **later})
    np.testing.assert_allclose(second["logits"], whole["logits"], atol=2e-2)
    assert cosine(second["logits"], whole["logits"]) > 0.9999
    padded = np.concatenate([np.zeros((2, 4), np.int64), ids], axis=1)
    mask = np.concatenate([np.zeros((2, 4), np.int64), np.ones_like(ids)], axis=1)
    behind = session.run({"input_ids": padded, "attention_mask": mask, **past})
    np.testing.assert_allclose(behind["logits"], whole["logits"], atol=1e-4)


def test_equal_sources_give_equal_bytes(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", "llama", "Q4_1")
    for target in ("a", "b"):
        gguf.convert(recipe(), folder, tmp_path / target)
    for name in ("model.onnx", "model.bin"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_graph_that_answers_otherwise_is_not_published(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", "llama")
    other = source(tmp_path / "other", "llama")
    write_gguf(other / "model.gguf", "llama", decoder_weights("llama", seed=2))
    graphs = gguf.convert(recipe(), other, tmp_path / "made")
    with pytest.raises(AgreementError, match=r"tiny: it chooses the source's token \d"):
        gguf.check(recipe(), folder, graphs)


def test_a_gate_that_is_stricter_than_the_graph_refuses_it(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", "llama")
    strict = replace(recipe(), gates={"int8": Accuracy(metric="agreement", bound=1.01)})
    graphs = gguf.convert(strict, folder, tmp_path / "made")
    with pytest.raises(AgreementError):
        gguf.check(strict, folder, graphs)


def test_the_vocabulary_cuts_texts_as_the_models_own_does(tmp_path: Path) -> None:
    folder = source(tmp_path, "qwen2")
    tokenizer = Tokenizer.from_str(gguf.runner(recipe(), folder).files["tokenizer.json"].decode())
    tokens = byte_vocabulary()[0]
    text = "the red\u00e9 coat 123 e\u0301 红色<|im_end|>"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert [tokens[i] for i in ids[:3]] == ["t", "he", "\u0120"]
    assert ids[-1] == tokens.index("<|im_end|>")
    assert tokenizer.decode(ids, skip_special_tokens=False) == text.replace("e\u0301", "\u00e9")  # NFC
    assert tokenizer.id_to_token(tokens.index("[PAD0]")) is None  # nobody can say an unused token


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pre": "gpt-4"}, UnknownArchitecture, "cuts texts by the rule 'gpt-4'; known are qwen2, smollm"),
        ({"heads": 3}, SourceError, "turns a part of each head only"),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, changes: dict[str, object], error: type[ExportError], message: str
) -> None:
    folder = source(tmp_path, "llama", **changes)
    with pytest.raises(error, match=message):
        gguf.runner(recipe(), folder)


def test_another_family_is_refused_by_name(tmp_path: Path) -> None:
    write_gguf(tmp_path / "model.gguf", "gemma3", decoder_weights("llama"))
    with pytest.raises(UnknownArchitecture, match=r"model\.gguf holds 'gemma3'; this route reads llama, qwen2"):
        gguf.convert(recipe(), tmp_path, tmp_path / "made")


def test_a_missing_tensor_and_one_of_another_shape_are_named(tmp_path: Path) -> None:
    weights = decoder_weights("llama")
    write_gguf(tmp_path / "model.gguf", "llama", {k: v for k, v in weights.items() if k != "blk.1.ffn_up"})
    with pytest.raises(SourceError, match=r"no tensor blk\.1\.ffn_up\.weight"):
        gguf.convert(recipe(), tmp_path, tmp_path / "made")
    write_gguf(tmp_path / "model.gguf", "llama", weights | {"blk.1.ffn_up": weights["blk.1.ffn_down"]})
    with pytest.raises(SourceError, match=r"blk\.1\.ffn_up\.weight has the shape \[64, 96\], not \[96, 64\]"):
        gguf.convert(recipe(), tmp_path, tmp_path / "made")


def test_hostile_headers_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"

    def refuses(data: bytes, message: str) -> None:
        file.write_bytes(data)
        with pytest.raises(SourceError, match=message):
            GgufFile(file)

    head = b"GGUF" + struct.pack("<I", 3)
    refuses(b"", "missing or empty")
    refuses(b"GGML" + bytes(20), "not a GGUF file")
    refuses(head + struct.pack("<QQ", 2**60, 0), "more than any model has")
    refuses(head + struct.pack("<QQ", 0, 1) + struct.pack("<Q", 2**50), "at most 1048576")
    key = struct.pack("<Q", 1) + b"k"
    refuses(head + struct.pack("<QQ", 0, 1) + key + struct.pack("<IIQ", 9, 9, 4), "holds lists")
    refuses(head + struct.pack("<QQ", 0, 1) + key + struct.pack("<IIQ", 9, 4, 2**40), "too long")
    refuses(head + struct.pack("<QQ", 0, 1) + key + struct.pack("<I", 77), "unknown type 77")
    tensor = struct.pack("<Q", 1) + b"t" + struct.pack("<I", 1)
    refuses(head + struct.pack("<QQ", 1, 0) + tensor + struct.pack("<QIQ", 32, 0, 0), "cut off")
    refuses(head + struct.pack("<QQ", 1, 0) + tensor + struct.pack("<QIQ", 33, 8, 0), "its format cannot hold")
    refuses(head + struct.pack("<QQ", 1, 0) + tensor + struct.pack("<QIQ", 32, 29, 0), "format 29")
    refuses(head + struct.pack("<QQ", 1, 0) + tensor + struct.pack("<QIQ", 2**62, 0, 0), "its format cannot hold")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source(tmp_path_factory.mktemp("gguf"), "llama", "Q8_0") / "model.gguf"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_are_refused_or_read_never_worse(sound: Path, data: st.DataObject) -> None:
    """The header is at the front, so most damage is done there."""
    whole = sound.read_bytes()
    place = data.draw(st.one_of(st.integers(0, 700), st.integers(0, len(whole) - 9)))
    junk = data.draw(st.binary(min_size=1, max_size=8))
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(1, len(whole))))
    file = sound.with_name("damaged.gguf")
    file.write_bytes((whole[:place] + junk + whole[place + len(junk) :])[:cut])
    try:
        opened = gguf.GgufDecoder.open(file, context=64, block=32)
        byte_pairs(opened.file.fields, name="damaged")
        opened.embedding()
        for layer in range(opened.shape.layers):
            opened.layer(layer)
    except ExportError:
        return
    assert opened.shape.layers >= 1


def test_what_is_written_is_standard_onnx_beside_one_operator(tmp_path: Path) -> None:
    file = gguf.convert(recipe(), source(tmp_path / "source", "llama"), tmp_path / "made")["model"]
    model = onnx.load(file)
    onnx.checker.check_model(model)
    assert {node.op_type for node in model.graph.node if node.domain} == {"MatMulNBits"}
    assert not model.graph.doc_string and not model.metadata_props
