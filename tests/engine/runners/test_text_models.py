"""The text runner on real networks: tiny Qwen2 and Llama with random weights, held against transformers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from optimum.exporters.onnx import onnx_export_from_model
from text_models import CHATML, byte_level
from text_ort import loaded, runtime
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from benchmarks.text_model import Shape, shared_cache_decoder
from sidecar.engine.runner_specs import TextGeneration
from sidecar.engine.runners.answer import CHUNK_TOKENS, Options
from sidecar.engine.runners.graph import Terminated
from sidecar.engine.runners.sampling import Sampling
from sidecar.engine.runners.text import TextGenerator

NEW_TOKENS, PROMPT_TOKENS, VOCABULARY = 200, 150, 600
STOP = VOCABULARY - 1
NUMBERS: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": False,
    "initializer_range": 0.2, "bos_token_id": 1, "eos_token_id": None, "pad_token_id": 0,
}  # fmt: skip
SHAPE = Shape(layers=2, hidden=64, feed_forward=96, heads=4, kv_heads=2, vocabulary=VOCABULARY, context=512)
KINDS = {"qwen2": (Qwen2Config, Qwen2ForCausalLM), "llama": (LlamaConfig, LlamaForCausalLM)}


class Case:
    """One model with the tokens that transformers chooses, and graphs of it."""

    def __init__(self, kind: str, folder: Path) -> None:
        config, model = KINDS[kind]
        torch.manual_seed(7)
        self.model = model(config(**NUMBERS)).eval()
        with torch.no_grad():
            self.model.lm_head.weight[STOP] = 0.0  # never the most likely, so that every answer is as long as asked
        self._known: dict[Any, list[int]] = {}
        self.prompt = np.random.default_rng(3).integers(5, VOCABULARY, PROMPT_TOKENS).tolist()
        self.greedy = self.generated(self.prompt, NEW_TOKENS)
        onnx_export_from_model(self.model, folder, task="text-generation-with-past", do_validation=False, opset=18)
        joined = folder / "model.onnx"
        weights = {name: value.detach().numpy() for name, value in self.model.state_dict().items()}
        shared = shared_cache_decoder(SHAPE, weights)
        self.runtime = runtime(folder)
        self.graphs = {"joined": loaded(joined, self.runtime), "shared": loaded(shared, self.runtime)}

    def generated(self, prompt: list[int], count: int, **options: Any) -> list[int]:
        """What transformers generates greedily."""
        key = (tuple(prompt), count, tuple(options.items()))
        if key not in self._known:
            ids = torch.tensor([prompt])
            with torch.no_grad():
                found = self.model.generate(
                    ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False, **options
                )
            self._known[key] = [int(token) for token in found[0, len(prompt) :]]
        return self._known[key]

    def runner(self, graph: str) -> TextGenerator:
        spec = TextGeneration(
            tokenizer="tokenizer.json", chat_template="chat.jinja", layers=2, kv_heads=2, head_size=16, context=512,
            vocabulary=VOCABULARY, stop_ids=(STOP,), bos_id=1,
        )  # fmt: skip
        files = {"tokenizer.json": byte_level(), "chat.jinja": CHATML.encode()}
        return TextGenerator(spec, files, {"model": self.graphs[graph]})


@pytest.fixture(scope="module", params=list(KINDS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    yield Case(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(params=["joined", "shared"])
def runner(case: Case, request: pytest.FixtureRequest) -> TextGenerator:
    return case.runner(request.param)


BOUND = pytest.mark.parametrize("bound", [True, False], ids=["bound", "plain"])


@BOUND
def test_greedy_tokens_are_those_of_transformers(case: Case, runner: TextGenerator, bound: bool) -> None:
    answer = runner.conversation(bound=bound).generate(case.prompt, Options(max_tokens=NEW_TOKENS))
    answer.text()
    assert answer.tokens == case.greedy
    assert len(set(case.greedy)) > 20  # a model that repeats itself would prove little
    assert answer.usage.reused == 0 and answer.reason == "length"


@BOUND
def test_a_second_turn_computes_only_what_is_new_and_says_the_same(
    case: Case, runner: TextGenerator, bound: bool
) -> None:
    conversation = runner.conversation(bound=bound)
    prompt = case.prompt
    first = conversation.generate(prompt, Options(max_tokens=20))
    first.text()
    longer = [*prompt, *first.tokens, *range(100, 100 + 2 * CHUNK_TOKENS + 7)]
    second = conversation.generate(longer, Options(max_tokens=50))
    second.text()
    assert second.usage.reused == len(prompt) + 19  # the last token was said, never fed
    fresh = runner.conversation(bound=bound).generate(longer, Options(max_tokens=50))
    fresh.text()
    assert second.tokens == fresh.tokens == case.generated(longer, 50)


@BOUND
def test_a_turn_that_was_changed_is_computed_again_from_the_change_on(
    case: Case, runner: TextGenerator, bound: bool
) -> None:
    conversation = runner.conversation(bound=bound)
    prompt = case.prompt
    conversation.generate(prompt, Options(max_tokens=30)).text()
    other = [*prompt[:90], 17, *prompt[91:120]]
    answer = conversation.generate(other, Options(max_tokens=40))
    answer.text()
    assert answer.usage.reused == 90
    assert answer.tokens == case.generated(other, 40)


def test_the_repetition_penalty_is_that_of_transformers(case: Case) -> None:
    options = Options(max_tokens=60, sampling=Sampling(repetition_penalty=1.3))
    answer = case.runner("shared").conversation().generate(case.prompt, options)
    answer.text()
    assert answer.tokens == case.generated(case.prompt, 60, repetition_penalty=1.3) != case.greedy[:60]


def test_a_cancelled_run_leaves_the_cache_as_it_was(case: Case, runner: TextGenerator) -> None:
    conversation = runner.conversation()
    answer = conversation.generate(case.prompt, Options(max_tokens=NEW_TOKENS))
    begun = [next(answer).token for _ in range(5)]
    case.runtime.terminate()
    with pytest.raises(Terminated):
        next(answer)
    case.runtime.begin()
    held = conversation.tokens
    assert held == (*case.prompt, *begun[:-1])
    again = conversation.generate([*held, begun[-1]], Options(max_tokens=30))
    again.text()
    assert again.tokens == case.greedy[5:35] and again.usage.reused == len(held)
