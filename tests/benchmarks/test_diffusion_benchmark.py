"""The diffusion benchmark: what it measures without a model, and that its parts add up."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from rich.console import Console

from benchmarks import diffusion, diffusion_model


def options(**changes: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **{"pack": None, "packs": None, "rounds": 2, "steps": 3, "side": 64, "threads": 1} | changes
    )


def test_without_a_model_the_runner_alone_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(diffusion_model, "missing", lambda: ["torch"])
    report = diffusion.run(options())
    assert len(report.rows) == 8
    assert all(row.floor and row.summary.count == 4 and row.summary.p50 > 0 for row in report.rows)
    assert any("without torch" in warning for warning in report.warnings)
    report.show(Console(width=120))
    assert "null denoiser, 512 px, lcm" in capsys.readouterr().out


def test_time_in_the_graph_is_not_counted_as_the_runners_own() -> None:
    runner, timed = diffusion._null_runner(512, "euler")
    fast = timed["denoiser"]._graph

    class Slow:
        inputs, outputs = fast.inputs, fast.outputs

        def __call__(self, feeds: Mapping[str, Any], names: Sequence[str] | None = None) -> dict[str, Any]:
            time.sleep(0.03)
            return fast(feeds, names)

    timed["denoiser"]._graph = Slow()
    found = diffusion._picture(runner, timed, 3)
    assert len(found[diffusion.STEP]) == 2
    assert min(found[diffusion.INSIDE]) >= 30
    for whole, inside, own in zip(
        *(found[name] for name in (diffusion.STEP, diffusion.INSIDE, diffusion.OWN)), strict=True
    ):
        assert whole == pytest.approx(inside + own)
        assert own < 20
    assert found["the whole picture"][0] >= 90
