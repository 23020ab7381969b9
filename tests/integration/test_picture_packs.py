"""The picture packs with their real weights: labels are read, a picture is styled, a portrait is safe.

The labels were drawn with Noto Sans CJK.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import ImageStyle, Tensors, TextReading
from sidecar.engine.runners.picture import PictureModel
from sidecar.engine.runners.reading import Reader
from sidecar.engine.runners.style import Styler
from sidecar.engine.runtime import Runtime
from sidecar.models_cli import ensure_installed
from sidecar.models_try.pictures import read

pytestmark = pytest.mark.full
ROOT = Path(__file__).parents[2]
PORTRAIT = ROOT / "sidecar" / "catalog" / "portrait" / "astronaut.png"
LABELS = {
    "label-zh": "品名：女式连衣裙 面料成分：棉95%氨纶5% 号型：165/88A "
    "洗涤方式：手洗不可漂白 执行标准：FZ/T81004 检验员：03合格品",
    "label-en": "100% COTTON MACHINE WASH COLD DO NOT BLEACH TUMBLE DRY LOW WARM IRON IF NEEDED "
    "MADE IN PORTUGAL SIZE M / EU 38",
    "price-zh": "夏季新款 特价¥299.00 原价¥599.00 会员再减20元",
}


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    assert ensure_installed("safety", "style", "read") == 0
    return Runtime(Registry(), providers=["cpu"], threads=2)


@pytest.fixture(scope="module")
def reader(runtime: Runtime) -> Reader:
    model = runtime.load("read-text")
    assert isinstance(model.spec, TextReading)
    return Reader(model.spec, {model.spec.characters: model.file(model.spec.characters)}, model.graphs)


def errors(found: str, wanted: str) -> int:
    """Edits between two texts, spaces and the width of punctuation aside."""
    a, b = (text.replace(" ", "").replace("￥", "¥").replace(":", "：") for text in (found, wanted))
    row = list(range(len(b) + 1))
    for index, left in enumerate(a, 1):
        above, row[0] = row[0], index
        for column, right in enumerate(b, 1):
            above, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, above + (left != right))
    return row[-1]


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("name", LABELS)
def test_a_label_is_read_however_it_lies(reader: Reader, name: str, turns: int) -> None:
    picture = read(Path(__file__).parent / "labels" / f"{name}.png")
    lines = reader.read(np.ascontiguousarray(np.rot90(picture, turns)))
    assert errors("".join(line.text for line in lines), LABELS[name]) <= 0.02 * len(LABELS[name])


def test_faint_noise_over_a_label_does_not_matter(reader: Reader) -> None:
    picture = read(Path(__file__).parent / "labels" / "label-zh.png").astype(float)
    faint = 140 + 0.2 * (picture - 140) + np.random.default_rng(1).normal(0, 5, picture.shape)
    lines = reader.read(np.clip(faint, 0, 255).astype(np.uint8))
    assert errors("".join(line.text for line in lines), LABELS["label-zh"]) <= 0.05 * len(LABELS["label-zh"])


def test_a_portrait_may_be_shown(runtime: Runtime) -> None:
    model = runtime.load("image-safety")
    assert isinstance(model.spec, Tensors)
    found = PictureModel(model.spec, model.graphs["model"]).classes(read(PORTRAIT))
    assert found.verdict == "safe" and found.probabilities["unsafe"] < 0.1


def test_styles_change_a_picture_as_much_as_they_are_asked_to(runtime: Runtime) -> None:
    model, portrait = runtime.load("style-transfer"), read(PORTRAIT)
    assert isinstance(model.spec, ImageStyle)
    styler = Styler(model.spec, model.graphs)
    waves = np.sin(np.mgrid[0:256, 0:256].sum(axis=0) / 6.0)[..., None] * [90.0, 20.0, -90.0] + 128.0
    vector = styler.vector(waves.astype(np.uint8))
    styled = [styler.apply(portrait, vector, strength=part).astype(float) for part in (0.0, 0.5, 1.0)]
    distances = [np.abs(picture - portrait).mean() for picture in styled]
    assert distances[0] < distances[1] < distances[2]
    presets = [styler.apply_preset(portrait[:251, :333], {number: 1.0}) for number in range(26)]
    assert all(picture.shape == (251, 333, 3) for picture in presets)
    assert len({picture.tobytes() for picture in presets}) == 26
