from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.routes.graphs.blocks import Blocks, exact, rounded, stacked, stepped
from export.routes.graphs.writer import GraphWriter

seeds = st.integers(0, 2**32 - 1)


def weights(seed: int, outputs: int = 6, inputs: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((outputs, inputs)) * 10.0 ** rng.integers(-4, 4)).astype(np.float32)


@pytest.mark.parametrize("bits", [4, 8])
def test_integers_and_scales_are_kept_bit_for_bit(bits: int) -> None:
    rng = np.random.default_rng(1)
    integers = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (5, 3, 32)).astype(np.int8)
    scales = rng.standard_normal((5, 3)).astype(np.float32)  # GGUF has negative ones
    made = exact(integers, scales, bits=bits)
    np.testing.assert_array_equal(made.values(), (integers * scales[..., None]).reshape(5, 96))
    assert made.zeros is None and made.packed().shape == (5, 3, 32 * bits // 8)


@settings(deadline=None)
@given(seeds, st.sampled_from([16, 32]))
def test_rounding_is_off_by_half_a_step_at_most(seed: int, size: int) -> None:
    values = weights(seed)
    made = rounded(values, size)
    steps = np.repeat(made.scales, size, axis=1)
    assert (np.abs(made.values() - values) <= 0.501 * steps).all()
    grouped = values.reshape(6, -1, size)
    span = np.maximum(grouped.max(axis=2), 0) - np.minimum(grouped.min(axis=2), 0)
    assert (made.scales <= span / 255 * 1.001).all()


def test_blocks_of_zeros_and_of_one_sign_are_rounded_too() -> None:
    values = np.zeros((3, 32), np.float32)
    values[1], values[2] = np.linspace(5, 6, 32), np.linspace(-6, -5, 32)
    found = rounded(values).values()
    assert not found[0].any()
    np.testing.assert_allclose(found, values, atol=6 / 255)


@settings(deadline=None)
@given(seeds, st.sampled_from([15, 31]))
def test_steps_with_an_offset_lose_almost_nothing(seed: int, top: int) -> None:
    """What 4- and 5-bit formats with minima hold: rounding them to 255 levels afresh loses several times as much."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(0, top + 1, (4, 8, 32)).astype(np.int8)
    scales = (0.001 + rng.random((4, 8))).astype(np.float32)
    offsets = (-scales * top * rng.random((4, 8))).astype(np.float32)
    values = (steps * scales[..., None] + offsets[..., None]).reshape(4, -1)
    error = np.abs(stepped(steps, scales, offsets).values() - values)
    assert (error.reshape(4, 8, 32).max(axis=2) <= 0.5 * scales / (255 // top - 3)).all()
    assert error.mean() <= np.abs(rounded(values).values() - values).mean()


def test_steps_whose_offset_no_code_reaches_are_rounded_instead() -> None:
    steps = np.tile(np.arange(16, dtype=np.int8), 2).reshape(1, 1, 32)
    scales, offsets = np.full((1, 1), 1e-3, np.float32), np.full((1, 1), 50.0, np.float32)
    made = stepped(steps, scales, offsets)
    np.testing.assert_allclose(made.values(), (steps * 1e-3 + 50.0).reshape(1, -1), atol=0.2)
    constant = stepped(steps, np.zeros((1, 1), np.float32), np.full((1, 1), -0.25, np.float32))
    np.testing.assert_allclose(constant.values(), np.full((1, 32), -0.25), atol=1e-6)


def test_matrices_with_and_without_zero_points_are_stacked() -> None:
    a, b = exact(np.ones((2, 3, 32), np.int8), np.ones((2, 3), np.float32)), rounded(weights(3))
    both = stacked([a, b])
    np.testing.assert_array_equal(both.values(), np.concatenate([a.values(), b.values()]))


@pytest.mark.parametrize(("bits", "size"), [(4, 32), (8, 16), (8, 32)])
def test_onnx_runtime_reads_the_blocks_as_they_are_meant(tmp_path: Path, bits: int, size: int) -> None:
    """Both as a matrix to multiply with and as a table of rows, in the file and beside it."""
    rng = np.random.default_rng(bits)
    codes = rng.integers(0, 1 << bits, (40, 64 // size, size)).astype(np.uint8)
    zeros = rng.integers(0, 256, (40, 64 // size)).astype(np.uint8) if bits == 8 else None
    made = Blocks(codes, rng.random((40, 64 // size)).astype(np.float32) / 100, zeros, bits)
    x, ids = rng.standard_normal((2, 3, 64)).astype(np.float32), np.array([[3, 0, 39]])
    results = []
    for data in (None, tmp_path / "graph.bin"):
        with GraphWriter("graph", data=data) as writer:
            value = writer.input("x", "float32", ("batch", "sequence", 64))
            numbers = writer.input("ids", "int64", ("batch", "sequence"))
            writer.output(writer.linear("w", value, made), "y", "float32", ("batch", "sequence", 40))
            writer.output(writer.rows("w", numbers, made), "rows", "float32", ("batch", "sequence", 64))
            file = writer.write(tmp_path / "graph.onnx")
        session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        results.append(session.run(["y", "rows"], {"x": x, "ids": ids}))
    for y, rows in results:
        np.testing.assert_array_equal(rows, made.values()[ids])
        np.testing.assert_allclose(y, x @ made.values().T, atol=0.02 * np.abs(y).max())
    assert (tmp_path / "graph.bin").stat().st_size > 1024


def test_the_bytes_are_those_that_packs_were_published_with() -> None:
    """Expected hashes of packs lie in the index: a change of these bytes needs new ones, and new versions."""
    made = rounded(weights(20))
    steps = stepped(
        np.arange(64, dtype=np.int8).reshape(1, 2, 32) % 16,
        np.array([[0.1, 0.03]], np.float32),
        np.array([[-0.7, -0.2]], np.float32),
    )
    data = b"".join(part.tobytes() for blocks in (made, steps) for part in (blocks.codes, blocks.scales, blocks.zeros))
    assert hashlib.sha256(data).hexdigest() == "8c1c7cdfd77898e9caad51a00ffcae077d94b9dcbbffaabd335e380116e80f64"
