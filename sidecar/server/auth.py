"""Who may speak: the token of this run, compared without leaking where it differs."""

from __future__ import annotations

import hmac
import secrets


def new_token() -> str:
    """256 random bits, urlsafe."""
    return secrets.token_urlsafe(32)


def same(token: str, offered: str) -> bool:
    """Whether the offered token is ours, in time that does not depend on it."""
    return hmac.compare_digest(token.encode(), offered.encode("utf-8", "replace"))
