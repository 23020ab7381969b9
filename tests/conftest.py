"""What several test folders share: the installed models, and sidecars that really run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


class _Loaded(dict[str, Any]):
    """Models by name, loaded when a test first asks for one."""

    def __init__(self) -> None:
        super().__init__()
        from sidecar.engine.registry import Registry
        from sidecar.engine.runtime import Runtime

        self._runtime = Runtime(Registry(), providers=["cpu"], threads=1)

    def __missing__(self, name: str) -> Any:
        self[name] = model = self._runtime.load(name)
        return model


@pytest.fixture(scope="session")
def vision_models() -> dict[str, Any]:
    """Name -> callable (input tensor -> outputs by name) of the installed packs; an absent one names its command."""
    return _Loaded()


@pytest.fixture
def start_sidecar(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts sidecars of this test alone (options as on the command line); all are stopped after it."""
    from integration.running import Sidecar

    started: list[Sidecar] = []

    def start(*options: str, run_dir: Path | None = None, env: dict[str, str] | None = None) -> Sidecar:
        folder = run_dir or tmp_path / f"run-{len(started)}"
        started.append(Sidecar(folder, *options, env=env))
        return started[-1]

    yield start
    for sidecar in started:
        if sidecar.process.poll() is None:
            sidecar.stop()


@pytest.fixture(scope="session")
def shared_sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One warm sidecar for every test that leaves it as it was."""
    from integration.running import Sidecar

    sidecar = Sidecar(tmp_path_factory.mktemp("run")).ready()
    yield sidecar
    sidecar.stop()
