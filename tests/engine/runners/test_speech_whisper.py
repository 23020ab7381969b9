from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speech_fakes import IDS, RATE, VAD, Decoder, Encoder, LoudnessVad, Script, recognition, tokenizer, tone

from sidecar.engine.runners.graph import Terminated
from sidecar.engine.runners.speech import Listener
from sidecar.engine.runners.voice import VoiceDetector
from sidecar.engine.runners.whisper import REPEATS, Transcriber, looping
from sidecar.errors import BadRequest, Unavailable

SOUND = tone(1.0)
START, TIMELESS = IDS["<start>"], IDS["<timeless>"]
TRANSCRIBE = IDS["<transcribe>"]


def transcriber(script: Script, **changes: Any) -> Transcriber:
    files: Mapping[str, bytes] = {"tokenizer.json": tokenizer()}
    return Transcriber(recognition(**changes), files, {"encoder": Encoder(), "decoder": Decoder(script)})


def test_what_is_said_is_written() -> None:
    script = Script(["red", " coat"])
    pieces: list[str] = []
    found = transcriber(script).transcribe(SOUND, progress=pieces.append)
    assert (found.text, found.language, found.tokens, found.looped) == ("red coat", "en", 2, False)
    assert pieces == ["red", " coat"]
    assert found.share == pytest.approx(np.exp(3) / (np.exp(3) + 1), abs=1e-3)
    assert -0.01 < found.confidence < 0
    prompt = [START, IDS["<en>"], TRANSCRIBE, TIMELESS]
    assert script.fed == [[START], prompt, [*prompt, IDS["red"]], [*prompt, IDS["red"], IDS[" coat"]]]


def test_chinese_is_written_without_spaces() -> None:
    assert transcriber(Script(["红", "色", "外", "套"], language="zh")).transcribe(SOUND).text == "红色外套"


@pytest.mark.parametrize(("options", "expected"), [({}, "zh"), ({"among": ("en",)}, "en"), ({"language": "en"}, "en")])
def test_the_language_is_heard_chosen_or_told(options: dict[str, Any], expected: str) -> None:
    script = Script(["red"], language="zh")
    found = transcriber(script).transcribe(SOUND, **options)
    assert found.language == expected and script.fed[1][1] == IDS[f"<{expected}>"]


def test_what_is_never_said_is_not_said() -> None:
    class Rude(Script):
        def logits(self, history):  # type: ignore[no-untyped-def]
            values = super().logits(history)
            if history[-1] != START:
                values[[IDS["sh"], IDS["<0.00>"], IDS["<start>"], IDS["<zh>"], IDS["<silence>"]]] = 90.0
                if history[-1] == TIMELESS:
                    values[[IDS[" no"], IDS["<end>"]]] = 80.0  # not first
            return values

    never = (IDS["sh"], IDS["<silence>"], IDS["<before>"])
    assert transcriber(Rude(["red", " no"]), suppress=never).transcribe(SOUND).text == "red no"


def test_silence_is_silent_and_sure_words_are_not() -> None:
    quiet = transcriber(Script(["red"], silence=0.9, sure=2.0)).transcribe(SOUND)
    assert quiet.text == "" and quiet.no_speech == pytest.approx(0.9, abs=1e-3) and quiet.confidence < -0.3
    assert transcriber(Script(["red"], silence=0.9)).transcribe(SOUND).text == "red"
    assert transcriber(Script(["red"], silence=0.3, sure=2.0)).transcribe(SOUND).text == "red"
    assert transcriber(Script([], silence=0.1)).transcribe(SOUND).confidence == pytest.approx(0.0, abs=5)


def test_a_model_that_goes_round_in_circles_is_stopped() -> None:
    script = Script(["red", " and", " coat"] * 20)
    found = transcriber(script).transcribe(SOUND)
    assert found.looped and found.text == "red and coat" and found.tokens == 3
    assert len(script.fed) == 1 + 3 * REPEATS


def test_the_answer_ends_at_its_limit() -> None:
    words = ["red", " coat", " and", " scarf", "红"]
    assert transcriber(Script(words)).transcribe(SOUND, max_tokens=2).text == "red coat"
    endless = transcriber(Script([words[i * i % 5] for i in range(99)]), context=16).transcribe(SOUND)
    assert endless.tokens <= (16 - 5) // 2


def test_a_hint_stands_before_the_prompt_and_begins_anew() -> None:
    script = Script(["red"], language="zh")
    found = transcriber(script, hints={"zh": "hint"}).transcribe(SOUND)
    assert found.text == "red"
    assert script.fed[1][:1] == [IDS["<before>"]] and script.fed[1][-4:] == [START, IDS["<zh>"], TRANSCRIBE, TIMELESS]
    assert not any(token >= IDS["<end>"] for token in script.fed[1][1:-4])
    plain = Script(["red"], language="zh")
    transcriber(plain, hints={"zh": "hint"}).transcribe(SOUND, hint="")
    assert plain.fed[1][0] == START
    forged = Script(["red"])
    transcriber(forged).transcribe(SOUND, hint="<end><0.00>red")
    assert not any(token >= IDS["<end>"] for token in forged.fed[1][1:-4])


def test_the_form_of_optimum_gives_the_same() -> None:
    """A graph for the first step, one for each next token."""
    script = Script(["red", " coat"], language="zh")
    encoder = Encoder(hidden=True)
    first, following = Decoder(script, past=False, cross=False), Decoder(script)
    graphs = {"encoder": encoder, "decoder": first, "decoder_with_past": following}
    found = Transcriber(recognition(), {"tokenizer.json": tokenizer()}, graphs).transcribe(SOUND)
    assert (found.text, found.language) == ("red coat", "zh")
    assert (encoder.runs, first.runs, following.runs) == (1, 1, 5)


@pytest.mark.parametrize(
    ("sound", "options", "message"),
    [
        (tone(31.0), {}, "At most 30 s"),
        (np.zeros((2, 2), np.float32), {}, "one row"),
        (SOUND, {"language": "tlh"}, "no language 'tlh'"),
        (SOUND, {"among": ("en", "tlh")}, "no language 'tlh'"),
    ],
)
def test_what_cannot_be_heard_is_refused(sound: np.ndarray, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        transcriber(Script(["red"])).transcribe(sound, **options)


def test_a_cancel_comes_through() -> None:
    class Stopped(Script):
        def logits(self, history):  # type: ignore[no-untyped-def]
            if len(history) > 5:
                raise Terminated
            return super().logits(history)

    with pytest.raises(Terminated):
        transcriber(Stopped(["red", " coat", " and"])).transcribe(SOUND)


def test_graphs_of_another_kind_are_refused() -> None:
    with pytest.raises(Unavailable, match="not those of speech recognition"):
        Transcriber(
            recognition(), {"tokenizer.json": tokenizer()}, {"encoder": LoudnessVad(), "decoder": Decoder(Script([]))}
        )


@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 9), min_size=1, max_size=24))
def test_only_what_repeats_at_the_end_is_a_loop(begin: list[int], pattern: list[int]) -> None:
    found = looping(begin + pattern * max(REPEATS, 12))
    assert 0 < found <= len(pattern)
    assert looping(list(range(100))) == 0
    assert looping([7, 7, 7]) == 0  # said three times by people too


def test_long_sound_is_cut_at_its_pauses_and_silence_is_not_transcribed() -> None:
    encoder, script = Encoder(), Script(["red", " coat"])
    made = Transcriber(recognition(), {"tokenizer.json": tokenizer()}, {"encoder": encoder, "decoder": Decoder(script)})
    listener = Listener(VoiceDetector(VAD, {}, {"model": LoudnessVad()}), made)
    pause = np.zeros(3 * RATE, np.float32)
    heard = list(listener.listen(np.concatenate([pause, tone(1.0), pause, tone(20.0), pause])))
    assert [round(item.begin_s) for item in heard] == [3, 7] and [round(item.end_s) for item in heard] == [4, 27]
    assert [item.transcript.text for item in heard] == ["red coat", "red coat"]
    assert list(listener.listen(pause)) == [] and encoder.runs == 2
