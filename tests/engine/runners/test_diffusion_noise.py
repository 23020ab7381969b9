"""Noise from a seed is normal, independent, and the same for ever."""

from __future__ import annotations

import numpy as np
import pytest

from sidecar.engine.runners.noise import MAX_SEED, SeededNoise

GOLDEN_FIRST = [0.36418265, 0.43477333, -0.65743506, -0.81322157]
GOLDEN_NEXT = [-1.10870302, -0.42319119, 0.30671829]


def test_the_numbers_of_a_seed_never_change() -> None:
    """Pictures are remembered by their seeds: a change here changes them all."""
    noise = SeededNoise(2024)
    assert np.allclose(noise((4,)), GOLDEN_FIRST, atol=1e-6)
    assert np.allclose(noise((1, 3)), [GOLDEN_NEXT], atol=1e-6)


def test_the_numbers_are_normal() -> None:
    found = SeededNoise(1)((200_000,))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    moments = [(found**power).mean() for power in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.05)
    inside = [(np.abs(found) < bound).mean() for bound in (0.5, 1, 2, 3)]
    assert inside == pytest.approx([0.3829, 0.6827, 0.9545, 0.9973], abs=0.004)


def test_draws_and_seeds_are_independent() -> None:
    draw = SeededNoise(5)
    rows = [draw((20_000,)), draw((20_000,)), *(SeededNoise(seed)((20_000,)) for seed in (6, 7, MAX_SEED))]
    assert np.abs(np.corrcoef(rows) - np.eye(5)).max() < 0.03
    halves = rows[0].reshape(2, -1)
    assert abs(np.corrcoef(halves)[0, 1]) < 0.03


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 4, 5, 7)])
def test_every_shape_is_filled(shape: tuple[int, ...]) -> None:
    assert SeededNoise(0)(shape).shape == shape
