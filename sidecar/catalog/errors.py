"""What can go wrong with a catalogue: one plain sentence each, which says what to do."""

from __future__ import annotations


class CatalogError(RuntimeError):
    """The catalogue, or a file that should go into it, cannot be used."""


class Outdated(CatalogError):
    """Somebody else changed the product meanwhile."""


class FieldError(ValueError):
    """A value that a record cannot take. `field` as the file names it, `reason` for a person."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
