"""`vitrine models try`: what it prints, from tiny graphs in the place of real ones."""

from __future__ import annotations

import argparse
import io
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from sidecar import models_try
from sidecar.cli import main
from sidecar.engine.runner_specs import SpeechRecognition, TextEmbedding, TextGeneration, VoiceActivity
from sidecar.engine.runners import voice
from sidecar.engine.runners.answer import Piece, Usage
from sidecar.engine.runners.chat import Message
from sidecar.engine.runners.voice import Span
from sidecar.engine.runners.whisper import Transcript
from sidecar.errors import BadRequest, NotFound
from sidecar.models_try import language, speech

GENERATION = TextGeneration(
    tokenizer="tokenizer.json", layers=1, kv_heads=1, head_size=1, context=9, vocabulary=9, stop_ids=(1,),
    chat_template="chat.jinja",
)  # fmt: skip
EMBEDDING = TextEmbedding(tokenizer="tokenizer.json", size=2, max_tokens=9)
RECOGNITION = SpeechRecognition(
    tokenizer="tokenizer.json", mels=80, layers=1, heads=1, head_size=1, context=9, prompt=(1,), stop_id=1,
    suppress_from=9, languages={"en": 2},
)  # fmt: skip
ACTIVITY = VoiceActivity(window=512, context=64, state=(1,))


def model(spec: Any, name: str = "tiny") -> Any:
    return SimpleNamespace(name=name, spec=spec, graphs={}, file=lambda name: name.encode())


def console() -> Console:
    return Console(file=io.StringIO(), width=100, no_color=True)


def printed(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def sound(path: Path, seconds: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(int(seconds * 16_000) * 2))
    return path


class Talker:
    """Stands for a text generator with its conversation: every turn is answered by an echo."""

    turns: list[list[Message]]

    def __init__(self, spec: Any, files: Any, graphs: Any) -> None:
        assert files == {"tokenizer.json": b"tokenizer.json", "chat.jinja": b"chat.jinja"}
        Talker.turns = []

    def conversation(self) -> Talker:
        return self

    def reply(self, messages: list[Message], options: Any, *, overflow: str) -> Any:
        assert overflow == "trim" and options.max_tokens == 7
        Talker.turns.append(list(messages))
        pieces = [Piece("Wear ", 1), Piece(messages[-1].content, 2)]

        class Echo(list[Piece]):
            usage = Usage(prompt=5, reused=len(messages) - 1, generated=3, prompt_s=0.1, answer_s=0.5)
            reason = "length"

        return Echo(pieces)


def test_a_chat_answers_one_turn_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "TextGenerator", Talker)
    to = console()
    language.try_chat(model(GENERATION), ["red?", "[blue]"], to, system="A guide.", max_tokens=7)
    assert [[turn.content for turn in turns] for turns in Talker.turns] == [
        ["A guide.", "red?"],
        ["A guide.", "red?", "Wear red?", "[blue]"],
    ]
    assert "> red?" in printed(to) and "Wear [blue]" in printed(to)  # brackets are not markup
    assert "3 tokens, 4.0 a second" in printed(to) and "3 of them known" in printed(to)
    assert "cut off at --max-tokens" in printed(to)


class Letters:
    """An embedder whose vectors count letters."""

    def __init__(self, spec: Any, files: Any, graphs: Any) -> None: ...

    def embed(self, texts: list[str], kind: str = "passage") -> np.ndarray:
        rows = np.array([[text.count("a") + 0.01, text.count("b") + 0.01] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_lines_are_ranked_by_a_query_or_by_the_first_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "TextEmbedder", Letters)
    file = tmp_path / "a.txt"
    file.write_text("\ufeffaab\nbbb\n\nbab\naaa\n", "utf-8")
    to = console()
    language.try_embedding(model(EMBEDDING), [str(file), "b"], to)
    lines = [line for line in printed(to).splitlines() if "│" in line]
    assert [line.split("│")[2].strip() for line in lines] == ["bbb", "bab", "aab", "aaa"]
    assert "4 lines" in printed(to)
    to = console()
    language.try_embedding(model(EMBEDDING), [str(file)], to)
    assert "aab" not in "".join(line for line in printed(to).splitlines() if "│" in line)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"\xff\xfe", "is not UTF-8"), (b"\n \n", "has no lines"), (b"a" * 5_000_000, "larger")],
)
def test_a_file_that_cannot_be_ranked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, message: str
) -> None:
    monkeypatch.setattr(language, "TextEmbedder", Letters)
    file = tmp_path / "a.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadRequest, match=message):
        language.try_embedding(model(EMBEDDING), [str(file)], console())


class Ears:
    """A transcriber that hears the same in every sound, and in none of a second or less."""

    def __init__(self, spec: Any, files: Any, graphs: Any) -> None: ...

    def transcribe(self, heard: np.ndarray, **options: Any) -> Transcript:
        text = f"{options['language']}/{options['hint']}" if len(heard) > 16_000 else ""
        return Transcript(text, "en", 1.0, 0.0, -0.1, 3, False)


def detector(*spans: Span) -> Any:
    return SimpleNamespace(spans=lambda heard, rules=voice.DEFAULT: list(spans))


def test_speech_is_shown_with_its_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "Transcriber", Ears)
    monkeypatch.setattr(speech, "VoiceDetector", lambda *_: detector(Span(16_000, 48_000)))
    to = console()
    speech.try_recognition(
        model(RECOGNITION), [str(sound(tmp_path / "a.wav", 4))], to, load=lambda name: model(ACTIVITY, name),
        language="zh", hint="Vitrine",
    )  # fmt: skip
    row = next(line for line in printed(to).splitlines() if "│" in line)
    assert [cell.strip() for cell in row.split("│")[1:5]] == ["1.0", "3.0", "en", "zh/Vitrine"]
    assert "4.0 s of sound in" in printed(to)


def test_without_a_voice_detector_a_short_sound_is_heard_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "Transcriber", Ears)

    def load(name: str) -> Any:
        raise NotFound(name)

    def heard(seconds: float) -> str:
        to, file = console(), sound(tmp_path / "a.wav", seconds)
        speech.try_recognition(model(RECOGNITION), [str(file)], to, load=load)
        return printed(to)

    assert "None/None" in heard(2)
    assert "a.wav: nobody speaks" in heard(0.5)
    with pytest.raises(BadRequest, match="longer than 30 s; run: vitrine models install voice-activity"):
        heard(31)


def test_where_somebody_speaks_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "VoiceDetector", lambda *_: detector(Span(8_000, 24_000)))
    to = console()
    speech.try_activity(model(ACTIVITY), [str(sound(tmp_path / "a.wav", 2))], to)
    row = next(line for line in printed(to).splitlines() if "│" in line)
    assert [cell.strip() for cell in row.split("│")[1:4]] == ["0.50", "1.50", "1.00"]
    monkeypatch.setattr(speech, "VoiceDetector", lambda *_: detector())
    to = console()
    speech.try_activity(model(ACTIVITY), [str(sound(tmp_path / "a.wav", 2))], to)
    assert "nobody speaks" in printed(to)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope", "x"], "There is no model pack 'nope'"),
        (["chat"], "Say what the model gets"),
        (["chat", "hello"], "The model chat is not installed; run: vitrine models install chat"),
    ],
)
def test_what_cannot_be_tried_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["models", "try", *words, "--packs", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"vitrine: {message}")


def test_every_kind_has_its_way_and_others_are_refused() -> None:
    arguments = argparse.Namespace(system=None, max_tokens=1, choice=[], language=None, hint=None)
    for spec in (GENERATION, EMBEDDING, RECOGNITION, ACTIVITY):
        assert callable(models_try._way(model(spec), arguments, lambda name: model(ACTIVITY, name)))
    with pytest.raises(BadRequest, match="tiny does nothing by itself"):
        models_try._way(model(object()), arguments, lambda name: model(ACTIVITY, name))
