from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from picture_fakes import FakeGraph

from sidecar.engine.runner_specs import ImageStyle, Preprocessing
from sidecar.engine.runners.style import Styler

FIXED: dict[str, Any] = {"colour": "rgb", "low": 0.0, "high": 1.0, "layout": "nhwc", "pad": "mirror"}
SPEC = ImageStyle(
    style=Preprocessing(**FIXED, width=8, height=8, fit="cover"),
    content=Preprocessing(**FIXED, width=64, height=64, fit="contain"),
    preset=Preprocessing(**(FIXED | {"layout": "nchw"}), width=None, height=None, multiple=4, fit="contain"),
    preset_count=3,
)
PRESETS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], np.float32)
Tensors = dict[str, NDArray[Any]]


def styler() -> tuple[Styler, dict[str, FakeGraph]]:
    """A style is a mean colour; a picture in it is the picture mixed with that colour in halves."""

    def style(feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        return {"style": feeds["image"].mean(axis=(1, 2))}

    def transfer(feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        return {"picture": 0.5 * feeds["image"] + 0.5 * feeds["style"][:, None, None]}

    def presets(feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        colour = feeds["weights"] @ PRESETS
        return {"picture": 0.5 * feeds["image"] + 0.5 * colour[None, :, None, None]}

    graphs = {
        "style": FakeGraph(style, inputs="image", outputs="style"),
        "transfer": FakeGraph(transfer, inputs="image style", outputs="picture"),
        "presets": FakeGraph(presets, inputs="image weights", outputs="picture"),
    }
    return Styler(SPEC, graphs), graphs


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (40, 52)) -> NDArray[np.uint8]:
    return np.broadcast_to(np.array(colour, np.uint8), (*size, 3)).copy()


GREY, RED = plain((100, 100, 100)), plain((200, 0, 0))


def test_a_style_is_applied_at_the_pictures_own_size() -> None:
    runner, graphs = styler()
    styled = runner.apply(GREY, runner.vector(RED))
    assert styled.dtype == np.uint8 and styled.shape == GREY.shape
    assert graphs["transfer"].calls[0]["image"] == (1, 64, 64, 3)
    np.testing.assert_allclose(styled[20, 20], (150, 50, 50), atol=1)


def test_less_strength_mixes_the_style_with_the_pictures_own() -> None:
    runner, _ = styler()
    half = runner.apply(GREY, runner.vector(RED), strength=0.5)
    np.testing.assert_allclose(half[20, 20], (125, 75, 75), atol=1)
    np.testing.assert_allclose(runner.apply(GREY, runner.vector(RED), strength=0.0), GREY, atol=1)


def test_a_style_is_computed_once_and_old_ones_are_forgotten() -> None:
    runner, graphs = styler()
    first = runner.vector(RED)
    assert runner.vector(RED.copy()) is first and len(graphs["style"].calls) == 1
    with pytest.raises(ValueError, match="read-only"):
        first[:] = 0.0
    assert not np.array_equal(runner.vector(RED.reshape(52, 40, 3)[:30]), GREY)
    for level in range(40):
        runner.vector(plain((level, 0, 0)))
    calls = len(graphs["style"].calls)
    runner.vector(RED)
    assert len(graphs["style"].calls) == calls + 1


def test_styles_can_be_added() -> None:
    runner, _ = styler()
    mixed = 0.5 * runner.vector(RED) + 0.5 * runner.vector(plain((0, 0, 200)))
    np.testing.assert_allclose(runner.apply(GREY, mixed)[20, 20], (100, 50, 100), atol=1)


def test_colours_can_stay() -> None:
    runner, _ = styler()
    orange = plain((230, 120, 20))
    kept = runner.apply(orange, runner.vector(plain((0, 0, 0))), keep_colours=True)
    assert int(kept[0, 0, 0]) < 230 and kept[0, 0, 0] > kept[0, 0, 1] > kept[0, 0, 2]


@pytest.mark.parametrize("size", [(33, 41), (64, 64), (40, 100)])
def test_presets_run_at_the_pictures_size_to_the_next_multiple(size: tuple[int, int]) -> None:
    runner, graphs = styler()
    picture = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)
    styled = runner.apply_preset(picture, {2: 1.0})
    assert styled.shape == picture.shape
    _, _, height, width = graphs["presets"].calls[0]["image"]
    assert height % 4 == width % 4 == 0 and 0 <= height - size[0] < 4 and 0 <= width - size[1] < 4
    np.testing.assert_allclose(styled[..., 2], picture[..., 2] / 2 + 127.5, atol=1)
    np.testing.assert_allclose(styled[..., 0], picture[..., 0] / 2, atol=1)


def test_presets_mix_by_share_and_with_the_picture_by_strength() -> None:
    runner, _ = styler()
    np.testing.assert_allclose(runner.apply_preset(GREY, {0: 3.0, 1: 1.0})[0, 0], (145.6, 81.9, 50), atol=1)
    np.testing.assert_allclose(runner.apply_preset(GREY, {0: 1.0}, strength=0.5)[0, 0], (138.75, 75, 75), atol=1)


def test_a_large_picture_is_worked_on_smaller() -> None:
    runner, graphs = styler()
    assert runner.apply_preset(plain((9, 9, 9), (200, 400)), {0: 1.0}, longest_side=100).shape == (200, 400, 3)
    assert graphs["presets"].calls[0]["image"] == (1, 3, 52, 100)


@pytest.mark.parametrize("weights", [{}, {3: 1.0}, {-1: 1.0}, {0: -1.0}, {0: 0.0}, {0: float("nan")}])
def test_shares_that_make_no_sense_are_refused(weights: dict[int, float]) -> None:
    with pytest.raises(ValueError):
        styler()[0].apply_preset(GREY, weights)


def test_strength_size_and_missing_presets_are_checked() -> None:
    runner, graphs = styler()
    with pytest.raises(ValueError, match="strength"):
        runner.apply(GREY, runner.vector(RED), strength=1.5)
    with pytest.raises(ValueError, match="32 pixels"):
        runner.apply_preset(plain((0, 0, 0), (20, 90)), {0: 1.0})
    without = ImageStyle(style=SPEC.style, content=SPEC.content)
    with pytest.raises(ValueError, match="no styles of its own"):
        Styler(without, graphs).apply_preset(GREY, {0: 1.0})
