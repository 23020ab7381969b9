from __future__ import annotations

import cv2
import numpy as np
import pytest

from sidecar.engine.runners import boxes

OPTIONS = {"threshold": 0.3, "box_threshold": 0.6, "unclip": 1.5}


def drawn(*rectangles: tuple[tuple[float, float], tuple[float, float], float], level: float = 0.9) -> np.ndarray:
    probability = np.zeros((200, 300), np.float32)
    for rectangle in rectangles:
        cv2.fillPoly(probability, [np.round(cv2.boxPoints(rectangle)).astype(np.int32)], level)
    return probability


def sides(corners: np.ndarray) -> tuple[float, float]:
    return float(np.linalg.norm(corners[1] - corners[0])), float(np.linalg.norm(corners[2] - corners[1]))


def test_a_box_grows_by_its_area_by_its_perimeter() -> None:
    (box,) = boxes.find(drawn(((150, 100), (100, 10), 0)), **OPTIONS)
    grow = 100 * 10 * 1.5 / 220
    np.testing.assert_allclose(sides(box.corners), (100 + 2 * grow, 10 + 2 * grow), atol=1.0)
    np.testing.assert_allclose(box.corners.mean(axis=0), (150, 100), atol=0.6)
    assert box.score == pytest.approx(0.9, abs=0.02)


def test_growing_equals_the_smallest_rectangle_around_rounded_corners() -> None:
    """What PaddleOCR does with a polygon clipper: offset the polygon, lay a rectangle around it."""
    centre, size, angle, distance = (80.0, 60.0), (50.0, 14.0), 23.0, 9.0
    around = np.linspace(0, 2 * np.pi, 400)
    circle = distance * np.stack([np.cos(around), np.sin(around)], axis=1)
    offset = (cv2.boxPoints((centre, size, angle))[:, None] + circle[None]).reshape(-1, 2).astype(np.float32)
    found_centre, found_sides, _ = cv2.minAreaRect(offset)
    np.testing.assert_allclose(sorted(found_sides), [14 + 2 * distance, 50 + 2 * distance], atol=0.05)
    np.testing.assert_allclose(found_centre, centre, atol=0.05)


@pytest.mark.parametrize("angle", [-40, -10, 15, 44])
def test_a_tilted_box_begins_where_its_text_does(angle: int) -> None:
    (box,) = boxes.find(drawn(((150, 100), (120, 12), angle)), **OPTIONS)
    along = box.corners[1] - box.corners[0]
    assert np.degrees(np.arctan2(along[1], along[0])) == pytest.approx(angle, abs=1.5)
    edge, down = along, box.corners[3] - box.corners[0]
    assert edge[0] * down[1] - edge[1] * down[0] > 0  # clockwise, y downwards


def test_an_upright_box_begins_at_its_lower_left() -> None:
    (box,) = boxes.find(drawn(((150, 100), (12, 120), 0)), **OPTIONS)
    assert box.corners[0][0] < 150 and box.corners[0][1] > 150
    assert box.corners[1][0] < 150 and box.corners[1][1] < 50


def test_faint_small_and_thin_things_are_left_out() -> None:
    assert boxes.find(drawn(((150, 100), (100, 10), 0), level=0.5), **OPTIONS) == []
    assert boxes.find(drawn(((150, 100), (100, 10), 0), level=0.2), **OPTIONS) == []
    assert boxes.find(drawn(((150, 100), (100, 1), 0)), **OPTIONS) == []
    assert boxes.find(np.zeros((40, 40), np.float32), **OPTIONS) == []


def test_a_box_at_the_edge_of_the_map_is_found() -> None:
    (box,) = boxes.find(drawn(((2, 100), (60, 12), 0)), **OPTIONS)
    assert box.score > 0.8


def rectangle(x: float, y: float, width: float = 80.0, height: float = 20.0) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)


PAGE = [rectangle(120, 12), rectangle(10, 80), rectangle(10, 10), rectangle(130, 84), rectangle(10, 45)]


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 12])
def test_lines_are_read_as_they_were_written_however_the_picture_lies(angle: int) -> None:
    turn = np.radians(angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
    assert boxes.reading_order([corners @ matrix.T for corners in PAGE]) == [2, 0, 4, 1, 3]
    assert boxes.reading_order([]) == []


def test_a_cut_is_the_rectangle_laid_straight() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (60, 90, 3), np.uint8)
    straight = boxes.cut_out(picture, rectangle(10, 20, 40, 16))
    np.testing.assert_array_equal(straight, picture[20:36, 10:50])
    turned = boxes.cut_out(picture, np.roll(rectangle(10, 20, 40, 16), 2, axis=0))
    assert turned.shape == (16, 40, 3)
    difference = np.abs(turned[2:-2, 2:-2].astype(int) - np.rot90(picture[21:37, 11:51], 2)[2:-2, 2:-2].astype(int))
    assert difference.mean() < 1.0
