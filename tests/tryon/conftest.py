"""The portrait, the frames made from it, and the landmarks that MediaPipe itself gives for it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@pytest.fixture(scope="session")
def portrait() -> Image:
    """(512, 512, 3) RGB, read-only."""
    data = (resources.files("sidecar.catalog") / "portrait" / "astronaut.png").read_bytes()
    image = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def variants(portrait: Image) -> dict[str, Image]:
    """The portrait under changes that are exact in any library, as in `mediapipe_reference.npz`."""
    shifted = np.pad(portrait, ((16, 0), (0, 24), (0, 0)), mode="edge")[:512, 24:]
    return {
        "plain": portrait,
        "mirrored": np.ascontiguousarray(portrait[:, ::-1]),
        "shifted": np.ascontiguousarray(shifted),
        "wide": np.ascontiguousarray(np.pad(portrait, ((0, 0), (88, 88), (0, 0)), mode="edge")),
    }


@pytest.fixture(scope="session")
def reference() -> dict[str, NDArray[np.float32]]:
    """Landmarks by MediaPipe 0.10.21 (its Python solutions, full pose model): `pose_*` and `face_*` of one picture,
    `track_*` and `facetrack_*` after five frames of it; pixels."""
    with np.load(Path(__file__).parent / "mediapipe_reference.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


Moved = Callable[..., Image]


@pytest.fixture(scope="session")
def moved(portrait: Image) -> Moved:
    """Frames of the portrait: scaled, turned, shifted, dimmed, noisy; 640x480 unless told."""

    def make(
        *,
        scale: float = 0.9375,
        turn_deg: float = 0.0,
        dx: float = 0.0,
        dy: float = 0.0,
        light: float = 1.0,
        noise: float = 0.0,
        seed: int = 0,
        size: tuple[int, int] = (640, 480),
    ) -> Image:
        matrix = _matrix(scale=scale, turn_deg=turn_deg, dx=dx, dy=dy, size=size)
        frame = cv2.warpAffine(portrait, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        values = frame.astype(np.float32) * light
        values += np.random.default_rng(seed).normal(0, noise, frame.shape) if noise else 0
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def back_to_portrait() -> Callable[..., NDArray[np.float64]]:
    """(2, 3) map of frame pixels to the portrait's, for the arguments of `moved`."""

    def make(**change: float) -> NDArray[np.float64]:
        full = np.vstack([_matrix(**change), [0, 0, 1]])  # type: ignore[arg-type]
        return np.asarray(np.linalg.inv(full)[:2])

    return make


def _matrix(
    *,
    scale: float = 0.9375,
    turn_deg: float = 0.0,
    dx: float = 0.0,
    dy: float = 0.0,
    size: tuple[int, int] = (640, 480),
) -> NDArray[np.float64]:
    """(2, 3) map of portrait pixels to frame pixels."""
    matrix = cv2.getRotationMatrix2D((256, 256), turn_deg, scale)
    matrix[:, 2] += (size[0] / 2 - 256 + dx, size[1] / 2 - 256 + dy)
    return matrix
