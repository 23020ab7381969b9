from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tiny_spec import SIZE, spec
from tiny_tflite import TinyModel

from export.tflite.check import check
from export.tflite.convert import convert
from export.tflite.sparsity import densify


def dense(size: int) -> Any:
    dimension = schema.DimensionMetadataT()
    dimension.format, dimension.denseSize = 0, size
    return dimension


def compressed(segments: list[int], indices: list[int]) -> Any:
    dimension = schema.DimensionMetadataT()
    dimension.format, dimension.denseSize = 1, 0
    dimension.arraySegmentsType = dimension.arrayIndicesType = schema.SparseIndexVector.Int32Vector
    dimension.arraySegments, dimension.arrayIndices = schema.Int32VectorT(), schema.Int32VectorT()
    dimension.arraySegments.values = np.array(segments, np.int32)
    dimension.arrayIndices.values = np.array(indices, np.int32)
    return dimension


def sparsity(order: list[int], dimensions: list[Any], block_map: list[int] | None = None) -> Any:
    parameters = schema.SparsityParametersT()
    parameters.traversalOrder = np.array(order, np.int32)
    parameters.dimMetadata = dimensions
    parameters.blockMap = None if block_map is None else np.array(block_map, np.int32)
    return parameters


def test_rows_of_a_matrix() -> None:
    parameters = sparsity([0, 1], [dense(3), compressed([0, 2, 2, 3], [1, 3, 0])])
    found = densify(np.array([1.0, 2.0, 3.0]), (3, 4), parameters)
    assert found.tolist() == [[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]]


def test_columns_first() -> None:
    parameters = sparsity([1, 0], [dense(2), compressed([0, 1, 3], [2, 0, 1])])
    found = densify(np.array([1.0, 2.0, 3.0]), (3, 2), parameters)
    assert found.tolist() == [[0, 2], [0, 3], [1, 0]]


def test_blocks() -> None:
    """The schema's own example: 2x2 blocks of a 4x4 matrix, all dense inside."""
    parameters = sparsity([0, 1, 2, 3], [dense(2), compressed([0, 1, 2], [0, 1]), dense(2), dense(2)], [0, 1])
    found = densify(np.arange(1.0, 9.0), (4, 4), parameters)
    assert found.tolist() == [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 5, 6], [0, 0, 7, 8]]


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="segments"):
        densify(np.ones(3), (3, 4), sparsity([0, 1], [dense(3), compressed([0, 3], [0, 1, 2])]))
    with pytest.raises(ValueError, match="stored values"):
        densify(np.ones(2), (3, 4), sparsity([0, 1], [dense(3), compressed([0, 2, 2, 3], [1, 3, 0])]))


def test_sparse_weights_equal_what_the_interpreter_makes_of_them() -> None:
    model = TinyModel()
    image, shape = (1, SIZE, SIZE, 3), (4, 1, 1, 3)
    source, result = model.tensor("in", image), model.tensor("out", (1, SIZE, SIZE, 4))
    parameters = sparsity([0, 1, 2, 3], [dense(4), dense(1), dense(1), compressed([0, 1, 1, 3, 4], [2, 0, 1, 1])])
    stored = model.tensor("sparse", shape, np.array([1.0, -2.0, 3.0, 0.5], "f4"), parameters)
    weights = model.tensor("dense", shape)
    model.add("DENSIFY", [stored], [weights], table="DensifyOptions")
    options = {"padding": 0, "strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1}
    inputs = [source, weights, model.constant(np.zeros(4))]
    model.add("CONV_2D", inputs, [result], table="Conv2DOptions", **options)
    recipe = spec(("out", (1, SIZE, SIZE, 4)))
    blob = model.bytes([source], [result])
    assert check(recipe, blob, convert(recipe, blob))["o0"] < 1e-5
