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


class CosineError(ExportError):
    """A converted model points another way than its source: the cosine similarity is below its gate."""


class AgreementError(ExportError):
    """A converted model chooses other tokens or classes than its source more often than its gate allows."""


class CacheError(ExportError):
    """A decoder answers differently with its cache than without it."""


class GreedyError(ExportError):
    """A decoder continues a text with other tokens than its source."""


class UnknownRecipe(ExportError):
    """There is no recipe of that name."""


class UnknownArchitecture(ExportError):
    """The source is a model of another architecture than its recipe, or of one that no recipe has."""


class PickleRefused(SourceError):
    """A source file is a pickle, or holds one: reading it could run any program."""


class LicenceRefused(ExportError):
    """The licence restricts the use of the model, and the person has not accepted it by name."""


class HubError(ExportError):
    """The model hub cannot be reached, or does not give the files."""


class DiskFull(ExportError):
    """The disk has no room for the next step; what is done is kept."""


class PrecisionError(ExportError):
    """The asked-for precision cannot be made for this model, or none passed its gate."""
