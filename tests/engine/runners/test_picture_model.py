from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from picture_fakes import FakeGraph

from sidecar.engine.runner_specs import Preprocessing, Tensors
from sidecar.engine.runners.picture import PictureModel

INPUT = Preprocessing(colour="rgb", low=0.0, high=1.0, layout="nchw", width=8, height=8, fit="stretch")
SAFETY = Tensors(preprocessing=INPUT, classes=("safe", "unsafe"), certain=(0.2, 0.8))


def brightness(feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    level = feeds["image"].mean()
    return {"out": np.array([[1.0 - level, level]], np.float32)}


def first_channel(feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {"out": feeds["image"][:, :1]}


def plain(level: int) -> NDArray[np.uint8]:
    return np.full((20, 30, 3), level, np.uint8)


@pytest.mark.parametrize(("level", "verdict"), [(10, "safe"), (51, None), (128, None), (203, None), (250, "unsafe")])
def test_between_the_certain_scores_there_is_no_verdict(level: int, verdict: str | None) -> None:
    found = PictureModel(SAFETY, FakeGraph(brightness, inputs="image", outputs="out")).classes(plain(level))
    assert found.verdict == verdict
    assert found.probabilities == pytest.approx({"safe": 1 - level / 255, "unsafe": level / 255}, abs=1e-6)


def test_a_mask_comes_back_at_the_pictures_size() -> None:
    picture = plain(0)
    picture[:, 15:, 0] = 255
    model = PictureModel(Tensors(preprocessing=INPUT), FakeGraph(first_channel, inputs="image", outputs="out"))
    mask = model.mask(picture)
    assert mask.shape == (20, 30) and mask.dtype == np.float32
    assert (mask[:, :10] < 0.01).all() and (mask[:, 20:] > 0.99).all()


def test_a_model_is_only_asked_for_what_it_makes() -> None:
    masks = PictureModel(Tensors(preprocessing=INPUT), FakeGraph(first_channel, inputs="image", outputs="out"))
    with pytest.raises(ValueError, match="no classes"):
        masks.classes(plain(0))
    with pytest.raises(ValueError, match="no mask"):
        PictureModel(SAFETY, FakeGraph(brightness, inputs="image", outputs="out")).mask(plain(0))
    with pytest.raises(ValueError, match="no pictures"):
        PictureModel(Tensors(), FakeGraph(brightness, inputs="image", outputs="out"))
