"""`vitrine models try` for packs that take text: an answer word by word, or lines ranked by what they mean."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..engine.model import Model
from ..engine.runner_specs import TextEmbedding, TextGeneration
from ..engine.runners.answer import Answer, Options
from ..engine.runners.chat import Message
from ..engine.runners.constrain import choices as one_of
from ..engine.runners.embedding import TextEmbedder
from ..engine.runners.sampling import Sampling
from ..engine.runners.text import Conversation, TextGenerator
from ..errors import BadRequest
from . import read_text

MAX_FILE_BYTES = 4 << 20
MAX_LINES = 10_000
SHOWN = 20
CHOOSING = Sampling(repetition_penalty=1.1)  # small models go round in circles without; it is Qwen's own default


def try_chat(
    model: Model,
    words: Sequence[str],
    console: Console,
    *,
    system: str | None = None,
    max_tokens: int = 256,
    choices: Sequence[str] = (),
) -> None:
    """`TEXT...`: the answers to one turn after the other, with tokens a second. Raises `VitrineError`."""
    spec = model.spec
    assert isinstance(spec, TextGeneration)
    names = [name for name in (spec.tokenizer, spec.chat_template) if name is not None]
    conversation = TextGenerator(spec, {name: model.file(name) for name in names}, model.graphs).conversation()
    options = Options(max_tokens=max_tokens, sampling=CHOOSING, constraint=one_of(choices) if choices else None)
    messages = [Message("system", system)] if system else []
    for word in words:
        messages.append(Message("user", word))
        if len(words) > 1:
            console.print(f"> {word}", style="bold", highlight=False, markup=False)
        messages.append(Message("assistant", _answered(conversation, messages, options, console)))


def try_embedding(model: Model, words: Sequence[str], console: Console) -> None:
    """`FILE [QUERY]`: the lines of a file, those first that mean what the query means. Without one, the first line is
    it. Raises `VitrineError`."""
    spec = model.spec
    assert isinstance(spec, TextEmbedding)
    if not 1 <= len(words) <= 2:
        raise BadRequest(f'Say: vitrine models try {model.name} FILE "QUERY", where the file has a text on each line.')
    lines = [line.strip() for line in read_text(Path(words[0]), limit=MAX_FILE_BYTES).splitlines() if line.strip()]
    query = words[1] if len(words) > 1 else (lines or [""])[0]
    passages = lines[:MAX_LINES] if len(words) > 1 else lines[1 : MAX_LINES + 1]
    if not passages:
        raise BadRequest(f"{words[0]} has no lines to rank.")
    embedder = TextEmbedder(spec, {spec.tokenizer: model.file(spec.tokenizer)}, model.graphs)
    start = time.perf_counter()
    wanted = embedder.embed([query], "query")[0]
    between = time.perf_counter()
    scores = embedder.embed(passages) @ wanted
    end = time.perf_counter()
    table = Table("cosine", "line", title=query)
    for place in scores.argsort(kind="stable")[::-1][:SHOWN]:
        table.add_row(f"{scores[place]:.3f}", passages[place])
    console.print(table)
    each_ms = 1000 * (end - between) / len(passages)
    console.print(
        f"query {1000 * (between - start):.0f} ms, {len(passages)} lines {each_ms:.1f} ms each",
        style="dim",
        soft_wrap=True,
    )


def _answered(conversation: Conversation, messages: Sequence[Message], options: Options, console: Console) -> str:
    """Prints the answer as it comes, then what it cost."""
    start = time.perf_counter()
    answer = conversation.reply(messages, options, overflow="trim")
    first_s = 0.0
    parts: list[str] = []
    for piece in answer:
        first_s = first_s or time.perf_counter() - start
        parts.append(piece.text)
        console.print(piece.text, end="", highlight=False, markup=False, soft_wrap=True)
        console.file.flush()
    console.print()
    console.print(_cost(answer, first_s), style="dim", highlight=False, soft_wrap=True)
    return "".join(parts)


def _cost(answer: Answer, first_s: float) -> str:
    usage = answer.usage
    kept = f", {usage.reused} of them known" if usage.reused else ""
    cut = "; cut off at --max-tokens" if answer.reason == "length" else ""
    return (
        f"{usage.generated} tokens, {usage.tokens_per_s:.1f} a second; first word after {1000 * first_s:.0f} ms "
        f"({usage.prompt} tokens to read{kept}){cut}"
    )
