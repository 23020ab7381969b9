"""One picture in, what one network says of it out: classes, or a mask of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..runner_specs import Preprocessing, Tensors
from .graph import Graph
from .image_input import Floats, Pixels, to_tensor


@dataclass(frozen=True)
class Classes:
    """Probabilities by class. `verdict` is the class that is certain; None where the model does not know."""

    probabilities: dict[str, float]
    verdict: str | None


class PictureModel:
    """Runs the graph `model` of a pack on pictures (uint8 [height, width, 3], RGB).

    Raises `ValueError` for a pack that takes no pictures and for what is no picture; a cancelled run's exception comes
    through.
    """

    def __init__(self, spec: Tensors, model: Graph) -> None:
        if spec.preprocessing is None:
            raise ValueError("This model takes no pictures.")
        self._preprocessing: Preprocessing = spec.preprocessing
        self._spec = spec
        self._model = model
        self._input = model.inputs[0].name
        self._output = model.outputs[0].name

    def classes(self, picture: Pixels) -> Classes:
        """How likely each class is, by the first output [1, classes]. Raises `ValueError` where they have no names."""
        names = self._spec.classes
        found = self._run(to_tensor(picture, self._preprocessing).tensor)
        if not names or found.shape != (1, len(names)):
            raise ValueError("This model has no classes.")
        values = [float(value) for value in found[0]]
        return Classes(dict(zip(names, values, strict=True)), self._verdict(values[-1]))

    def mask(self, picture: Pixels) -> Floats:
        """The first output [1, 1, h, w] or [1, h, w, 1] at the picture's size: float32 [height, width]."""
        placed = to_tensor(picture, self._preprocessing)
        found = self._run(placed.tensor)
        channels = found.shape[1 if self._preprocessing.layout == "nchw" else -1] if found.ndim == 4 else 0
        if channels != 1:
            raise ValueError("This model makes no mask.")
        sides = found.shape[2:] if self._preprocessing.layout == "nchw" else found.shape[1:3]
        return placed.on_picture(found.reshape(sides))

    def _run(self, tensor: Floats) -> Floats:
        return np.asarray(self._model({self._input: tensor})[self._output], np.float32)

    def _verdict(self, last: float) -> str | None:
        names, certain = self._spec.classes, self._spec.certain
        if certain is None or certain[0] <= last <= certain[1]:
            return None
        return names[-1] if last > certain[1] else names[0]
