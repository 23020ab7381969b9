"""The array types that try-on speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) sRGB, top row first."""
Rgba: TypeAlias = NDArray[np.uint8]
"""(H, W, 4) sRGB with straight alpha, top row first."""
Mask: TypeAlias = NDArray[np.uint8]
"""(H, W), 0 outside to 255 inside."""
Points: TypeAlias = NDArray[np.float64]
"""(N, 2) or (N, 3) in pixels: x right, y down from the top left corner; z away from the camera."""
Matrix: TypeAlias = NDArray[np.float64]
"""(2, 3) affine or (3, 3) projective map between pixel frames."""
Tensor: TypeAlias = NDArray[np.float32]
Infer: TypeAlias = Callable[[Tensor], dict[str, Tensor]]
"""A model: its one input tensor to its outputs by name."""
