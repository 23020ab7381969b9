"""Texts of a source folder, each of bounded size: JSON, tokenizers, chat templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import SourceError

MAX_TOKENIZER_BYTES = 64 << 20
MAX_TEXT_BYTES = 8 << 20


def tokenizer(folder: Path) -> bytes:
    """`tokenizer.json` of a folder, or what the library makes of older files. Raises `SourceError`."""
    path = folder / "tokenizer.json"
    if path.is_file():
        return file_bytes(path, MAX_TOKENIZER_BYTES)
    import transformers

    library: Any = transformers
    try:
        fast = library.AutoTokenizer.from_pretrained(
            folder, use_fast=True, local_files_only=True, trust_remote_code=False
        )
        made: str = fast.backend_tokenizer.to_str()
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise SourceError(
            f"{folder.name} has no tokenizer.json, and none can be made of what it has: {error}"
        ) from error
    return made.encode()


def chat_template(source: Path) -> str | None:
    """The source's own Jinja template, from its file or from the tokenizer's configuration."""
    path = source / "chat_template.jinja"
    if path.is_file():
        return file_bytes(path, MAX_TEXT_BYTES).decode()
    found = json_object(source / "tokenizer_config.json").get("chat_template")
    return found if isinstance(found, str) else None


def json_object(path: Path) -> dict[str, Any]:
    """A JSON object, empty where there is no file. Raises `SourceError`."""
    return required_json(path) if path.is_file() else {}


def required_json(path: Path, limit: int = MAX_TEXT_BYTES) -> dict[str, Any]:
    """The JSON object in a file of at most `limit` bytes. Raises `SourceError`."""
    try:
        value = json.loads(file_bytes(path, limit))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SourceError(f"{path.name} is not a JSON object.")
    return value


def file_bytes(path: Path, limit: int = MAX_TEXT_BYTES) -> bytes:
    """A file of at most `limit` bytes. Raises `SourceError`."""
    if not path.is_file():
        raise SourceError(f"{path.name} is missing in the source folder.")
    if path.stat().st_size > limit:
        raise SourceError(f"{path.name} is larger than {limit >> 20} MiB.")
    return path.read_bytes()
