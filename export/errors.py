"""What can go wrong while a model is made; each message is one plain sentence for the person at the terminal."""

from __future__ import annotations


class ExportError(Exception):
    """Base of all errors of this package."""


class SourceError(ExportError):
    """A source file is missing, damaged or not what its recipe names."""


class UnsupportedOp(ExportError):
    """The source graph uses an operator, or a form of one, that the converter does not know."""


class NamesError(ExportError):
    """A converted model has other inputs or outputs than its recipe."""


class ShapeError(ExportError):
    """A converted model has a tensor of another shape or type than its recipe."""


class GraphError(ExportError):
    """A converted model is not self-contained or uses operators outside the allowed domains."""


class AtolError(ExportError):
    """A converted model differs from its source by more than its gate allows."""
