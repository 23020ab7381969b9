"""`vitrine models try` for packs that listen: what is said in a WAV file, and where somebody speaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..engine.model import Model
from ..engine.runner_specs import SpeechRecognition, VoiceActivity
from ..engine.runners.audio import read_wav
from ..engine.runners.mel import RATE, SAMPLES, SECONDS
from ..engine.runners.speech import Listener
from ..engine.runners.voice import VoiceDetector
from ..engine.runners.whisper import Transcriber
from ..errors import BadRequest, NotFound

DETECTOR = "voice-activity"  # what cuts long sound at its pauses, where it is installed


def try_recognition(
    model: Model,
    words: Sequence[str],
    console: Console,
    *,
    load: Callable[[str], Model],
    language: str | None = None,
    hint: str | None = None,
) -> None:
    """`FILE.wav...`: what is said in each, with times where the voice detector is installed. Raises `VitrineError`."""
    spec = model.spec
    assert isinstance(spec, SpeechRecognition)
    transcriber = Transcriber(spec, {spec.tokenizer: model.file(spec.tokenizer)}, model.graphs)
    detector = _detector(load, console)
    for word in words:
        sound = read_wav(Path(word))
        start = time.perf_counter()
        table = Table("from", "to", "language", "text", title=Path(word).name)
        if detector is not None:
            for heard in Listener(detector, transcriber).listen(sound, language=language, hint=hint):
                table.add_row(
                    f"{heard.begin_s:.1f}", f"{heard.end_s:.1f}", heard.transcript.language, heard.transcript.text
                )
        elif len(sound) > SAMPLES:
            raise BadRequest(f"{word} is longer than {SECONDS} s; run: vitrine models install {DETECTOR}")
        else:
            transcript = transcriber.transcribe(sound, language=language, hint=hint)
            table.add_row("0.0", f"{len(sound) / RATE:.1f}", transcript.language, transcript.text)
        spent_s = time.perf_counter() - start
        console.print(table if table.row_count and any(table.columns[3].cells) else f"{Path(word).name}: nobody speaks")
        console.print(_speed(len(sound), spent_s), style="dim", highlight=False)


def try_activity(model: Model, words: Sequence[str], console: Console) -> None:
    """`FILE.wav...`: from when to when somebody speaks. Raises `VitrineError`."""
    spec = model.spec
    assert isinstance(spec, VoiceActivity)
    detector = VoiceDetector(spec, {}, model.graphs)
    for word in words:
        sound = read_wav(Path(word))
        start = time.perf_counter()
        spans = detector.spans(sound)
        spent_s = time.perf_counter() - start
        table = Table("from", "to", "seconds", title=Path(word).name)
        for span in spans:
            begin, end = span.begin / RATE, span.end / RATE
            table.add_row(f"{begin:.2f}", f"{end:.2f}", f"{end - begin:.2f}")
        console.print(table if spans else f"{Path(word).name}: nobody speaks")
        console.print(_speed(len(sound), spent_s), style="dim", highlight=False)


def _detector(load: Callable[[str], Model], console: Console) -> VoiceDetector | None:
    try:
        model = load(DETECTOR)
    except NotFound:
        console.print(f"Without {DETECTOR}, sound is transcribed whole.", style="dim", highlight=False)
        return None
    if not isinstance(model.spec, VoiceActivity):
        return None
    return VoiceDetector(model.spec, {}, model.graphs)


def _speed(samples: int, spent_s: float) -> str:
    seconds = samples / RATE
    return (
        f"{seconds:.1f} s of sound in {1000 * spent_s:.0f} ms ({seconds / max(spent_s, 1e-9):.1f} s of sound a second)"
    )
