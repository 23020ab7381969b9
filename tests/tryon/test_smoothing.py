"""The One-Euro filter and the flow that carries it."""

from __future__ import annotations

import cv2
import numpy as np

from sidecar.tryon import flow
from sidecar.tryon.smoothing import OneEuro

PERIOD_US = 33_333


def test_stillness_is_steadier_than_the_input():
    rng = np.random.default_rng(0)
    smoother, raw, filtered = OneEuro(min_cutoff_hz=0.1, beta=2.0), [], []
    for index in range(120):
        raw.append(100 + rng.normal(0, 2, (4, 2)))
        filtered.append(smoother(raw[-1], index * PERIOD_US, object_size=400))
    assert np.std(filtered[60:], axis=0).max() < 0.25 * np.std(raw[60:], axis=0).min()


def test_motion_is_followed_promptly():
    smoother = OneEuro()
    for index in range(60):
        place = np.array([[300.0 * index / 30, 0.0]])
        followed = smoother(place, index * PERIOD_US, object_size=400)
    assert abs(followed[0, 0] - place[0, 0]) < 12


def test_speed_is_relative_to_the_object():
    near, far = OneEuro(eager=False), OneEuro(eager=False)
    for index in range(30):
        big = near(np.array([index * 4.0]), index * PERIOD_US, object_size=400)
        small = far(np.array([index * 1.0]), index * PERIOD_US, object_size=100)
    assert np.allclose(big / 4, small)


def test_time_that_stands_still_changes_nothing():
    smoother = OneEuro()
    smoother(np.array([1.0]), 1000, object_size=10)
    assert smoother(np.array([9.0]), 1000, object_size=10)[0] == 9.0
    assert smoother(np.array([9.0]), 500, object_size=10)[0] == 9.0


def test_what_is_carried_is_not_taken_for_motion():
    smoother = OneEuro(min_cutoff_hz=0.05, beta=2.0)
    for index in range(40):
        smoother.carry(lambda values: values + 10)
        value = smoother(np.array([10.0 * index]), index * PERIOD_US, object_size=100)
    assert abs(value[0] - 390) < 1e-6


def test_flow_finds_a_similarity_and_says_when_it_cannot():
    rng = np.random.default_rng(1)
    before = cv2.GaussianBlur(rng.integers(0, 255, (240, 320), dtype=np.uint8), (0, 0), 2)
    before = cv2.normalize(before, None, 0, 255, cv2.NORM_MINMAX)
    matrix = cv2.getRotationMatrix2D((160, 120), 2.0, 1.02)
    matrix[:, 2] += (4, -3)
    after = cv2.warpAffine(before, matrix, (320, 240), borderMode=cv2.BORDER_REFLECT)
    grid = 2 * np.stack(np.meshgrid(np.arange(60, 260, 30), np.arange(60, 180, 25)), -1).reshape(-1, 2).astype(float)
    found, nothing = flow.motions(before, after, [grid, grid[:3]], step=2)
    expected = (grid / 2) @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(flow.move(grid, found) / 2 - expected).max() < 0.3
    assert nothing is None
    blank = np.full_like(before, 90)
    assert flow.motions(blank, blank, [np.zeros((0, 2))], step=2) == [None]
