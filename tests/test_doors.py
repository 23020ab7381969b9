"""Which room may import which: read from the sources with `ast`, so that a lazy import counts as well."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("sidecar", "export", "benchmarks")
DOMAIN = {"tryon", "render", "shop", "speech", "gesture"}
# room of `sidecar` -> what it may import from other rooms.
DOORS: dict[str, set[str]] = {
    "errors": set(),
    "config": {"engine.policy"},
    "wire": {"errors"},
    "endpoint": {"errors"},
    "server": {"wire", "endpoint", "errors", "engine.scheduler", "engine.policy", "engine.governor"}
    | {"engine.memory", "engine.allocator", "trace"},
    "client": {"wire", "endpoint", "errors"},
    "catalog": {"errors"},
    "engine": {"errors"},
    "ops": DOMAIN | {"engine", "catalog", "wire", "errors"},
    "worker": {"ops", "engine", "wire", "errors", "trace", "logs"},
    "trace": set(),
    "logs": set(),
    # It stands where a worker stands: told by the gateway's workers, answering with pictures of the wire, no models.
    "replay": {"server.workers", "ops.context", "ops.pictures", "ops.server", "engine.state", "trace.spans", "wire"}
    | {"errors"},
} | {room: {"engine", "catalog", "errors"} for room in DOMAIN}
# These put the rooms together; no room may import them.
FRONT = {"__main__", "cli", "serve", "doctor", "demo", "bars", "models_cli", "replay_cli", "dashboard_cli", "trace_cli"}
FRONT |= {"export_cli", "catalog_cli", "catalog_commands", "models_try"}
TRAINING = {"torch", "transformers", "diffusers", "tensorflow", "optimum", "onnxscript"}
UNSAFE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "pty", "commands"}


def sources(package: str) -> Iterator[Path]:
    return (ROOT / package).rglob("*.py")


ALL = [path for package in PACKAGES for path in sources(package)]
SIDECAR = list(sources("sidecar"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Absolute names of everything that the file imports, anywhere in it: modules, and names from them."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module.split(".") if node.module else [])])
            found |= {f"{origin}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def within(name: str, allowed: set[str]) -> bool:
    """Whether `sidecar.<...>` lies in one of the allowed rooms or modules."""
    rest = name.removeprefix("sidecar.")
    return any(rest == door or rest.startswith(door + ".") for door in allowed)


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SIDECAR, ids=label)
def test_sidecar_keeps_to_its_doors(path: Path) -> None:
    here = room(module_name(path))
    if here in FRONT or here == "":
        return
    assert here in DOORS, f"{label(path)} stands in no room: add one to DOORS"
    wrong = {
        name
        for name in imports(path)
        if name.startswith("sidecar.") and room(name) not in (here, "__version__") and not within(name, DOORS[here])
    }
    assert not wrong, f"{label(path)} may not import {sorted(wrong)}"


@pytest.mark.parametrize("path", SIDECAR, ids=label)
def test_sidecar_imports_neither_the_other_packages_nor_training_libraries(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & (TRAINING | {"export", "benchmarks", "tests"})


@pytest.mark.parametrize("path", list(sources("export")), ids=label)
def test_export_knows_manifests_and_the_catalogue_only(path: Path) -> None:
    allowed = {"engine.manifest", "engine.runner_specs", "engine.runners", "engine.graph_check", "catalog"}
    wrong = {name for name in imports(path) if name.split(".")[0] == "sidecar" and not within(name, allowed)}
    assert not wrong


@pytest.mark.parametrize("path", list(sources("benchmarks")), ids=label)
def test_benchmarks_measure_through_the_client(path: Path) -> None:
    """They may start a sidecar as the demo does, build null targets from the wire, and name the packs they ran on; what
    they measure they reach through the client only."""
    allowed = {"client", "endpoint", "errors", "__version__", "demo", "wire", "engine.registry"}
    if "quality" in path.parts or path.stem == "quality":
        allowed.add("tryon")
    if path.stem.split("_")[0] in ("diffusion", "text"):  # a runner beside its own graphs: no op answers with it yet
        allowed |= {"engine.graph", "engine.manifest", "engine.runner_specs", "engine.runners", "engine.runtime"}
    if path.parent.name == "device":  # a card's own figures: sessions and providers, which no op shows
        allowed |= {"engine"}
    if path.parent.name == "peers":  # other servers serve the very same session, so that only the serving differs
        allowed |= {"tryon", "engine.runtime"}
    wrong = {name for name in imports(path) if name.split(".")[0] == "sidecar" and not within(name, allowed)}
    assert not wrong


@pytest.mark.parametrize(
    ("library", "owner"),
    [
        ("websockets.server", "sidecar/server/connection.py"),
        ("websockets.client", "sidecar/client/link.py"),
        ("onnxruntime", "sidecar/engine/runtime.py"),
    ],
)
def test_one_file_holds_each_library(library: str, owner: str) -> None:
    holders = {
        label(path)
        for path in SIDECAR
        if any(name == library or name.startswith(library + ".") for name in imports(path))
    }
    assert holders == {owner}


@pytest.mark.parametrize("path", [path for path in SIDECAR if room(module_name(path)) == "wire"], ids=label)
def test_the_wire_does_no_io(path: Path) -> None:
    impure = {"asyncio", "socket", "select", "selectors", "threading", "time", "logging", "websockets", "subprocess"}
    if not path.stem.startswith("mapping_"):
        impure |= {"os", "mmap", "ctypes", "fcntl"}
    assert not {name.split(".")[0] for name in imports(path)} & impure


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


@pytest.mark.parametrize("path", ALL, ids=label)
def test_nothing_unpickles_and_nothing_starts_a_shell(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & UNSAFE
    shells = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "eval", "exec"}
    shells |= {"asyncio.create_subprocess_shell", "create_subprocess_shell"}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            assert called(node) not in shells, f"{label(path)}:{node.lineno}"
            for keyword in node.keywords:
                value = ast.unparse(keyword.value)
                assert (keyword.arg, value) != ("allow_pickle", "True"), f"{label(path)}:{node.lineno}"
                assert keyword.arg != "shell" or value == "False", f"{label(path)}:{node.lineno}"


def loaded_after(*modules: str) -> set[str]:
    """Top-level modules of a fresh interpreter that has imported these."""
    lines = [f"import {name}" for name in modules]
    lines += ["import sys", "print(' '.join({name.split('.')[0] for name in sys.modules}))"]
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(result.stdout.split())


def test_the_gateway_loads_nothing_that_touches_pixels_or_models() -> None:
    loaded = loaded_after("sidecar.serve", "sidecar.server.app", "sidecar.server.gateway")
    assert not loaded & (TRAINING | {"cv2", "onnxruntime", "PIL", "numpy", "export", "benchmarks"})


def test_the_client_loads_nothing_of_the_server() -> None:
    assert not loaded_after("sidecar.client") & (TRAINING | {"cv2", "onnxruntime", "PIL", "prometheus_client"})


def test_loading_every_module_loads_no_training_library() -> None:
    skipped = {"sidecar.__main__", "sidecar.worker.__main__", "sidecar.wire.mapping_windows"}
    modules = sorted({module_name(path) for path in SIDECAR} - skipped)
    if sys.platform == "win32":
        modules = [name for name in modules if not name.endswith("mapping_posix")]
    assert not loaded_after(*modules) & (TRAINING | {"export", "benchmarks"})


@pytest.mark.parametrize("path", SIDECAR, ids=label)
def test_nothing_writes_past_the_back_pressure(path: Path) -> None:
    """Some CPython releases that are supported never pause a sender that uses `writelines` (CVE-2024-12254)."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not any(isinstance(call.func, ast.Attribute) and call.func.attr == "writelines" for call in calls)
