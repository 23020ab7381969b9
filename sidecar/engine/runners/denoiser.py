"""The denoiser of a diffusion model: what it is fed in each step, and classifier-free guidance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import Unavailable
from .graph import Graph
from .schedulers import Latent

KNOWN = ("sample", "timestep", "encoder_hidden_states", "timestep_cond", "text_embeds", "time_ids")
Feeds = Mapping[str, NDArray[np.float32]]


class Denoiser:
    """The graph `denoiser`. Raises `Unavailable` when it asks for what no runner gives, or takes odd batches."""

    def __init__(self, graph: Graph, *, channels: int, latent_channels: int) -> None:
        inputs = {tensor.name: tensor for tensor in graph.inputs}
        if not {"sample", "timestep"} <= set(inputs) <= set(KNOWN):
            raise Unavailable("The model's denoiser asks for inputs that this version does not give.")
        sample = inputs["sample"].shape
        if len(sample) != 4 or sample[1] != channels or sample[0] in range(3, 1 << 21):
            raise Unavailable(f"The model's denoiser does not take {channels} channels, or other batches than 1 and 2.")
        if len(inputs["timestep"].shape) > 1:
            raise Unavailable("The model's denoiser takes time steps of a shape that is not supported.")
        self._graph = graph
        self._inputs = inputs
        self._channels = channels
        self._latent_channels = latent_channels
        self._batch = sample[0] if isinstance(sample[0], int) else None
        self._time_dtype = np.dtype(inputs["timestep"].dtype)

    @property
    def takes_fractions(self) -> bool:
        """Whether a time step may lie between two of the training's."""
        return self._time_dtype.kind == "f"

    @property
    def sides(self) -> tuple[int | None, int | None]:
        """Height and width of the only latent that it takes; None where it takes any."""
        height, width = self._inputs["sample"].shape[2:]
        return height if isinstance(height, int) else None, width if isinstance(width, int) else None

    def guided(self, passes: Sequence[Feeds], extra: Sequence[Latent | None], scale: float) -> Guided:
        """The denoiser of one run. `passes` are the feeds without and with the text, or with it alone.

        `extra` are the channels behind the latent, one a pass.
        """
        if self._batch == 2 and len(passes) == 1:
            passes, extra = [*passes, *passes], [*extra, *extra]
            scale = 1.0
        together = self._batch != 1 and len(passes) > 1
        return Guided(self, passes, extra, scale, together=together)

    def run(self, sample: NDArray[np.generic], time: float, feeds: Mapping[str, NDArray[np.generic]]) -> Latent:
        """One run, float32 [batch, latent channels, height, width]."""
        output = self._graph.outputs[0].name
        given = {"sample": sample, "timestep": self._time(time, len(sample)), **feeds}
        found = self._graph(given, [output])[output].astype(np.float32, copy=False)
        if found.shape != (len(sample), self._latent_channels, *sample.shape[2:]):
            raise Unavailable("The model's denoiser answers with another shape than its manifest says.")
        return found

    def buffer(self, batch: int, sides: tuple[int, ...]) -> NDArray[np.generic]:
        """Room for what goes in, in the graph's own type."""
        return np.zeros((batch, self._channels, *sides), self._inputs["sample"].dtype)

    def cast(self, feeds: Feeds) -> dict[str, NDArray[np.generic]]:
        """Feeds in the graph's own types. Raises `Unavailable` when one is missing."""
        wanted = set(self._inputs) - {"sample", "timestep"}
        if wanted != set(feeds):
            raise Unavailable("The model's denoiser and its manifest's runner do not belong together.")
        return {name: value.astype(self._inputs[name].dtype) for name, value in feeds.items()}

    def _time(self, time: float, batch: int) -> NDArray[np.generic]:
        shape = self._inputs["timestep"].shape
        if not shape:
            return np.array(time, self._time_dtype)
        alike = shape[0] == self._inputs["sample"].shape[0]
        return np.full(batch if alike else 1, time, self._time_dtype)


class Guided:
    """A denoiser with everything but the latent and the time step in place."""

    def __init__(
        self, denoiser: Denoiser, passes: Sequence[Feeds], extra: Sequence[Latent | None], scale: float, *,
        together: bool,
    ) -> None:  # fmt: skip
        self._denoiser = denoiser
        self._passes = len(passes)
        self._scale = np.float32(scale)
        groups = [range(len(passes))] if together else [range(place, place + 1) for place in range(len(passes))]
        self._feeds = [denoiser.cast(_joined([passes[place] for place in group])) for group in groups]
        self._extra = [[extra[place] for place in group] for group in groups]
        self._samples: list[NDArray[np.generic]] = []

    def __call__(self, latent: Latent, time: float) -> Latent:
        """What the model says of a latent at a time step, led away from the first pass towards the second."""
        if not self._samples:
            self._samples = [self._sample(group, latent.shape) for group in self._extra]
        found: list[Latent] = []
        for sample, feeds in zip(self._samples, self._feeds, strict=True):
            sample[:, : latent.shape[1]] = latent
            found.append(self._denoiser.run(sample, time, feeds))
        answers = np.concatenate(found) if len(found) > 1 else found[0]
        if self._passes == 1:
            return answers
        without, following = answers[:1], answers[1:]
        return without + self._scale * (following - without)

    def _sample(self, extra: Sequence[Latent | None], shape: tuple[int, ...]) -> NDArray[np.generic]:
        sample = self._denoiser.buffer(len(extra), shape[2:])
        for row, channels in zip(sample, extra, strict=True):
            if channels is not None:
                row[shape[1] :] = channels[0]
        return sample


def _joined(feeds: Sequence[Feeds]) -> dict[str, NDArray[np.float32]]:
    return {name: np.concatenate([one[name] for one in feeds]) for name in feeds[0]}
