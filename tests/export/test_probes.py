"""What the source is asked: every size of the recipe, a text for decoders, and which of it candidates are timed on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_deciding import SPEC, VOCABULARY, Decoder
from tiny_models import recipe

from export import evaluate, probes, sample_text
from export.errors import SourceError
from export.tiny.tokens import write_bytes_bpe

BYTES = 512  # more tokens than the small tokenizer has
TYPES = {"float32": "tensor(float)", "int64": "tensor(int64)"}


def test_every_size_is_asked_and_read_back(tmp_path: Path) -> None:
    made = recipe()
    probes.ask(made, {}, lambda graph, feeds: {"y": feeds["x"] * 2}, tmp_path, tmp_path)
    found = list(probes.read(made.graphs[0], tmp_path))
    assert [probe.sizes for probe in found] == [{"batch": 1}, {"batch": 3}]
    assert all(np.array_equal(probe.answers["y"], 2 * probe.inputs["x"]) for probe in found)
    assert probes.timed(made.graphs[0], tmp_path).sizes == {"batch": 3}


def test_a_decoder_is_asked_about_a_text_and_timed_on_one_token(tmp_path: Path) -> None:
    source, answers = tmp_path / "source", tmp_path / "answers"
    source.mkdir()
    answers.mkdir()
    write_bytes_bpe(source)
    vary = ({"batch": 1, "sequence": 4, "past": 0, "total": 4}, {"batch": 1, "sequence": 1, "past": 3, "total": 4})
    made = replace(recipe(), graphs=(replace(SPEC, vary=vary),))

    def reference(graph: str, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return Decoder()(
            {**feeds, "input_ids": feeds["input_ids"] % VOCABULARY, "position_ids": feeds["position_ids"] % 64}
        )

    probes.ask(made, {"vocabulary": BYTES}, reference, source, answers)  # type: ignore[arg-type]
    found = list(probes.read(made.graphs[0], answers))
    text = found[-1].inputs["input_ids"]
    assert len(found) == 3 and text.shape == (1, sample_text.MAX_TOKENS)
    assert len(set(text[0].tolist())) > 20 and [probe.is_text for probe in found] == [False, False, True]
    assert probes.timed(made.graphs[0], answers).sizes["sequence"] == 1


def test_no_text_without_a_tokenizer_that_fits(tmp_path: Path) -> None:
    assert sample_text.ids(tmp_path, BYTES) == []
    write_bytes_bpe(tmp_path)
    assert sample_text.ids(tmp_path, BYTES) and sample_text.ids(tmp_path, 3) == []


def test_a_source_that_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the source itself answers model.y with NaN"):
        probes.ask(recipe(), {}, lambda graph, feeds: {"y": feeds["x"] * np.nan}, tmp_path, tmp_path)


def test_of_a_decoder_only_the_text_counts_for_its_choices(tmp_path: Path) -> None:
    source, answers = tmp_path / "source", tmp_path / "answers"
    source.mkdir()
    answers.mkdir()
    write_bytes_bpe(source)
    vary = ({"batch": 1, "sequence": 4, "past": 0, "total": 4},)
    made = replace(recipe(), graphs=(replace(SPEC, vary=vary),))
    decoder = Decoder()

    def run(feeds: dict[str, np.ndarray], *, other: bool = False) -> dict[str, np.ndarray]:
        ids = (feeds["input_ids"] + other) % VOCABULARY
        return decoder({**feeds, "input_ids": ids, "position_ids": feeds["position_ids"] % 64})

    elsewhere = SimpleNamespace(  # right on the text, wrong on random tokens
        inputs={tensor.name: (TYPES[tensor.dtype], list(tensor.shape)) for tensor in SPEC.inputs},
        outputs={tensor.name: (TYPES[tensor.dtype], list(tensor.shape)) for tensor in SPEC.outputs},
        run=lambda feeds: run(feeds, other=feeds["input_ids"].shape[1] == 4),
    )
    probes.ask(made, {"vocabulary": BYTES}, lambda name, feeds: run(feeds), source, answers)  # type: ignore[arg-type]
    comparison = evaluate.compare(made.graphs[0], elsewhere, answers)  # type: ignore[arg-type]
    assert comparison.worst("agreement") == 1.0 and comparison.worst("max_abs") > 0.1
    assert comparison.seen["logits"].choices == sample_text.MAX_TOKENS
