"""Weights in blocks against numpy, half precision, and constants that lie beside their graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tiny_models import convolution, dense, model, recipe, table

from export import constants, half, weight_blocks
from export.candidates import candidates
from export.errors import GraphError, PrecisionError
from export.quantize import make
from export.sessions import Session


def save(path: Path, made: onnx.ModelProto) -> Path:
    path.write_bytes(made.SerializeToString())
    return path


def values(file: Path, **feeds: NDArray[np.generic]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = Session(file).run(feeds)["y"]
    return result


def unrounded(matrix: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """What blocks of this matrix stand for, [outputs, inputs]: by the definition, not by the code under test."""
    outputs, inputs = matrix.shape
    result = np.zeros_like(matrix)
    for row in range(outputs):
        for begin in range(0, inputs, 32):
            block = matrix[row, begin : begin + 32]
            low, high = min(float(block.min()), 0.0), max(float(block.max()), 0.0)
            if inputs - begin < 32:
                low, high = min(low, 0.0), max(high, 0.0)
            step = np.float32((np.float32(high) - np.float32(low)) / np.float32(2**bits - 1)) or np.float32(1)
            zero = np.rint(np.float32(-low) / step)
            codes = np.clip(np.rint(block / step) + zero, 0, 2**bits - 1)
            result[row, begin : begin + 32] = (codes - zero) * step
    return result


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("width", [128, 112, 72])
def test_matmul_in_blocks_multiplies_with_the_rounded_weights(tmp_path: Path, bits: int, width: int) -> None:
    source = dense(width=width, layers=1)
    file = save(tmp_path / "model.onnx", source)
    assert weight_blocks.quantize(file, tmp_path / "q.onnx", bits=bits) == 1
    x = np.random.default_rng(1).standard_normal((5, width)).astype(np.float32)
    weights = numpy_helper.to_array(source.graph.initializer[0])
    expected = x @ unrounded(np.ascontiguousarray(weights.T), bits).T
    found = values(tmp_path / "q.onnx", x=x)
    # Its inputs are rounded to eight bits a block as well.
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    assert np.abs(found - x @ weights).max() < {4: 0.3, 8: 0.03}[bits] * np.abs(expected).max()


def test_rows_of_a_table_are_what_their_codes_stand_for(tmp_path: Path) -> None:
    source = table()
    file = save(tmp_path / "model.onnx", source)
    weight_blocks.quantize(file, tmp_path / "q.onnx", bits=4)
    ids = np.array([[0, 5, 4095], [7, 7, 8]], np.int64)
    rows = numpy_helper.to_array(source.graph.initializer[0])
    found = values(tmp_path / "q.onnx", ids=ids)
    assert found.shape == (2, 3, 100)
    np.testing.assert_allclose(found, unrounded(rows, 8)[ids], atol=1e-6)
    assert (tmp_path / "q.onnx").stat().st_size < 0.4 * file.stat().st_size


def test_a_matrix_that_others_read_too_stays(tmp_path: Path) -> None:
    source = dense(layers=1)
    source.graph.node.insert(0, helper.make_node("Transpose", ["w0"], ["t"]))
    source.graph.node.append(helper.make_node("MatMul", ["y0", "t"], ["y"]))
    source.graph.node[1].output[0] = "y0"
    file = save(tmp_path / "model.onnx", source)
    assert weight_blocks.quantize(file, tmp_path / "q.onnx", bits=8) == 1
    x = np.ones((1, 128), np.float32)
    assert np.abs(values(tmp_path / "q.onnx", x=x) - values(file, x=x)).max() < 0.05


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    file = save(tmp_path / "model.onnx", dense())
    made = []
    for name in ("a.onnx", "b.onnx"):
        weight_blocks.quantize(file, tmp_path / name, bits=4)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_half_precision_keeps_single_inputs_and_outputs(tmp_path: Path) -> None:
    file = save(tmp_path / "model.onnx", dense(width=256))
    half.convert(file, tmp_path / "h.onnx")
    stored = onnx.load(str(tmp_path / "h.onnx"))
    assert {tensor.data_type for tensor in stored.graph.initializer} == {TensorProto.FLOAT16}
    assert [value.type.tensor_type.elem_type for value in stored.graph.input] == [TensorProto.FLOAT]
    x = np.random.default_rng(1).standard_normal((3, 256)).astype(np.float32)
    difference = np.abs(values(tmp_path / "h.onnx", x=x) - values(file, x=x)).max()
    assert 0 < difference < 0.01


def test_weights_beyond_the_range_of_half_become_its_largest(tmp_path: Path) -> None:
    source = dense(layers=1, width=128)
    matrix = np.zeros((128, 128), np.float32)
    matrix[0, 0] = 1e6
    source.graph.initializer[0].CopyFrom(numpy_helper.from_array(matrix, "w0"))
    half.convert(save(tmp_path / "model.onnx", source), tmp_path / "h.onnx")
    stored = numpy_helper.to_array(onnx.load(str(tmp_path / "h.onnx")).graph.initializer[0])
    assert stored[0, 0] == np.finfo(np.float16).max and np.isfinite(stored).all()


# -- constants beside the graph ----------------------------------------------------------------------------------------


def outside(folder: Path, made: onnx.ModelProto) -> Path:
    """The model with its constants in `model.onnx.data`."""
    file = folder / "model.onnx"
    onnx.save(made, str(file), save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    return file


@pytest.mark.parametrize("way", ["fp16", "int8-dynamic", "int8-weights", "int4-weights"])
def test_every_way_reads_constants_beside_the_graph(tmp_path: Path, way: str) -> None:
    (tmp_path / "outside").mkdir()
    source = dense()
    source.graph.node[-1].output[0] = "y0"
    source.graph.node.append(helper.make_node("Add", ["y0", "bias"], ["y"]))
    source.graph.initializer.append(numpy_helper.from_array(np.linspace(0, 1, 128, dtype=np.float32), "bias"))
    inside = save(tmp_path / "model.onnx", source)
    file = outside(tmp_path / "outside", source)
    candidate = next(row for row in candidates(recipe(), "cpu", "auto") if row.name == way)
    for number, source in enumerate((inside, file)):
        make(candidate, source, tmp_path / f"{number}.onnx")
    x = np.random.default_rng(1).standard_normal((3, 128)).astype(np.float32)
    np.testing.assert_array_equal(values(tmp_path / "0.onnx", x=x), values(tmp_path / "1.onnx", x=x))


@pytest.mark.parametrize("way", ["half", "blocks"])
def test_large_results_keep_their_constants_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(constants.Writer.__init__, "__kwdefaults__", {"outside_bytes": 1000})
    file = save(tmp_path / "model.onnx", dense())
    target = tmp_path / "made.onnx"
    half.convert(file, target) if way == "half" else weight_blocks.quantize(file, target, bits=8)
    assert constants.data_files(target) == [tmp_path / "made.onnx.data"] and target.stat().st_size < 4000
    monkeypatch.undo()
    plain = tmp_path / "plain.onnx"
    half.convert(file, plain) if way == "half" else weight_blocks.quantize(file, plain, bits=8)
    x = np.random.default_rng(1).standard_normal((3, 128)).astype(np.float32)
    np.testing.assert_array_equal(values(target, x=x), values(plain, x=x))
    assert constants.total_bytes(target) == target.stat().st_size + (tmp_path / "made.onnx.data").stat().st_size


def test_small_constants_and_those_of_nodes_come_back_into_the_graph(tmp_path: Path) -> None:
    source = dense()
    source.graph.node[-1].output[0] = "y0"
    source.graph.node.append(helper.make_node("Add", ["y0", "c"], ["y"]))
    bias = numpy_helper.from_array(np.linspace(0, 1, 128, dtype=np.float32), "c")
    source.graph.node.insert(0, helper.make_node("Constant", [], ["c"], value=bias))
    inside = save(tmp_path / "inside.onnx", source)
    (tmp_path / "outside").mkdir()
    file = tmp_path / "outside" / "model.onnx"
    onnx.save(source, str(file), save_as_external_data=True, location="d", size_threshold=0, convert_attribute=True)
    constants.tidy(file)
    stored = onnx.load(str(file), load_external_data=False)
    assert not stored.graph.node[0].attribute[0].t.external_data
    assert all(tensor.external_data for tensor in stored.graph.initializer)
    x = np.random.default_rng(1).standard_normal((3, 128)).astype(np.float32)
    np.testing.assert_array_equal(values(file, x=x), values(inside, x=x))
    for number, way in enumerate(candidates(recipe(), "cpu", "auto")[1:]):
        make(way, file, tmp_path / f"{number}.onnx")
        assert values(tmp_path / f"{number}.onnx", x=x).shape == (3, 128)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"location": "../model.onnx.data"}, "not a file beside it"),
        ({"location": "/etc/passwd"}, "not a file beside it"),
        ({"location": "missing.data"}, "not a file beside it"),
        ({"offset": "999999999"}, "does not hold"),
        ({"offset": "-8"}, "does not hold"),
        ({"length": "12"}, "does not hold"),
        ({"offset": "x"}, "does not say where"),
    ],
)
def test_constants_that_lead_elsewhere(tmp_path: Path, change: dict[str, str], said: str) -> None:
    file = outside(tmp_path, dense())
    stored = onnx.load(str(file), load_external_data=False)
    for entry in stored.graph.initializer[0].external_data:
        entry.value = change.get(entry.key, entry.value)
    file.write_bytes(stored.SerializeToString())
    with pytest.raises(GraphError, match=said):
        constants.data_files(file)
    with pytest.raises(GraphError, match=said):
        constants.open_graph(file)


def test_a_convolution_has_nothing_to_round_in_blocks(tmp_path: Path) -> None:
    file = save(tmp_path / "model.onnx", convolution())
    for candidate in candidates(recipe(), "cpu", "int8")[1:]:
        with pytest.raises(PrecisionError, match="there is no MatMul with constant weights"):
            make(candidate, file, tmp_path / "q.onnx")


def test_dynamic_rounding_stands_operators_that_shape_inference_does_not_know(tmp_path: Path) -> None:
    source = model(
        [
            helper.make_node("MatMul", ["x", "w"], ["a"]),
            helper.make_node("QuickGelu", ["a"], ["b"], domain="com.microsoft"),
            helper.make_node("MatMul", ["b", "w"], ["y"]),
        ],
        [numpy_helper.from_array(np.eye(64, dtype=np.float32), "w")],
        inputs={"x": ("batch", 64)},
        outputs={"y": ("batch", 64)},
        domains=("com.microsoft",),
    )
    file = save(tmp_path / "model.onnx", source)
    dynamic = next(row for row in candidates(recipe(), "cpu", "int8") if row.method == "dynamic")
    make(dynamic, file, tmp_path / "q.onnx")
    x = np.random.default_rng(1).standard_normal((3, 64)).astype(np.float32)
    assert np.abs(values(tmp_path / "q.onnx", x=x) - values(file, x=x)).max() < 0.1
