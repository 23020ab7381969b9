from __future__ import annotations

import numpy as np
import pytest

from sidecar.engine.runner_specs import Preprocessing
from sidecar.engine.runners.image_input import Rect, resize, to_tensor


def spec(**changes: object) -> Preprocessing:
    options: dict[str, object] = {"colour": "rgb", "low": 0.0, "high": 1.0, "layout": "nhwc", "width": 2, "height": 2}
    return Preprocessing(**(options | changes))  # type: ignore[arg-type]


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)


PIXELS = np.array([[[0, 51, 255], [102, 0, 0]], [[0, 0, 204], [255, 255, 255]]], np.uint8)


def test_a_byte_becomes_its_place_in_the_range() -> None:
    tensor = to_tensor(PIXELS, spec(low=-1.0, high=1.0)).tensor
    assert tensor.dtype == np.float32 and tensor.shape == (1, 2, 2, 3)
    np.testing.assert_allclose(tensor[0, 0], [[-1.0, -0.6, 1.0], [-0.2, -1.0, -1.0]], atol=1e-6)


def test_mean_and_deviation_go_by_channel_in_the_colour_order() -> None:
    chosen = spec(colour="bgr", mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    np.testing.assert_allclose(to_tensor(PIXELS, chosen).tensor[0, 0, 0], [1.0, -0.2, 0.0], atol=1e-6)
    without_deviation = spec(colour="bgr", low=0.0, high=255.0, mean=(104.0, 117.0, 123.0))
    np.testing.assert_allclose(to_tensor(PIXELS, without_deviation).tensor[0, 0, 0], [151.0, -66.0, -123.0])


def test_channels_come_first_where_the_layout_says_so() -> None:
    placed = to_tensor(PIXELS, spec(layout="nchw"))
    assert placed.tensor.shape == (1, 3, 2, 2) and placed.tensor.flags.c_contiguous
    np.testing.assert_allclose(placed.tensor[0, 2], [[1.0, 0.0], [0.8, 1.0]], atol=1e-6)


def test_grey_has_one_channel_of_luma() -> None:
    tensor = to_tensor(PIXELS, spec(colour="grey", high=255.0)).tensor
    assert tensor.shape == (1, 2, 2, 1)
    assert tensor[0, 0, 0, 0] == round(0.587 * 51 + 0.114 * 255)


def test_stretch_averages_where_it_shrinks_and_sampled_does_not() -> None:
    striped = np.zeros((4, 64, 3), np.uint8)
    striped[:, 2::4] = 255  # one column of four
    averaged = to_tensor(striped, spec(width=4, height=4, fit="stretch")).tensor
    np.testing.assert_allclose(averaged, 0.25, atol=0.05)
    sampled = to_tensor(striped, spec(width=4, height=4, fit="stretch", resample="sampled")).tensor
    assert np.unique(sampled).tolist() == [0.0]


def test_cover_cuts_the_long_side_and_says_what_is_seen() -> None:
    wide = picture(20, 60)
    placed = to_tensor(wide, spec(width=20, height=20, fit="cover"))
    assert placed.seen == Rect(20, 0, 20, 20) and placed.shown == Rect(0, 0, 20, 20)
    np.testing.assert_allclose(placed.tensor[0], wide[:, 20:40] / 255.0, atol=1e-6)


def test_the_middle_of_a_larger_size_is_taken() -> None:
    square = picture(16, 16)
    placed = to_tensor(square, spec(width=8, height=8, resized=(16, 16), fit="stretch"))
    np.testing.assert_allclose(placed.tensor[0], square[4:12, 4:12] / 255.0, atol=1e-6)
    assert placed.seen == Rect(4, 4, 8, 8)


def test_contain_keeps_the_shape_and_pads_with_the_lowest_level() -> None:
    wide = picture(10, 20)
    placed = to_tensor(wide, spec(width=20, height=20, low=-1.0, fit="contain", mean=(1.0,), std=(2.0,)))
    assert placed.shown == Rect(0, 5, 20, 10)
    np.testing.assert_allclose(placed.tensor[0, 5:15], (wide / 255.0 * 2.0 - 2.0) / 2.0, atol=1e-6)
    assert (placed.tensor[0, :5] == -1.0).all() and (placed.tensor[0, 15:] == -1.0).all()


def test_contain_can_mirror_further_than_the_picture_is_wide() -> None:
    narrow = picture(12, 2)
    tensor = to_tensor(narrow, spec(width=12, height=12, fit="contain", pad="mirror")).tensor[0]
    np.testing.assert_allclose(tensor[:, 4], tensor[:, 5], atol=0)  # the column beside the edge is the edge again
    np.testing.assert_allclose(tensor[:, 3], tensor[:, 6], atol=0)
    assert len(np.unique(tensor[0, :, 0])) <= 2


@pytest.mark.parametrize(("size", "expected"), [((100, 70), (96, 64)), ((10, 10), (32, 32)), ((640, 320), (320, 160))])
def test_free_sides_become_the_nearest_multiple(size: tuple[int, int], expected: tuple[int, int]) -> None:
    chosen = spec(width=None, height=None, multiple=32, fit="stretch", layout="nchw")
    placed = to_tensor(picture(size[1], size[0]), chosen, longest_side=320)
    assert placed.tensor.shape == (1, 3, expected[1], expected[0])
    corner = placed.to_picture(np.array([expected], np.float32))
    np.testing.assert_allclose(corner, [size], atol=1e-3)


def test_free_sides_with_padding_keep_every_pixel() -> None:
    odd = picture(33, 50)
    placed = to_tensor(odd, spec(width=None, height=None, multiple=4, fit="contain", pad="mirror"))
    assert placed.tensor.shape == (1, 36, 52, 3)
    np.testing.assert_allclose(placed.on_picture(placed.tensor[0]), odd / 255.0, atol=1e-6)


def test_what_was_cut_off_is_filled_in_on_the_way_back() -> None:
    placed = to_tensor(picture(20, 60), spec(width=10, height=10, fit="cover"))
    mask = placed.on_picture(np.ones((10, 10), np.float32), outside=-1.0)
    assert mask.shape == (20, 60)
    assert (mask[:, 20:40] == 1.0).all() and (mask[:, :20] == -1.0).all() and (mask[:, 40:] == -1.0).all()


def test_a_crop_must_have_the_shape_of_the_input() -> None:
    assert to_tensor(picture(40, 40), spec()).tensor.shape == (1, 2, 2, 3)
    with pytest.raises(ValueError, match="has not the shape"):
        to_tensor(picture(40, 60), spec())


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.broadcast_to(np.uint8(0), (20_000, 1, 3)),
        np.broadcast_to(np.uint8(0), (9_000, 9_000, 3)),
    ],
    ids=["grey", "alpha", "float", "empty", "long", "large"],
)
def test_what_is_no_picture_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="A picture"):
        to_tensor(bad, spec(fit="stretch"))


def test_resizing_is_pillows() -> None:
    from PIL import Image

    given = picture(37, 53)
    for name, method in (("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)):
        expected = np.asarray(Image.fromarray(given).resize((20, 9), method))
        np.testing.assert_array_equal(resize(given, 20, 9, name), expected)
