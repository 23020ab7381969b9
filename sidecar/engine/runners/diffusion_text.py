"""What a diffusion model is told in words: prompts through one or two text encoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import Unavailable
from ..runner_specs import Diffusion
from .clip_tokens import ClipTokens
from .graph import Graph

ENCODERS = ("text_encoder", "text_encoder_2")


@dataclass(frozen=True)
class Words:
    """An encoded text: `hidden` float32 [1, tokens, width], `pooled` float32 [1, width] where the model takes it."""

    hidden: NDArray[np.float32]
    pooled: NDArray[np.float32] | None

    def silent(self) -> Words:
        """Zeros in place of a text."""
        return Words(np.zeros_like(self.hidden), None if self.pooled is None else np.zeros_like(self.pooled))


@dataclass(frozen=True)
class _Tower:
    tokens: ClipTokens
    graph: Graph
    output: str


class TextEncoders:
    """The text encoders of a pack. Raises `Unavailable` when one is missing or unlike the manifest's runner."""

    def __init__(self, spec: Diffusion, files: Mapping[str, bytes], graphs: Mapping[str, Graph]) -> None:
        self._pooled = spec.pooled_output if spec.size_condition else None
        tokenizers = [(spec.tokenizer, spec.pad_id), (spec.tokenizer_2, spec.pad_id_2)]
        chosen = [(files[name], pad_id) for name, pad_id in tokenizers if name is not None]
        if [name for name in ENCODERS if name in graphs] != list(ENCODERS[: len(chosen)]):
            raise Unavailable("The model's text encoders and tokenizers do not belong together.")
        self._towers: list[_Tower] = []
        for name, output, (data, pad_id) in zip(ENCODERS, spec.text_outputs, chosen, strict=False):
            tokens = ClipTokens(data, length=spec.max_tokens, pad_id=pad_id)
            self._towers.append(_Tower(tokens, graphs[name], output))
            wanted = {output} if self._pooled is None or len(self._towers) < len(chosen) else {output, self._pooled}
            if not wanted <= {tensor.name for tensor in graphs[name].outputs}:
                raise Unavailable(f"The model's {name} lacks an output that its manifest names.")
            if len(graphs[name].inputs) != 1:
                raise Unavailable(f"The model's {name} takes more than token ids.")

    def __call__(self, text: str) -> Words:
        """Encodes one text; states of two encoders lie side by side. Raises `BadRequest` when it is too long."""
        states: list[NDArray[np.float32]] = []
        pooled: NDArray[np.float32] | None = None
        for tower in self._towers:
            last = tower is self._towers[-1]
            source = tower.graph.inputs[0]
            wanted = [tower.output] if self._pooled is None or not last else [tower.output, self._pooled]
            found = tower.graph({source.name: tower.tokens(text).astype(source.dtype)}, wanted)
            states.append(found[tower.output].astype(np.float32))
            if self._pooled is not None and last:
                pooled = found[self._pooled].astype(np.float32)
        return Words(np.concatenate(states, axis=-1), pooled)


def guidance_embedding(guidance: float, width: int) -> NDArray[np.float32]:
    """How strongly to follow the text, as LCM denoisers take it: sines of (guidance - 1), float32 [1, width].

    Kingma et al. 2021 (variational diffusion models), as latent consistency models use it.
    """
    half = width // 2
    rates = np.exp(np.arange(half, dtype=np.float32) * -(np.log(np.float32(10_000)) / np.float32(half - 1)))
    angles = np.float32((guidance - 1) * 1000) * rates
    found = np.concatenate([np.sin(angles), np.cos(angles), np.zeros(width % 2, np.float32)])
    return found.astype(np.float32)[None]
