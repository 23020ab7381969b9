"""Builds the C# of a checkout with mcs: the package's assemblies, against the project's own Unity stubs, and programs.

The layout is the rule: a folder is an assembly, as the package's asmdefs say, and references run one way.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "unity_bridge"
STUBS = ROOT / "tests" / "unity" / "stubs"
CORE, RUNTIME, EDITOR = "Vitrine.Core", "Vitrine", "Vitrine.Editor"
SAMPLES = "Vitrine.Samples"
ENGINE, UNITY_EDITOR = "UnityEngine", "UnityEditor"
# The dialect that mcs and Unity 2022.3 both take. What Unity's own compiler never warns about is not an error here:
# a serialized field that only the Inspector sets (0649), one that only the engine reads (0169, 0414).
FLAGS = ("-langversion:7.2", "-unsafe", "-optimize+", "-debug", "-warnaserror+")
UNITY_FLAGS = ("-nowarn:0649,0169,0414", "-define:UNITY_2022_3_OR_NEWER;UNITY_STANDALONE;VITRINE_UGUI;VITRINE_XR")
STUB_FLAGS = ("-nowarn:0067,0108,0114,0169,0414,0649,0660,0661,0659",)
COMPILE_S = 120


class CompileFailed(RuntimeError):
    """The compiler's own words."""


def missing() -> list[str]:
    """The programs that C# needs and that are not here."""
    return [name for name in ("mcs", "mono") if shutil.which(name) is None]


def compile_sources(
    output: Path, sources: Iterable[Path], *flags: str, references: Sequence[Path] = (), library: bool = False
) -> Path:
    """Compiles to `output`. Raises `CompileFailed`."""
    command = ["mcs", *FLAGS, *flags, f"-out:{output}", *(f"-r:{path}" for path in references)]
    command += ["-target:library"] if library else []
    done = subprocess.run(
        [*command, *map(str, sources)], capture_output=True, text=True, timeout=COMPILE_S, check=False
    )
    if done.returncode:
        raise CompileFailed(f"{output.name} does not compile:\n{done.stdout}{done.stderr}")
    return output


def sources_of(folder: Path, *, without: Sequence[Path] = ()) -> list[Path]:
    """The C# files beneath a folder, less those of the assemblies nested in it."""
    return [
        path for path in sorted(folder.rglob("*.cs")) if not any(nested in path.parents for nested in without)
    ]


class Assemblies:
    """The package's assemblies in one folder, each built when it is first asked for."""

    def __init__(
        self, folder: Path, *, stubs: Sequence[Path] | None = None, flags: Sequence[str] = UNITY_FLAGS
    ) -> None:
        self.folder = folder
        self._stubs = list(stubs) if stubs is not None else None
        self._flags = tuple(flags)

    def core(self) -> Path:
        """`Vitrine.Core`: no engine."""
        return self._library(CORE, sources_of(PACKAGE / "Runtime" / "Core"))

    def runtime(self) -> Path:
        """`Vitrine`: the components."""
        nested = [PACKAGE / "Runtime" / "Core"]
        sources = sources_of(PACKAGE / "Runtime", without=nested)
        return self._library(RUNTIME, sources, *self._flags, references=[self.core(), *self.engine()])

    def editor(self) -> Path:
        """`Vitrine.Editor`: the window, settings and inspectors."""
        references = [self.core(), self.runtime(), *self.engine()]
        flags = (*self._flags, "-define:UNITY_EDITOR")
        return self._library(EDITOR, sources_of(PACKAGE / "Editor"), *flags, references=references)

    def samples(self) -> Path:
        """The samples' scripts, those for the Editor with them, as one assembly."""
        references = [self.core(), self.runtime(), self.editor(), *self.engine()]
        flags = (*self._flags, "-define:UNITY_EDITOR")
        return self._library(SAMPLES, sources_of(PACKAGE / "Samples~"), *flags, references=references)

    def engine(self) -> list[Path]:
        """Unity's side: the project's own stubs and fakes, unless others were given."""
        if self._stubs is not None:
            return self._stubs
        engine = self._library(ENGINE, sources_of(STUBS / ENGINE), *STUB_FLAGS)
        editor = self._library(UNITY_EDITOR, sources_of(STUBS / UNITY_EDITOR), *STUB_FLAGS, references=[engine])
        return [engine, editor]

    def program(self, source: Path, *more: Path, unity: bool = False) -> Path:
        """A console program beside the assemblies that it uses."""
        references = [self.core(), self.runtime(), *self.engine()] if unity else [self.core()]
        output = self.folder / f"{source.stem}.exe"
        return compile_sources(output, [source, *more], *(self._flags if unity else ()), references=references)

    def _library(self, name: str, sources: list[Path], *flags: str, references: Sequence[Path] = ()) -> Path:
        output = self.folder / f"{name}.dll"
        if output.exists():
            return output
        return compile_sources(output, sources, *flags, references=references, library=True)
