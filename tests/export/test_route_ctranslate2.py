from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language_files import (
    ARCHIVE,
    CONTEXT,
    HEADS,
    HIDDEN,
    INNER,
    LAYERS,
    LICENCE,
    MELS,
    POSITIONS,
    ctranslate2_bytes,
    speech_vocabulary,
    speech_weights,
    write_speech,
)

from export.errors import AgreementError, ExportError, SourceError, UnknownArchitecture
from export.publish import pack_files
from export.recipe import Accuracy, GraphSpec, Recipe, Tensor
from export.routes import ctranslate2
from export.routes.plain.speech import PlainSpeech
from export.routes.weights.ctranslate2_file import CTranslate2File
from export.sessions import Session
from sidecar.engine.manifest import MANIFEST_FILE, decode
from sidecar.engine.runner_specs import SpeechRecognition

VOCABULARY = len(speech_vocabulary()[0])


def _caches(prefix: str, side: str, length: int | str) -> tuple[Tensor, ...]:
    shape = ("batch", HEADS, length, HIDDEN // HEADS)
    parts = [f"{layer}.{side}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
    return tuple(Tensor(f"{prefix}.{part}", "float32", shape) for part in parts)


RECIPE = Recipe(
    name="tiny",
    title="tiny",
    version="1.0.0",
    architecture="whisper",
    route="ctranslate2",
    source=(ARCHIVE,),
    licence=LICENCE,
    restriction="none",
    task="nothing",
    runner="speech_recognition",
    graphs=(
        GraphSpec(
            name="encoder",
            component="",
            inputs=(Tensor("input_features", "float32", ("batch", MELS, 2 * POSITIONS)),),
            outputs=_caches("present", "encoder", POSITIONS),
            precision="fp32",
        ),
        GraphSpec(
            name="decoder",
            component="",
            inputs=(
                Tensor("input_ids", "int64", ("batch", "sequence")),
                *_caches("past_key_values", "decoder", "past"),
                *_caches("past_key_values", "encoder", POSITIONS),
            ),
            outputs=(
                Tensor("logits", "float32", ("batch", "sequence", VOCABULARY)),
                *_caches("present", "decoder", "total"),
            ),
        ),
    ),
    gates={"int8": Accuracy(metric="agreement", bound=0.9)},
    megabytes={},
    memory_mb={},
    quantize="none",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_speech(tmp_path_factory.mktemp("speech") / "source", speech_weights())


@pytest.fixture(scope="module")
def graphs(folder: Path) -> dict[str, Path]:
    return ctranslate2.convert(RECIPE, folder, folder.parent / "made")


@pytest.fixture
def short_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctranslate2, "PROBE_TOKENS", 8)


def test_a_pack_is_made_checked_and_described(folder: Path, graphs: dict[str, Path], short_probe: None) -> None:
    assert ctranslate2.check(RECIPE, folder, graphs)["tokens"] > 0.9
    runner = ctranslate2.runner(RECIPE, folder)
    _, ids = speech_vocabulary()
    assert isinstance(runner.spec, SpeechRecognition)
    assert runner.spec.languages == {"en": ids["<|en|>"], "zh": ids["<|zh|>"]}
    assert runner.spec.prompt == (ids["<|startoftranscript|>"], ids["<|transcribe|>"], ids["<|notimestamps|>"])
    assert (runner.spec.no_speech_id, runner.spec.previous_id) == (ids["<|nocaptions|>"], ids["<|startofprev|>"])
    assert runner.spec.context == CONTEXT and set(runner.spec.hints) == {"zh"}
    files = pack_files(RECIPE, graphs, runner, against=ctranslate2.AGAINST)
    manifest = decode(bytes(files[MANIFEST_FILE]))  # type: ignore[arg-type]
    assert [graph.variants[0].precision for graph in manifest.graphs] == ["fp32", "int8"]


def test_the_plain_model_is_that_of_transformers(folder: Path) -> None:
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=VOCABULARY, num_mel_bins=MELS, d_model=HIDDEN, encoder_layers=LAYERS, decoder_layers=LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=INNER, decoder_ffn_dim=INNER,
        max_source_positions=POSITIONS, max_target_positions=CONTEXT, pad_token_id=0, bos_token_id=0, eos_token_id=0,
        decoder_start_token_id=0,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).eval()
    model.load_state_dict(_transformers_names(speech_weights()), strict=True)
    rng = np.random.default_rng(8)
    features = rng.standard_normal((1, MELS, 2 * POSITIONS)).astype(np.float32)
    ids = rng.integers(0, VOCABULARY, (1, 11))
    with torch.no_grad():
        expected = model(torch.from_numpy(features), decoder_input_ids=torch.from_numpy(ids)).logits.numpy()
    plain = PlainSpeech(CTranslate2File(folder / "model.bin"))
    np.testing.assert_allclose(plain.logits(ids, plain.encoded(features)), expected, atol=1e-3)


def _transformers_names(weights):  # type: ignore[no-untyped-def]
    """CTranslate2's tensors under transformers' names: fused matrices cut, keys without a bias."""
    import torch

    state: dict[str, torch.Tensor] = {}

    def put(name: str, values: np.ndarray) -> None:
        state[name] = torch.from_numpy(np.ascontiguousarray(values))

    def both(theirs: str, ours: str, parts: tuple[str, str] = ("weight", "bias")) -> None:
        for suffix, part in zip(("weight", "bias"), parts, strict=True):
            put(f"{theirs}.{suffix}", weights[f"{ours}/{part}"])

    def fused(theirs: str, ours: str, names: str) -> None:
        matrices, biases = (np.split(weights[f"{ours}/{part}"], len(names)) for part in ("weight", "bias"))
        for name, matrix, bias in zip(names, matrices, biases, strict=True):
            put(f"{theirs}.{name}_proj.weight", matrix)
            if name != "k":
                put(f"{theirs}.{name}_proj.bias", bias)

    norm = ("gamma", "beta")
    for number in (1, 2):
        both(f"model.encoder.conv{number}", f"encoder/conv{number}")
    for part in ("encoder", "decoder"):
        put(f"model.{part}.embed_positions.weight", weights[f"{part}/position_encodings/encodings"])
        both(f"model.{part}.layer_norm", f"{part}/layer_norm", norm)
        for layer in range(LAYERS):
            theirs, ours = f"model.{part}.layers.{layer}", f"{part}/layer_{layer}"
            both(f"{theirs}.self_attn_layer_norm", f"{ours}/self_attention/layer_norm", norm)
            fused(f"{theirs}.self_attn", f"{ours}/self_attention/linear_0", "qkv")
            both(f"{theirs}.self_attn.out_proj", f"{ours}/self_attention/linear_1")
            if part == "decoder":
                both(f"{theirs}.encoder_attn_layer_norm", f"{ours}/attention/layer_norm", norm)
                both(f"{theirs}.encoder_attn.q_proj", f"{ours}/attention/linear_0")
                fused(f"{theirs}.encoder_attn", f"{ours}/attention/linear_1", "kv")
                both(f"{theirs}.encoder_attn.out_proj", f"{ours}/attention/linear_2")
            both(f"{theirs}.final_layer_norm", f"{ours}/ffn/layer_norm", norm)
            both(f"{theirs}.fc1", f"{ours}/ffn/linear_0")
            both(f"{theirs}.fc2", f"{ours}/ffn/linear_1")
    for name in ("model.decoder.embed_tokens.weight", "proj_out.weight"):
        put(name, weights["decoder/embeddings/weight"])
    return state


def test_the_encoder_loses_nothing(folder: Path, graphs: dict[str, Path]) -> None:
    """Its weights are the source's halves, spread out again."""
    features = np.random.default_rng(9).standard_normal((1, MELS, 2 * POSITIONS)).astype(np.float32)
    found = Session(graphs["encoder"]).run({"input_features": features})
    plain = PlainSpeech(CTranslate2File(folder / "model.bin"))
    encoded = plain.encoded(features)
    for layer in range(LAYERS):
        for name, expected in zip(("key", "value"), plain.cross(encoded, layer), strict=True):
            np.testing.assert_allclose(found[f"present.{layer}.encoder.{name}"], expected, atol=1e-4)
    halves = sum(values.size * 2 for name, values in speech_weights().items() if name.startswith("encoder"))
    assert graphs["encoder"].stat().st_size < 1.5 * halves


def test_equal_sources_give_equal_bytes(folder: Path, graphs: dict[str, Path], tmp_path: Path) -> None:
    again = ctranslate2.convert(RECIPE, folder, tmp_path)
    assert all(again[name].read_bytes() == file.read_bytes() for name, file in graphs.items())


def test_graphs_that_answer_otherwise_are_not_published(
    folder: Path, graphs: dict[str, Path], tmp_path: Path, short_probe: None
) -> None:
    other = write_speech(tmp_path / "other", speech_weights(seed=2))
    with pytest.raises(AgreementError, match=r"tiny: it chooses the source's token"):
        ctranslate2.check(RECIPE, other, graphs)


def test_a_model_of_another_kind_or_in_integers_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(ctranslate2_bytes(speech_weights(), kind="TransformerSpec"))
    with pytest.raises(UnknownArchitecture, match=r"holds TransformerSpec 3; this route reads WhisperSpec 3"):
        ctranslate2.convert(RECIPE, tmp_path, tmp_path / "made")
    file.write_bytes(ctranslate2_bytes(speech_weights(), dtype="i1"))
    with pytest.raises(SourceError, match="is stored in integers"):
        ctranslate2.convert(RECIPE, tmp_path, tmp_path / "made")


@pytest.mark.parametrize(
    ("name", "text"),
    [("config.json", "{"), ("config.json", "[]"), ("config.json", '{"lang_ids": [9999]}'), ("tokenizer.json", "{}")],
)
def test_a_configuration_that_lacks_what_whisper_needs_is_refused(tmp_path: Path, name: str, text: str) -> None:
    folder = write_speech(tmp_path, speech_weights())
    (folder / name).write_text(text)
    with pytest.raises(SourceError):
        ctranslate2.runner(RECIPE, folder)


def test_the_languages_of_the_recipe_are_spelled_as_codes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert len(config["lang_ids"]) == 2 == len(ctranslate2.runner(RECIPE, folder).spec.languages)  # type: ignore[union-attr]


WHOLE = ctranslate2_bytes({name: values[:2] for name, values in speech_weights().items()})


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=8), st.integers(1, len(WHOLE)))
def test_damaged_files_are_refused_or_read_never_worse(tmp_path_factory, place: int, junk: bytes, cut: int) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path_factory.getbasetemp() / "damaged.bin"
    file.write_bytes((WHOLE[:place] + junk + WHOLE[place + len(junk) :])[: max(cut, place)])
    try:
        opened = CTranslate2File(file)
        for name, variable in opened.variables.items():
            opened.read(name, *variable.shape)
    except ExportError:
        return
    assert opened.variables
