"""`vitrine models try` for packs that take pictures: what they say of a file, or the picture that they make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from ..engine.model import Model
from ..engine.runner_specs import ImageStyle, Tensors, TextReading
from ..engine.runners.picture import PictureModel
from ..engine.runners.reading import Reader
from ..engine.runners.style import Styler
from ..errors import BadRequest
from ..ops import pictures
from ..wire.ops import Format, WireImage

MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 64_000_000
_Result = TypeVar("_Result")
_MAGIC: Mapping[bytes, Format] = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}


def try_tensors(model: Model, words: Sequence[str], console: Console) -> None:
    """`PICTURE...`: classes with their probabilities, or a file with what the mask keeps. Raises `VitrineError`."""
    spec = model.spec
    if not isinstance(spec, Tensors) or spec.preprocessing is None:
        raise BadRequest(f"{model.name} takes no pictures; it is a part of other commands.")
    _need(words, "vitrine models try NAME PICTURE [PICTURE...]")
    runner = PictureModel(spec, model.graphs["model"])
    table = Table("picture", *(spec.classes or ("result",)), *(["verdict"] if spec.certain else []), "ms")
    for word in words:
        picture = read(Path(word))
        if spec.classes:
            found, spent_ms = _timed(runner.classes, picture)
            scores = [f"{value:.3f}" for value in found.probabilities.values()]
            verdict = [found.verdict or "not sure"] if spec.certain else []
            table.add_row(word, *scores, *verdict, f"{spent_ms:.0f}")
        else:
            mask, spent_ms = _timed(runner.mask, picture)
            alpha = np.asarray(np.clip(mask * 255.0 + 0.5, 0.0, 255.0), np.uint8)
            table.add_row(word, _write(Path(word), model.name, np.dstack([picture, alpha])), f"{spent_ms:.0f}")
    console.print(table)


def try_reading(model: Model, words: Sequence[str], console: Console) -> None:
    """`PICTURE...`: the lines of text in each. Raises `VitrineError`."""
    assert isinstance(model.spec, TextReading)
    _need(words, "vitrine models try NAME PICTURE [PICTURE...]")
    files = {model.spec.characters: model.file(model.spec.characters)}
    runner = Reader(model.spec, files, model.graphs)
    for word in words:
        picture = read(Path(word))
        lines, spent_ms = _timed(runner.read, picture)
        table = Table("text", "score", "begins at", title=f"{word}: {len(lines)} lines, {spent_ms:.0f} ms")
        for line in lines:
            table.add_row(line.text, f"{line.score:.2f}", f"{line.corners[0][0]:.0f}, {line.corners[0][1]:.0f}")
        console.print(table)


def try_style(model: Model, words: Sequence[str], console: Console) -> None:
    """`PICTURE STYLE`: a file with the picture in the style of another one, or of a number. Raises `VitrineError`."""
    spec = model.spec
    assert isinstance(spec, ImageStyle)
    last = f" or a number from 0 to {spec.preset_count - 1}" if spec.preset_count else ""
    if len(words) != 2:
        raise BadRequest(f"Say: vitrine models try {model.name} PICTURE STYLE, where STYLE is another picture{last}.")
    picture, runner = read(Path(words[0])), Styler(spec, model.graphs)
    if words[1].isdecimal() and not Path(words[1]).exists():
        number = int(words[1])
        styled, spent_ms = _timed(lambda: runner.apply_preset(picture, {number: 1.0}))
    else:
        style = read(Path(words[1]))
        styled, spent_ms = _timed(lambda: runner.apply(picture, runner.vector(style)))
    written = _write(Path(words[0]), f"styled-{Path(words[1]).stem}", styled)
    console.print(f"{written}: {styled.shape[1]}x{styled.shape[0]} in {spent_ms:.0f} ms", soft_wrap=True)


def read(path: Path) -> pictures.Pixels:
    """A PNG, JPEG or WebP file as uint8 [height, width, 3], RGB, upright. Raises `BadRequest` or `TooLarge`."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadRequest(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB.")
        data = path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read ({error.strerror}).") from error
    form = next((form for magic, form in _MAGIC.items() if data.startswith(magic)), None)
    if form is None:
        raise BadRequest(f"{path} is not a PNG, JPEG or WebP picture.")
    image = WireImage(f=form, w=0, h=0, d=data)
    return pictures.to_rgb(pictures.read(image, lambda: memoryview(data), max_px=MAX_PIXELS))


def _write(source: Path, suffix: str, picture: pictures.Pixels) -> str:
    """Writes a PNG into the current folder, over an older one; returns its name."""
    target = Path(f"{source.stem}.{suffix}.png")
    try:
        target.write_bytes(pictures.encode(picture, "png"))
    except OSError as error:
        raise BadRequest(f"{target} cannot be written ({error.strerror}).") from error
    return str(target)


def _timed(run: Callable[..., _Result], *words: object) -> tuple[_Result, float]:
    """What a run gives, and its milliseconds. A picture that a runner refuses is the person's to change."""
    start = time.perf_counter()
    try:
        result = run(*words)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    return result, 1000 * (time.perf_counter() - start)


def _need(words: Sequence[str], usage: str) -> None:
    if not words:
        raise BadRequest(f"Say which: {usage}")
