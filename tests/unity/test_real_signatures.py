"""Compiles the package against the real API of every Unity version that it supports, where its signatures are at hand.

They may not be given away with this project, so these tests are collected only where a folder `shared` lies beside the
checkout, with `data/unity-api.json` and `tools/unity_stubs.py` in it:

    python -m pytest tests/unity/test_real_signatures.py -rA

A call that a version lacks fails to compile. Members that are obsolete there are listed, and allowed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import mono

SHARED = mono.ROOT.parent / "shared"
API, GENERATOR = SHARED / "data" / "unity-api.json", SHARED / "tools" / "unity_stubs.py"
SYMBOLS = {
    "2022.3": "UNITY_2022_3_OR_NEWER",
    "6000.0": "UNITY_2022_3_OR_NEWER;UNITY_6000_0_OR_NEWER",
    "6000.3": "UNITY_2022_3_OR_NEWER;UNITY_6000_0_OR_NEWER;UNITY_6000_3_OR_NEWER",
}
# The generated declarations implement no interfaces; a constraint asks for this one, which the real class has.
IMPLEMENTED = ("class IntegratedSubsystem {", "class IntegratedSubsystem : UnityEngine.ISubsystem {")
STUB_FLAGS = ("-nowarn:0108,0114,0649,0067,0169,0660,0661,0659",)
GENERATE_S = 60
# `call void ['UnityStubs-6000.3']UnityEngine.Object::Destroy(...)`: the member, with its type, that the code refers to.
REFERENCE = re.compile(r"\['?UnityStubs-[\d.]+'?\]([\w./`]+)(?:<[^:\n]*>)?::'?(\w+)'?")

__test__ = API.exists() and GENERATOR.exists() and not mono.missing()


@pytest.fixture(scope="module", params=SYMBOLS)
def unity(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, mono.Assemblies]:
    """A version, and the package's assemblies against its API."""
    version = str(request.param)
    folder = tmp_path_factory.mktemp(f"unity-{version}")
    source = folder / "UnityStubs.cs"
    subprocess.run([sys.executable, str(GENERATOR), version, str(source)], check=True, timeout=GENERATE_S)
    declared = source.read_text(encoding="utf-8")
    assert declared.count(IMPLEMENTED[0]) == 1
    source.write_text(declared.replace(*IMPLEMENTED), encoding="utf-8")
    stubs = mono.compile_sources(folder / f"UnityStubs-{version}.dll", [source], *STUB_FLAGS, library=True)
    flags = (*mono.UNITY_FLAGS, f"-define:{SYMBOLS[version]}")
    return version, mono.Assemblies(folder, stubs=[stubs], flags=flags)


@pytest.mark.parametrize("name", ["core", "runtime", "editor", "samples"])
def test_compiles_against_the_real_signatures(unity: tuple[str, mono.Assemblies], name: str) -> None:
    version, assemblies = unity
    build: Callable[[], Path] = getattr(assemblies, name)
    used = obsolete_members(build(), version)
    if used:
        print(f"{name}, obsolete in Unity {version}: {', '.join(sorted(used))}")


def test_a_call_that_a_version_lacks_does_not_compile(unity: tuple[str, mono.Assemblies]) -> None:
    """Without this, stubs that take everything would pass for proof."""
    _, assemblies = unity
    source = assemblies.folder / "Wrong.cs"
    source.write_text("class Wrong { void M(UnityEngine.Texture2D t) { t.ApplyTwice(); } }\n")
    with pytest.raises(mono.CompileFailed, match="ApplyTwice"):
        mono.compile_sources(source.with_suffix(".dll"), [source], references=assemblies.engine(), library=True)


def test_obsolete_members_are_found(unity: tuple[str, mono.Assemblies]) -> None:
    version, assemblies = unity
    source = assemblies.folder / "Old.cs"
    source.write_text("class Old { void M() { float t; UnityEngine.XR.XRStats.TryGetGPUTimeLastFrame(out t); } }\n")
    library = mono.compile_sources(
        source.with_suffix(".dll"), [source], references=assemblies.engine(), library=True
    )
    found = obsolete_members(library, version)
    assert found == ({"UnityEngine.XR.XRStats"} if version == "6000.3" else set())


def obsolete_members(library: Path, version: str) -> set[str]:
    """The Unity members that an assembly refers to and that are obsolete in a version."""
    if shutil.which("ikdasm") is None:
        return set()
    code = subprocess.run(["ikdasm", str(library)], capture_output=True, text=True, timeout=GENERATE_S, check=True)
    table = obsolete_in(version)
    used = set()
    for kind, member in REFERENCE.findall(code.stdout):
        name = re.sub(r"`\d+", "", kind).replace("/", ".")
        plain = re.sub(r"^(get|set|add|remove)_", "", member)
        used |= {found for found in (name, f"{name}.{plain}") if found in table}
    return used


def obsolete_in(version: str) -> set[str]:
    """Types, and members of which every overload is obsolete in a version."""
    api: dict[str, Any] = json.loads(API.read_text(encoding="utf-8"))
    found = set()
    for name, kind in api["types"].items():
        plain = re.sub(r"<[^<>]*>", "", name)
        if version in kind.get("obsolete_in", []):
            found.add(plain)
        overloads: dict[str, list[bool]] = {}
        for member in kind.get("members", []):
            overloads.setdefault(member["name"], []).append(version in member.get("obsolete_in", []))
        found |= {f"{plain}.{member}" for member, all_of in overloads.items() if all(all_of)}
    return found
