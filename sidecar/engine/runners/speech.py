"""Speech of any length to text: pauses cut it, silence is never transcribed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mel import RATE
from .voice import DEFAULT, Rules, Span, VoiceDetector
from .whisper import Progress, Transcriber, Transcript


@dataclass(frozen=True)
class Utterance:
    """What was said between two pauses, with its place in the sound in seconds."""

    begin_s: float
    end_s: float
    transcript: Transcript


@dataclass(frozen=True)
class Listener:
    """A voice detector before a transcriber."""

    detector: VoiceDetector
    transcriber: Transcriber
    rules: Rules = DEFAULT
    join_s: float = 1.0  # what lies nearer together is one utterance: the model hears 30 s for the price of one

    def listen(
        self,
        sound: NDArray[np.float32],
        *,
        language: str | None = None,
        among: Collection[str] = (),
        hint: str | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Utterance]:
        """Utterances of float32 sound, 16 kHz, -1..1, as they are ready; see `Transcriber.transcribe`.

        Raises `BadRequest`, `Terminated`.
        """
        for span in joined(self.detector.spans(sound, self.rules), gap=self.join_s, longest=self.rules.longest_s):
            transcript = self.transcriber.transcribe(
                sound[span.begin : span.end], language=language, among=among, hint=hint, progress=progress
            )
            if transcript.text:
                yield Utterance(span.begin / RATE, span.end / RATE, transcript)


def joined(spans: Sequence[Span], *, gap: float, longest: float) -> list[Span]:
    """Spans with pauses of up to `gap` seconds between them made one, as long as it is not longer than `longest`."""
    made: list[Span] = []
    for span in spans:
        last = made[-1] if made else None
        if last and span.begin - last.end <= gap * RATE and span.end - last.begin <= longest * RATE:
            made[-1] = Span(last.begin, span.end)
        else:
            made.append(span)
    return made
