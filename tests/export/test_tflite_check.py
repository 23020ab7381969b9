from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_spec import SIZE, spec
from tiny_tflite import TinyModel

from export.errors import AtolError, GraphError, NamesError, ShapeError
from export.tflite.check import check, check_graph, probes
from export.tflite.convert import convert

IMAGE = (1, SIZE, SIZE, 3)
SPEC = spec(("out", IMAGE))


def scale_by(factors: list[float]) -> bytes:
    model = TinyModel()
    source, result = model.tensor("in", IMAGE), model.tensor("out", IMAGE)
    model.add("MUL", [source, model.constant(factors)], [result], table="MulOptions")
    return model.bytes([source], [result])


SOURCE = scale_by([1.0, 2.0, 3.0])


def converted() -> onnx.ModelProto:
    return onnx.load_model_from_string(convert(SPEC, SOURCE))


def test_a_faithful_conversion_passes() -> None:
    assert check(SPEC, SOURCE, converted().SerializeToString())["o0"] < 1e-6


def test_one_weight_that_is_slightly_off_is_caught() -> None:
    with pytest.raises(AtolError, match="o0 differs"):
        check(SPEC, SOURCE, convert(SPEC, scale_by([1.0, 2.001, 3.0])))


def test_nan_is_caught() -> None:
    with pytest.raises(AtolError):
        check(SPEC, SOURCE, convert(SPEC, scale_by([1.0, float("nan"), 3.0])))


def test_names_come_before_shapes_before_values() -> None:
    model = converted().SerializeToString()
    renamed = replace(
        SPEC, graphs=(replace(SPEC.graphs[0], outputs=spec(("a", IMAGE), ("b", IMAGE)).graphs[0].outputs[1:]),)
    )
    with pytest.raises(NamesError):
        check(renamed, SOURCE, model)
    with pytest.raises(ShapeError):
        check(spec(("out", (1, 192))), SOURCE, model)


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../outside.bin")


def constant_outside(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32))
    tensor.external_data.add(key="location", value="weights.bin")
    model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))


def custom_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.example"


def imported_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def function(model: onnx.ModelProto) -> None:
    model.functions.add(name="F", domain="")


def subgraph(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["unused"], then_branch=body, else_branch=body))


@pytest.mark.parametrize("spoil", [external, constant_outside, custom_domain, imported_domain, function, subgraph])
def test_a_graph_that_is_not_self_contained_is_refused(spoil: object) -> None:
    assert callable(spoil)
    model = converted()
    check_graph(model)
    spoil(model)
    with pytest.raises(GraphError):
        check_graph(model)


def test_probes_are_the_same_each_time_and_fill_the_range() -> None:
    first, second = list(probes(SPEC)), list(probes(SPEC))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(probe.shape == IMAGE and probe.dtype == np.float32 for probe in first)
    assert min(probe.min() for probe in first) == -1.0 and max(probe.max() for probe in first) > 0.9


def test_the_command_line_refuses_other_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from export.__main__ import main

    (tmp_path / "iris").mkdir()
    (tmp_path / "iris" / "model.tflite").write_bytes(SOURCE)
    assert main(["vision", "--sources", str(tmp_path), "--into", str(tmp_path / "packs"), "--only", "iris"]) == 1
    event = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (event["event"], event["pack"]) == ("failed", "iris")
    assert not (tmp_path / "packs").exists()
