"""The text benchmark on a model so small that it takes a second: every way says the same tokens."""

from __future__ import annotations

import argparse
import importlib.util

from benchmarks import text
from benchmarks.text_ways import GENAI, PLAIN, RUNNER


def test_every_way_says_the_same_tokens_and_is_measured() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--packs")
    text.add_options(parser)
    sizes = ["--layers", "2", "--hidden", "128", "--vocabulary", "300", "--prompt", "150", "--tokens", "12"]
    report = text.run(parser.parse_args([*sizes, "--rounds", "2"]))
    ways = [PLAIN, RUNNER, *([GENAI] if importlib.util.find_spec("onnxruntime_genai") else [])]
    assert [row.name for row in report.rows] == [*ways, text.REUSED, text.FRESH]
    assert all(row.summary.count == 22 for row in report.rows[: len(ways)])
    equal = [check for check in report.checks if check.comparison == "=="]
    assert len(equal) == len(ways) - 1 and all(check.held and check.target == 12 for check in equal)
    assert report.values["second turn, all anew / reused"] > 1.0
    if GENAI not in ways:
        assert any("not installed" in warning for warning in report.warnings)
