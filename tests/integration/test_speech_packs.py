"""The speech packs with their real weights: people are understood, silence is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import SpeechRecognition, VoiceActivity
from sidecar.engine.runners.audio import read_wav
from sidecar.engine.runners.speech import Listener
from sidecar.engine.runners.voice import VoiceDetector
from sidecar.engine.runners.whisper import Transcriber
from sidecar.engine.runtime import Runtime
from sidecar.models_cli import ensure_installed

pytestmark = pytest.mark.full
FOLDER = Path(__file__).parent / "speech"
RATE = 16_000
SAID = {
    "en-young-man": "he was not an ill disposed young man",
    "en-amiable": "he might even have been made amiable himself",
}


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    assert ensure_installed("speech") == 0
    return Runtime(Registry(), providers=["cpu"], threads=2)


@pytest.fixture(scope="module")
def detector(runtime: Runtime) -> VoiceDetector:
    model = runtime.load("voice-activity")
    assert isinstance(model.spec, VoiceActivity)
    return VoiceDetector(model.spec, {}, model.graphs)


@pytest.fixture(scope="module")
def transcriber(runtime: Runtime) -> Transcriber:
    model = runtime.load("whisper-base")
    assert isinstance(model.spec, SpeechRecognition)
    return Transcriber(model.spec, {model.spec.tokenizer: model.file(model.spec.tokenizer)}, model.graphs)


def sounds() -> dict[str, np.ndarray]:
    """Five seconds each of what is no speech."""
    rng, at = np.random.default_rng(0), np.arange(5 * RATE) / RATE
    made = {
        "silence": np.zeros(5 * RATE),
        "noise": 0.02 * rng.standard_normal(5 * RATE),
        "loud noise": 0.2 * rng.standard_normal(5 * RATE),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * at),
        "hum and clicks": 0.05 * np.sin(2 * np.pi * 50 * at) + 0.8 * (rng.random(5 * RATE) > 0.9995),
    }
    return {name: sound.astype(np.float32) for name, sound in made.items()}


@pytest.mark.parametrize("name", SAID)
def test_english_is_transcribed(transcriber: Transcriber, name: str) -> None:
    heard = transcriber.transcribe(read_wav(FOLDER / f"{name}.wav"), among=("zh", "en"))
    assert heard.language == "en" and heard.share > 0.9
    assert re.sub(r"[^a-z]+", " ", heard.text.lower()).strip() == SAID[name]


def test_chinese_is_transcribed(transcriber: Transcriber) -> None:
    """The base model mishears one character of twelve here, and writes one in its traditional form."""
    heard = transcriber.transcribe(read_wav(FOLDER / "zh-guangzhou.wav"), among=("zh", "en"))
    assert heard.language == "zh" and heard.share > 0.9
    said = "广州市房地产中介协会分析"
    assert len(heard.text) == len(said)
    assert sum(a != b for a, b in zip(heard.text, said, strict=True)) <= 2


@pytest.mark.parametrize("name", sounds())
def test_what_is_no_speech_gives_no_text(transcriber: Transcriber, detector: VoiceDetector, name: str) -> None:
    sound = sounds()[name]
    assert detector.spans(sound) == []
    assert transcriber.transcribe(sound, among=("zh", "en")).text == ""


def test_speech_is_found_between_silence_and_noise(detector: VoiceDetector) -> None:
    speech, noise = read_wav(FOLDER / "en-young-man.wav"), sounds()["noise"][: 2 * RATE]
    silence = np.zeros(2 * RATE, np.float32)
    spans = detector.spans(np.concatenate([silence, noise, speech, noise, silence]))
    assert spans and spans[0].begin > 4 * RATE - 2000 and spans[-1].end < 4 * RATE + len(speech) + 4000
    assert sum(span.end - span.begin for span in spans) > 0.7 * len(speech)


def test_a_conversation_is_cut_and_transcribed(transcriber: Transcriber, detector: VoiceDetector) -> None:
    pause = np.zeros(3 * RATE, np.float32)
    sound = np.concatenate([read_wav(FOLDER / "en-amiable.wav"), pause, read_wav(FOLDER / "zh-guangzhou.wav")])
    heard = list(Listener(detector, transcriber).listen(sound, among=("zh", "en")))
    assert [item.transcript.language for item in heard] == ["en", "zh"]
    assert "amiable" in heard[0].transcript.text and "分析" in heard[1].transcript.text
