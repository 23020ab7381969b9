"""Errors that may reach a peer: each class owns its wire code and one plain sentence."""

from __future__ import annotations

from typing import ClassVar


class VitrineError(Exception):
    """Base of all errors that a call can end in.

    `str(error)` is the `msg` of a `fail`: one plain sentence that says what to do, free of paths and traces.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, retry_ms: int | None = None) -> None:
        super().__init__(message)
        self.retry_ms = retry_ms


class BadRequest(VitrineError):
    """The peer sent something that the contract does not allow."""

    code = "bad_request"


class Unauthorized(VitrineError):
    """The peer's ticket does not cover this op."""

    code = "unauthorized"


class UnknownOp(VitrineError):
    """No op of that name exists in this version."""

    code = "unknown_op"


class NotFound(VitrineError):
    """A named thing (product, model, pack) is not here."""

    code = "not_found"


class ModelLoading(VitrineError):
    """The model that the call needs is not warm yet."""

    code = "model_loading"


class Deadline(VitrineError):
    """The call's budget ran out before any compute was spent on it."""

    code = "deadline"


class Superseded(VitrineError):
    """A newer call with the same key took this one's place."""

    code = "superseded"


class Cancelled(VitrineError):
    """The peer cancelled the call."""

    code = "cancelled"


class Overloaded(VitrineError):
    """A queue is full; `retry_ms` says when to try again."""

    code = "overloaded"


class TooLarge(VitrineError):
    """A picture, a message or a result is over a limit."""

    code = "too_large"


class UnsafeContent(VitrineError):
    """The content filter refused the input or the result."""

    code = "unsafe_content"


class Unavailable(VitrineError):
    """The worker or the connection that held the call is gone."""

    code = "unavailable"


class Internal(VitrineError):
    """A fault of ours; details are in the log only."""

    code = "internal"


BY_CODE: dict[str, type[VitrineError]] = {
    cls.code: cls
    for cls in (
        BadRequest,
        Unauthorized,
        UnknownOp,
        NotFound,
        ModelLoading,
        Deadline,
        Superseded,
        Cancelled,
        Overloaded,
        TooLarge,
        UnsafeContent,
        Unavailable,
        Internal,
    )
}


def from_wire(code: str, message: str, retry_ms: int | None = None) -> VitrineError:
    """Turns a `fail` into the error class that owns its code; an unknown code becomes `Internal`."""
    return BY_CODE.get(code, Internal)(message, retry_ms=retry_ms)
