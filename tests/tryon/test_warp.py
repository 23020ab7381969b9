"""Splines, their health, and patches: geometry without models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.catalog import samples
from sidecar.catalog.assets import Ease
from sidecar.tryon import patches, top_fit, warp
from sidecar.tryon.body import Arm, Body, rays
from sidecar.tryon.fill import push_pull
from sidecar.tryon.patches import Patch


def standing(*, width: float = 170.0, lean_deg: float = 0.0, arms_deg: float = 12.0) -> Body:
    """A body that faces the camera, its arms hanging `arms_deg` away from the spine."""
    turn = np.radians(lean_deg)
    across, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    middle = np.array([320.0, 210.0])
    arms = []
    for side in (-1, 1):
        swing = np.radians(arms_deg)
        bone = np.cos(swing) * down + side * np.sin(swing) * across
        shoulder = middle + side * width / 2 * across
        elbow, wrist = shoulder + 0.8 * width * bone, shoulder + 1.5 * width * bone
        fingers = wrist + 0.2 * width * bone
        arms.append(Arm(side, shoulder, elbow, wrist, fingers, np.array([0.9, 0.9]), 0.15 * width, 0.17 * width))
    chin = middle - 0.34 * width * down
    reach = np.array([0.12, 0.12, 0.6, 0.6, 0.58, 0.58, 0.15, 0.15])
    return Body(middle, across, down, width, 1.4 * width, arms[0], arms[1], chin, 0.5 * width, reach)


def torso_field(body: Body, product: str):
    record = samples.record(product)
    fit = top_fit.fit(body, record.landmarks, Ease())
    low, high = fit.target.min(axis=0), fit.target.max(axis=0)
    box = (int(low[0]), int(low[1]), int(np.ptp(fit.target[:, 0])), int(np.ptp(fit.target[:, 1])))
    field = warp.spline_map(box, fit.target, fit.source)
    x, y = np.clip(np.rint(field), 0, 639).astype(int).transpose(2, 0, 1)
    inside = (samples.picture(record.parts)[y, x, 0] & 1).astype(bool)
    assert high[1] > low[1]
    return fit, field, inside


@pytest.mark.parametrize("product", ["sample-top-1", "sample-top-2"])
@pytest.mark.parametrize("body", [{}, {"lean_deg": 18}, {"width": 90}, {"arms_deg": 60}, {"arms_deg": 1}])
def test_torso_neither_folds_nor_stretches(product, body):
    _, field, inside = torso_field(standing(**body), product)
    assert warp.folded_share(field, inside) <= 0.005
    assert warp.anisotropy(field, inside) <= 2.5


def test_one_spline_over_torso_and_sleeves_folds():
    """Why sleeves are drawn apart."""
    record = samples.record("sample-top-1")
    fit = top_fit.fit(standing(arms_deg=4), record.landmarks, Ease())
    sleeves = [fit.left, fit.right]
    target = np.concatenate([fit.target, *(sleeve.target[1:].reshape(-1, 2) for sleeve in sleeves)])
    source = np.concatenate([fit.source, *(sleeve.source[1:].reshape(-1, 2) for sleeve in sleeves)])
    field = warp.spline_map((180, 150, 280, 330), target, source)
    assert warp.folded_share(field, np.ones(field.shape[:2], bool)) > 0.005


def test_sleeves_stay_convex():
    for arms_deg in (1, 12, 45, 80):
        fit = top_fit.fit(standing(arms_deg=arms_deg), samples.record("sample-top-1").landmarks, Ease())
        for sleeve in (fit.left, fit.right):
            for first, second in zip(sleeve.target[:-1], sleeve.target[1:], strict=True):
                quad = np.array([first[0], second[0], second[1], first[1]])
                edges = np.roll(quad, -1, axis=0) - quad
                nexts = np.roll(edges, -1, axis=0)
                turns = edges[:, 0] * nexts[:, 1] - edges[:, 1] * nexts[:, 0]
                assert (turns > 0).all() or (turns < 0).all()


def test_collar_lies_under_the_chin_and_centred():
    body = standing()
    fit = top_fit.fit(body, samples.record("sample-top-1").landmarks, Ease())
    left, centre, right = fit.neckline
    assert centre[1] > left[1] > body.chin[1]
    assert left[0] < body.chin[0] < right[0]


def test_size_widens_and_lengthens():
    landmarks = samples.record("sample-top-1").landmarks
    small = top_fit.fit(standing(), landmarks, Ease(0.9, 0.95, 0.95)).target
    large = top_fit.fit(standing(), landmarks, Ease(1.1, 1.05, 1.05)).target
    assert large[11, 0] - large[9, 0] > 1.05 * (small[11, 0] - small[9, 0])
    assert large[10, 1] > small[10, 1]


def test_spline_passes_through_its_points():
    rng = np.random.default_rng(0)
    control = rng.random((12, 2))
    values = control + rng.normal(0, 0.05, (12, 2))
    weights = warp.spline(control, values, stiffness=0)
    assert np.allclose(warp.evaluate(control, control, weights), values, atol=1e-6)


def test_rays_stop_at_the_silhouette():
    person = np.zeros((100, 100), np.uint8)
    person[20:80, 30:70] = 255
    starts = np.array([[100.0, 100.0], [100.0, 100.0], [20.0, 100.0], [100.0, 100.0]])
    directions = np.array([[1.0, 0], [0, -1.0], [1.0, 0], [1.0, 0]])
    reached = rays(person, starts, directions, np.array([80.0, 100.0, 50.0, 20.0]))
    assert np.allclose(reached, [40, 60, 0, 20], atol=3)


def test_blend_touches_nothing_outside_its_alpha():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    before = frame.copy()
    alpha = np.zeros((20, 20), np.uint8)
    alpha[5:10, 5:10] = 255
    alpha[12, 12] = 128
    patches.blend(frame, Patch(10, 10, np.full((20, 20, 3), 200, np.uint8), alpha))
    untouched = np.ones((40, 50), bool)
    untouched[10:30, 10:30] = alpha == 0
    assert np.array_equal(frame[untouched], before[untouched])
    assert (frame[15:20, 15:20] == 200).all()
    assert np.abs(frame[22, 22].astype(int) - (before[22, 22].astype(int) + 200) // 2).max() <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_overlay_over_a_frame_equals_the_composite(first, second, ground):
    frame = np.full((4, 4, 3), ground, np.uint8)
    overlay = np.zeros((4, 4, 4), np.uint8)
    for alpha, tone in ((first, 30), (second, 220)):
        patch = Patch(0, 0, np.full((4, 4, 3), tone, np.uint8), np.full((4, 4), alpha, np.uint8))
        patches.blend(frame, patch)
        patches.gather(overlay, patch)
    share = overlay[..., 3:] / 255.0
    assert np.abs(overlay[..., :3] * share + ground * (1 - share) - frame).max() <= 3


def test_clipped_keeps_inside_the_frame():
    assert patches.clipped(np.array([[-50.0, -50.0], [-10.0, -10.0]]), 100, 100) is None
    x, y, width, height = patches.clipped(np.array([[-5.0, 90.2], [30.4, 300.0]]), 100, 100)
    assert (x, y) == (0, 90)
    assert x + width <= 100
    assert y + height <= 100


def test_fill_takes_colour_from_near_by():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = 60, 200
    known = np.ones((64, 64), np.float32)
    known[20:40, 4:14] = 0
    known[20:40, 50:60] = 0
    picture[known == 0] = 255
    filled = push_pull(picture, known)
    assert np.abs(filled[30, 9].astype(int) - 60).max() <= 6
    assert np.abs(filled[30, 55].astype(int) - 200).max() <= 6
    assert np.array_equal(filled[known == 1], picture[known == 1])


def test_fill_reaches_the_middle_of_a_large_gap():
    picture = np.full((40, 25, 3), 120, np.uint8)
    known = np.zeros((40, 25), np.float32)
    known[0, 0] = known[1, 0] = 1
    assert np.abs(push_pull(picture, known).astype(int) - 120).max() <= 1
