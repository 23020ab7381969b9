"""`vitrine doctor`: what is installed, which provider a model really runs on, and what to mend."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import __version__
from .engine import flavours
from .engine.registry import Registry


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `doctor` to the command line."""
    parser = commands.add_parser(
        "doctor",
        help="check this machine and say what to mend",
        description="Checks this machine. Exit code 0: Vitrine can serve; 1: it cannot, and the mend is printed.",
    )
    parser.add_argument("--packs", type=Path, help="folder of the model packs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the verdict; 0 is healthy."""
    verdict = examine(Registry(arguments.packs))
    if arguments.json:
        print(json.dumps(verdict))
    else:
        _show(verdict)
    return 1 if verdict["problems"] else 0


def examine(registry: Registry) -> dict[str, Any]:
    """`{version, python, onnxruntime, provider, models, run, disk_free_bytes, problems[{what, mend}]}`."""
    problems: list[dict[str, str]] = []
    found = flavours.installed()
    try:
        flavours.check(found)
    except flavours.WrongFlavours as error:
        problems.append({"what": str(error), "mend": str(error).rpartition("Run: ")[2]})
    models = registry.listing()
    problems += [
        {"what": f"model {row['name']} is {row['state']}", "mend": f"vitrine models install {row['name']}"}
        for row in models
        if row["state"] != "installed"
    ]
    runs: dict[str, str] = {}
    if len(found) == 1:
        runs = _really_run(registry, [row["name"] for row in models if row["state"] == "installed"], problems)
    root = next(folder for folder in (registry.root, *registry.root.parents) if folder.exists())
    return {
        "version": __version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "onnxruntime": found,
        "providers": sorted(set(runs.values())),
        "models": [row | {"provider": runs.get(row["name"], "")} for row in models],
        "run": _server(),
        "disk_free_bytes": shutil.disk_usage(root).free,
        "problems": problems,
    }


def _really_run(registry: Registry, names: list[str], problems: list[dict[str, str]]) -> dict[str, str]:
    """Loads the smallest installed model: only a session that exists tells which provider runs."""
    from .config import PROVIDERS
    from .engine.runtime import Runtime
    from .errors import VitrineError

    sizes = {row["name"]: row["bytes"] for row in registry.listing()}
    runtime = Runtime(registry, providers=list(PROVIDERS), threads=1)
    for name in sorted(names, key=lambda name: sizes[name])[:1]:
        try:
            runtime.load(name)
        except VitrineError as error:
            problems.append({"what": str(error), "mend": f"vitrine models install {name}"})
    return {state.name: state.provider for state in runtime.states() if state.state == "ready"}


def _server() -> str:
    from .server import discovery

    live = discovery.live_server(discovery.run_file())
    return f"running, pid {live.pid}, port {live.port}" if live is not None else "not running"


def _show(verdict: dict[str, Any]) -> None:
    console = Console()
    flavour = ", ".join(f"{name} {version}" for name, version in verdict["onnxruntime"].items()) or "none"
    console.print(f"[bold]Vitrine {verdict['version']}[/bold]  Python {verdict['python']}")
    console.print(f"ONNX Runtime: {flavour}   really runs on: {', '.join(verdict['providers']) or 'nothing yet'}")
    console.print(f"Server: {verdict['run']}   Free disk: {verdict['disk_free_bytes'] / 1e9:.1f} GB")
    table = Table("model", "state", "size", "licence")
    for row in verdict["models"]:
        table.add_row(row["name"], row["state"], f"{row['bytes'] / 1e6:.1f} MB", row["licence"])
    console.print(table)
    for problem in verdict["problems"]:
        console.print(f"[red]✗[/red] {problem['what']}\n  mend: [bold]{problem['mend']}[/bold]", soft_wrap=True)
    if not verdict["problems"]:
        console.print("[green]✓[/green] Everything that Vitrine needs is here.")


