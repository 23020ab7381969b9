"""From a traced module to a file under the recipe's names: free sizes stay free, constants stay with their graph."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tiny_sources import Sources

from export.errors import GraphError, NamesError, ShapeError
from export.recipe import GraphSpec, Tensor
from export.routes import optimum, torch_onnx
from export.routes.components import Component
from export.routes.conform import conform
from export.routes.example import feeds
from export.routes.tracing import Size, kept_sizes
from export.tiny import table


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.getbasetemp() / "small-models")


class Resizer(torch.nn.Module):
    """Turns a size into a number of Python's, as model code does."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[2:]
        sides = (int(height // 2 * 3), int(width * 2))  # type: ignore[call-overload]
        return torch.nn.functional.interpolate(image, sides, mode="bilinear")


IMAGE = GraphSpec(
    name="model",
    component="model",
    inputs=(Tensor("image", "float32", ("batch", 1, "height", "width")),),
    outputs=(Tensor("larger", "float32", ("batch", 1, "rows", "columns")),),
    vary=({"batch": 1, "height": 4, "width": 6}, {"batch": 2, "height": 8, "width": 10}),
)


def answers(file: Path, *shape: int) -> tuple[int, ...]:
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": np.zeros(shape, np.float32)})
    return tuple(found.shape)


def test_sizes_stay_free_through_a_call_of_int(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch_onnx.export_component(Component(Resizer(), IMAGE, {}), IMAGE, {}, tmp_path / "fixed.onnx")
    assert answers(tmp_path / "fixed.onnx", 1, 1, 4, 6) == (1, 1, 12, 20)  # of the trace, whatever goes in
    monkeypatch.setattr("export.routes.tracing._LIBRARIES", (__name__.split(".")[0],))
    torch_onnx.export_component(Component(Resizer(), IMAGE, {}), IMAGE, {}, tmp_path / "free.onnx")
    assert answers(tmp_path / "free.onnx", 1, 1, 4, 6) == (1, 1, 6, 12)
    assert "int" not in globals()


def test_size_is_int_for_everything_but_a_tensor() -> None:
    assert Size("12", 3) == 5
    assert Size(2.7) == 2
    assert isinstance(3, Size) and not isinstance("3", Size)
    assert issubclass(bool, Size)
    tensor = torch.tensor(4)
    assert Size(tensor) is tensor


def test_the_libraries_get_their_int_back_after_an_error() -> None:
    import transformers.models.bert.modeling_bert as modeling

    model = modeling.BertModel(
        modeling.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)
    )
    with pytest.raises(ZeroDivisionError), kept_sizes(model):
        assert vars(modeling)["int"] is Size
        raise ZeroDivisionError
    assert "int" not in vars(modeling)


@pytest.mark.full
def test_the_newer_exporter_keeps_free_axes_too(tmp_path: Path, sources: Sources) -> None:
    recipe, _ = sources("tiny-decoder-sd")
    graph = dataclasses.replace(recipe.graphs[0], dynamo=True)
    (row,) = table.check(dataclasses.replace(recipe, graphs=(graph,)), tmp_path)
    assert row.passed, table.line(row)
    model = onnx.load(str(tmp_path / "onnx" / "model.onnx"))
    assert [opset.version for opset in model.opset_import if opset.domain == ""] == [18]


def test_what_the_exporter_cannot_do_is_a_sentence(tmp_path: Path) -> None:
    class Refuses(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no such form")

    with pytest.raises(GraphError, match="PyTorch cannot export model: no such form"):
        torch_onnx.export_component(Component(Refuses(), IMAGE, {}), IMAGE, {}, tmp_path / "model.onnx")


def scaler(*, outside: bool, folder: Path) -> Path:
    weight = numpy_helper.from_array(np.arange(300, dtype=np.float32), "weight")
    spare = numpy_helper.from_array(np.zeros(400, np.float32), "spare")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "weight"], ["y"]), helper.make_node("Mul", ["x", "spare"], ["z"])],
        "exported",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "300"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "z")],
        [weight, spare],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "exported.onnx"
    onnx.save(model, str(path), save_as_external_data=outside, location="exported.onnx_data", size_threshold=0)
    return path


SCALER = GraphSpec(
    name="scaler",
    component="model",
    inputs=(Tensor("value", "float32", ("batch", 300), source="x"),),
    outputs=(Tensor("scaled", "float32", ("batch", 300), source="y"),),
)


@pytest.mark.parametrize("outside", [False, True])
def test_a_file_gets_the_recipes_names_and_keeps_its_constants(tmp_path: Path, outside: bool) -> None:
    (tmp_path / "made").mkdir()
    file = conform(scaler(outside=outside, folder=tmp_path), SCALER, tmp_path / "made")
    assert sorted(path.name for path in file.parent.iterdir()) == ["scaler.onnx", *["scaler.onnx.data"] * outside]
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert [(value.name, value.shape) for value in session.get_inputs()] == [("value", ["batch", 300])]
    assert [(value.name, value.shape) for value in session.get_outputs()] == [("scaled", ["batch", 300])]
    value = np.full((2, 300), 2, np.float32)
    np.testing.assert_array_equal(session.run(None, {"value": value})[0][1], 2 * np.arange(300, dtype=np.float32))
    assert [tensor.name for tensor in onnx.load(str(file), load_external_data=False).graph.initializer] == ["weight"]


def test_constants_elsewhere_than_beside_the_graph_are_refused(tmp_path: Path) -> None:
    path = scaler(outside=True, folder=tmp_path)
    model = onnx.load(str(path), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../exported.onnx_data"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(GraphError, match="spread its constants"):
        conform(path, SCALER, tmp_path)


def test_another_name_or_type_than_the_recipes_is_refused(tmp_path: Path) -> None:
    path = scaler(outside=False, folder=tmp_path)
    other = Tensor("value", "float32", ("batch", 300), source="other")
    with pytest.raises(NamesError, match="no input other"):
        conform(path, dataclasses.replace(SCALER, inputs=(other,)), tmp_path)
    integer = Tensor("value", "int64", ("batch", 300), source="x")
    with pytest.raises(ShapeError, match="value is not int64"):
        conform(path, dataclasses.replace(SCALER, inputs=(integer,)), tmp_path)


def test_a_large_export_of_optimum_keeps_its_constants_in_one_file(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_ONNX_EXTERNAL_DATA", "1")  # what it does by itself above 2 GB
    recipe, source = sources("smollm2-chat")
    with table.quiet():
        files = optimum.convert(recipe, source, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert (tmp_path / "model.onnx.data").stat().st_size > 50_000
    session = ort.InferenceSession(str(files["model"]), providers=["CPUExecutionProvider"])
    assert "present.2.value" in {value.name for value in session.get_outputs()}


def test_examples_are_what_the_recipe_says_of_each_input() -> None:
    graph = GraphSpec(
        name="model",
        component="model",
        inputs=(
            Tensor("ids", "int64", ("batch", "sequence")),
            Tensor("mask", "int64", ("batch", "sequence"), values="mask"),
            Tensor("places", "int64", ("batch", "sequence"), values="positions"),
            Tensor("time", "float32", (), values="timestep"),
            Tensor("kind", "int32", ("batch",), below=2),
            Tensor("share", "float32", ("batch", 50), values="unit"),
            Tensor("noise", "float32", ("batch", 500)),
        ),
        outputs=(),
    )
    sizes = {"batch": 3, "sequence": 4, "past": 5}
    given = feeds(graph, {"vocabulary": 9}, sizes, seed=2)
    assert given["ids"].dtype == np.int64 and given["ids"].min() >= 0 and given["ids"].max() < 9
    assert given["mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]
    assert given["places"].tolist() == [[5, 6, 7, 8]] * 3
    assert given["time"].shape == () and 0 <= float(given["time"]) < 1000
    assert set(given["kind"].tolist()) <= {0, 1} and given["kind"].dtype == np.int32
    assert given["share"].min() >= 0 and given["share"].max() <= 1
    assert abs(given["noise"].mean()) < 0.2 and 0.8 < given["noise"].std() < 1.2
    again = feeds(graph, {"vocabulary": 9}, sizes, seed=2)
    assert all(np.array_equal(given[name], again[name]) for name in given)
    assert not np.array_equal(given["noise"], feeds(graph, {"vocabulary": 9}, sizes, seed=3)["noise"])
