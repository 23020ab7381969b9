"""Settings of a server, as the command line gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .engine.policy import Mode

DEFAULT_PORT = 48710
PROVIDERS = ("cuda", "directml", "cpu")


@dataclass(frozen=True)
class ServeConfig:
    """How to serve. `port` 0 picks a free one; `providers` are tried in a manifest's order, these only.

    `memory_mb`, `vram_mb`: MiB that the gateway and its workers may hold together, None for no budget; `pins`: models
    that are loaded at start and stay.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    run_dir: Path | None = None
    packs: Path | None = None
    providers: tuple[str, ...] = PROVIDERS
    threads: int = 1
    warm: bool = True
    parent_pid: int | None = None
    allow_hosts: frozenset[str] = field(default_factory=frozenset)
    allow_origins: frozenset[str] = field(default_factory=frozenset)
    log_level: str = "INFO"
    log_format: str = "text"
    mode: Mode = "balance"
    memory_mb: int | None = None
    vram_mb: int | None = None
    pins: tuple[str, ...] = ()
