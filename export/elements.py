"""ONNX's numbers for the element types that a manifest can name: the engine's own table, the other way round."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.engine.graph_check import ELEMENTS

ELEMENT: Mapping[str, int] = {name: number for number, name in ELEMENTS.items()}
