"""The runner of voice activity: where in a sound somebody speaks, live or of a whole recording.

The model is Silero's: a probability for each window, from the window, what came before it and a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import Unavailable
from ..runner_specs import VoiceActivity
from .audio import checked
from .graph import Graph
from .mel import RATE

RUN_WINDOWS = 256  # at most in one run, so that a cancel and the governor act every eight seconds of sound


@dataclass(frozen=True)
class Rules:
    """When speech begins and ends. Probabilities between `release` and the threshold change nothing (hysteresis).

    Shorter pauses than `least_silence_s` belong to the speech around them, shorter speech than `least_speech_s` is a
    click; `padding_s` is added on both sides. Longer speech than `longest_s` is cut where it is quietest.
    """

    threshold: float | None = None  # None: the model's own
    release: float | None = None  # None: 0.15 below the threshold
    least_speech_s: float = 0.25
    least_silence_s: float = 0.3
    padding_s: float = 0.1
    longest_s: float = 28.0


@dataclass(frozen=True)
class Span:
    """A piece of a sound, in samples; the end is exclusive."""

    begin: int
    end: int


DEFAULT = Rules()


class VoiceDetector:
    """The runner of a `voice_activity` pack. Raises `Unavailable` when its tensors are not those of the kind."""

    def __init__(self, spec: VoiceActivity, files: Mapping[str, bytes], graphs: Mapping[str, Graph]) -> None:
        self.spec = spec
        self.graph = graphs["model"]
        inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (self.graph.inputs, self.graph.outputs))
        shapes = {tensor.shape for tensor in self.graph.inputs[1:]}
        if inputs[0] != "windows" or len(outputs) != len(inputs) or len(inputs) < 2 or shapes != {spec.state}:
            raise Unavailable("The model's tensors are not those of voice activity.")
        self.states, self.answers = inputs[1:], outputs

    def stream(self) -> VoiceStream:
        """Live sound: a new state."""
        return VoiceStream(self)

    def probabilities(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probability of speech for each window of a sound [windows]; the last window is filled up with silence."""
        stream = self.stream()
        missing = -len(sound) % self.spec.window
        return stream.feed(np.concatenate([sound, np.zeros(missing, np.float32)]))

    def spans(self, sound: NDArray[np.float32], rules: Rules = DEFAULT) -> list[Span]:
        """Where somebody speaks in float32 sound of 16 kHz. Raises `BadRequest`, `Terminated`."""
        probabilities = self.probabilities(checked(sound))
        return spans_of(probabilities, rules, window=self.spec.window, threshold=self.spec.threshold, length=len(sound))


class VoiceStream:
    """A sound that comes in pieces of any length."""

    def __init__(self, detector: VoiceDetector) -> None:
        self._detector = detector
        self._waiting = np.zeros(0, np.float32)
        self._before = np.zeros(detector.spec.context, np.float32)
        self._state = {name: np.zeros(detector.spec.state, np.float32) for name in detector.states}

    def feed(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of the windows that are full now [windows], maybe none. Raises `BadRequest`, `Terminated`."""
        size = self._detector.spec.window
        sound = np.concatenate([self._waiting, checked(sound)])
        count = len(sound) // size
        self._waiting = sound[count * size :]
        windows = self._framed(sound[: count * size].reshape(count, size))
        found = [self._run(windows[begin : begin + RUN_WINDOWS]) for begin in range(0, count, RUN_WINDOWS)]
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def _framed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each window behind the last samples of the one before it."""
        context = self._detector.spec.context
        if not len(windows):
            return np.zeros((0, context + self._detector.spec.window), np.float32)
        tails = windows[:, windows.shape[1] - context :]
        before = np.concatenate([self._before[None], tails[:-1]])
        self._before = tails[-1].copy()
        return np.concatenate([before, windows], axis=1)

    def _run(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = self._detector.graph({"windows": windows, **self._state})
        first, *states = self._detector.answers
        self._state = {name: outputs[answer] for name, answer in zip(self._detector.states, states, strict=True)}
        found: NDArray[np.float32] = outputs[first]
        return found


def spans_of(
    probabilities: NDArray[np.float32], rules: Rules, *, window: int, threshold: float, length: int
) -> list[Span]:
    """Probabilities of windows to pieces of a sound of `length` samples; see `Rules`."""
    least = round(rules.least_speech_s * RATE / window)
    spoken = [run for run in _runs(probabilities, rules, threshold, window) if run.end - run.begin >= least]
    longest = max(2, int(rules.longest_s * RATE / window))
    short = [piece for run in spoken for piece in _cut(run, probabilities, longest)]
    return _padded(short, rules, window, length)


def _runs(probabilities: NDArray[np.float32], rules: Rules, threshold: float, window: int) -> list[Span]:
    """Speech in windows, pauses that are too short closed."""
    high = threshold if rules.threshold is None else rules.threshold
    low = high - 0.15 if rules.release is None else rules.release
    patience = max(1, round(rules.least_silence_s * RATE / window))
    runs: list[Span] = []
    begin, quiet_since = -1, -1
    for number, probability in enumerate(probabilities):
        if probability >= high:
            begin, quiet_since = (number if begin < 0 else begin), -1
        elif begin >= 0 and probability < low:
            quiet_since = number if quiet_since < 0 else quiet_since
            if number - quiet_since + 1 >= patience:
                runs.append(Span(begin, quiet_since))
                begin, quiet_since = -1, -1
    if begin >= 0:
        runs.append(Span(begin, len(probabilities) if quiet_since < 0 else quiet_since))
    return runs


def _cut(run: Span, probabilities: NDArray[np.float32], longest: int) -> list[Span]:
    """Pieces of at most `longest` windows, cut at the least probability in the second half of a piece."""
    pieces = []
    begin = run.begin
    while run.end - begin > longest:
        middle = begin + longest // 2
        cut = middle + int(np.argmin(probabilities[middle : begin + longest]))
        pieces.append(Span(begin, max(cut, begin + 1)))
        begin = pieces[-1].end
    return [*pieces, Span(begin, run.end)]


def _padded(runs: list[Span], rules: Rules, window: int, length: int) -> list[Span]:
    """In samples, with padding that stops half-way to the neighbours."""
    padding = round(rules.padding_s * RATE)
    spans = []
    for number, run in enumerate(runs):
        floor = (runs[number - 1].end + run.begin) * window // 2 if number else 0
        ceiling = (run.end + runs[number + 1].begin) * window // 2 if number + 1 < len(runs) else length
        begin, end = max(floor, run.begin * window - padding), min(ceiling, run.end * window + padding, length)
        if end > begin:
            spans.append(Span(begin, end))
    return spans
