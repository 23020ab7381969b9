"""`vitrine models try` on pictures, over networks of numpy: what is printed, what is written, what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from sidecar.engine.runner_specs import ImageStyle, Preprocessing, Tensors, TextReading
from sidecar.errors import BadRequest, VitrineError
from sidecar.models_try.pictures import MAX_FILE_BYTES, read, try_reading, try_style, try_tensors

INPUT = Preprocessing(colour="rgb", low=0.0, high=1.0, layout="nchw", width=32, height=32, fit="stretch")
SAFETY = Tensors(preprocessing=INPUT, classes=("safe", "unsafe"), certain=(0.2, 0.8))
STYLE = ImageStyle(style=INPUT, content=INPUT, preset=INPUT, preset_count=2)
READING = TextReading(characters="letters.txt", detector=INPUT, recogniser=INPUT)


class Net:
    def __init__(self, run: Any, output: str) -> None:
        self._run, self._output = run, output
        self.inputs = (SimpleNamespace(name="image"),)
        self.outputs = (SimpleNamespace(name=output),)

    def __call__(self, feeds: dict[str, np.ndarray], outputs: object = None) -> dict[str, np.ndarray]:
        return {self._output: np.asarray(self._run(feeds), np.float32)}


def model(spec: object, **graphs: Net) -> Any:
    return SimpleNamespace(name="pack", spec=spec, graphs=graphs, file=lambda name: b"a\nb")


def run(command: Any, loaded: Any, *words: object) -> str:
    out = io.StringIO()
    command(loaded, [str(word) for word in words], Console(file=out, width=200))
    return out.getvalue()


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 30:, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_classes_are_printed_with_a_verdict(photo: Path) -> None:
    bright = Net(lambda feeds: [[0.9, 0.1]], "probabilities")
    shown = run(try_tensors, model(SAFETY, model=bright), photo, photo)
    assert shown.count("0.900") == 2 and shown.count("│ safe") == 2
    unsure = Net(lambda feeds: [[0.5, 0.5]], "probabilities")
    assert "not sure" in run(try_tensors, model(SAFETY, model=unsure), photo)


def test_a_mask_becomes_a_cut_out_file(photo: Path) -> None:
    red = Net(lambda feeds: feeds["image"][:, :1], "mask")
    assert "photo.pack.png" in run(try_tensors, model(Tensors(preprocessing=INPUT), model=red), photo)
    made = np.asarray(Image.open("photo.pack.png"))
    assert made.shape == (40, 60, 4)
    assert made[20, 5, 3] == 0 and made[20, 55, 3] == 255
    np.testing.assert_array_equal(made[20, 55, :3], (255, 0, 0))


def test_a_style_is_a_number_or_a_picture(photo: Path) -> None:
    graphs = {
        "style": Net(lambda feeds: feeds["image"].mean(axis=(2, 3)), "style"),
        "transfer": Net(lambda feeds: 0 * feeds["image"] + feeds["style"][:, :, None, None], "picture"),
        "presets": Net(lambda feeds: 0 * feeds["image"] + feeds["weights"][1], "picture"),
    }
    loaded = model(STYLE, **graphs)
    assert "photo.styled-1.png: 60x40" in run(try_style, loaded, photo, 1)
    assert (np.asarray(Image.open("photo.styled-1.png")) == 255).all()
    Image.new("RGB", (40, 40), (0, 128, 0)).save("green.jpg")
    run(try_style, loaded, photo, "green.jpg")
    np.testing.assert_allclose(np.asarray(Image.open("photo.styled-green.png"))[0, 0], (0, 128, 0), atol=2)
    with pytest.raises(BadRequest, match="numbered 0 to 1"):
        run(try_style, loaded, photo, 7)


def test_an_unread_picture_has_no_lines(photo: Path) -> None:
    nothing = Net(lambda feeds: np.zeros((1, 1, 32, 32)), "probability")
    never = Net(lambda feeds: pytest.fail("there is nothing to read"), "probabilities")
    shown = run(try_reading, model(READING, detector=nothing, recogniser=never), photo)
    assert f"{photo.name}: 0 lines" in shown.replace("\n", "")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GIF89a" + bytes(40), "not a PNG, JPEG or WebP"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "damaged or cut short|not a png"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_picture_is_said_plainly(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(VitrineError, match=message):
        read(tmp_path / "x.png")


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "x.png").open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("was read"))
    with pytest.raises(BadRequest, match="larger than"):
        read(tmp_path / "x.png")


@pytest.mark.parametrize("command", [try_tensors, try_reading, try_style])
def test_without_a_picture_the_use_is_shown(command: Any) -> None:
    spec = {try_tensors: SAFETY, try_reading: READING, try_style: STYLE}[command]
    with pytest.raises(BadRequest, match="vitrine models try"):
        run(command, model(spec, model=Net(None, "x")))
    with pytest.raises(BadRequest, match="takes no pictures"):
        run(try_tensors, model(Tensors(), model=Net(None, "x")))
