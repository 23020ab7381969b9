"""Every C# example of the package's documentation compiles against the project's own stubs, and every link leads on.

A block fenced with csharp is either a file's content (it declares a type) or statements; statements are put into an
async method of a component, which has `client` (a VitrineClient), `mirror` (a TryOnMirror) and `token` (a
CancellationToken).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import mono

DOCUMENTATION = mono.PACKAGE / "Documentation~"
PAGES = [*sorted(DOCUMENTATION.glob("*.md")), mono.PACKAGE / "README.md"]
FENCE = re.compile(r"^```csharp\n(.*?)^```", re.DOTALL | re.MULTILINE)
DECLARES = re.compile(r"^(?:public |internal |sealed |static |abstract )*(?:class|struct|interface) \w", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)")
USINGS = (
    "System", "System.Collections", "System.Collections.Generic", "System.Threading", "System.Threading.Tasks",
    "UnityEngine", "UnityEngine.UI", "Vitrine",
)  # fmt: skip
# An example need not use all that it names, and wraps statements that await nothing.
EXAMPLE_FLAGS = ("-nowarn:0105,0168,0219,1998,0169,0414,0649,0067", "-define:UNITY_EDITOR")
WRAPPED = """public sealed class Example{number} : MonoBehaviour
{{
    private async Task Run(VitrineClient client, TryOnMirror mirror, CancellationToken token)
    {{
#line {line} "{page}"
{code}
    }}
}}
"""


@dataclass(frozen=True)
class Block:
    """An example: `line` is that of its first line in the page."""

    page: Path
    line: int
    code: str

    def source(self, number: int) -> str:
        """A namespace with the example in it; the compiler's errors name the page and its line."""
        whole = f'#line {self.line} "{self.page.name}"\n{self.code}'
        if not DECLARES.search(self.code):
            whole = WRAPPED.format(number=number, line=self.line, page=self.page.name, code=self.code)
        usings = "\n".join(f"using {name};" for name in USINGS)
        return f"namespace Documented{number}\n{{\n{usings}\n{whole}\n#line default\n}}\n"


def blocks_of(page: Path) -> list[Block]:
    """The examples of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(page, text.count("\n", 0, found.start(1)) + 1, found.group(1)) for found in FENCE.finditer(text)]


def compile_blocks(blocks: list[Block], folder: Path, assemblies: mono.Assemblies) -> None:
    """Compiles them together. Raises `CompileFailed`."""
    sources = []
    for number, block in enumerate(blocks):
        path = folder / f"Example{number}.cs"
        path.write_text(block.source(number), encoding="utf-8")
        sources.append(path)
    references = [assemblies.core(), assemblies.runtime(), assemblies.editor(), *assemblies.engine()]
    flags = (*mono.UNITY_FLAGS, *EXAMPLE_FLAGS)
    mono.compile_sources(folder / "Documented.dll", sources, *flags, references=references, library=True)


@pytest.mark.skipif(bool(mono.missing()), reason="Mono is not installed: apt-get install mono-mcs mono-devel")
def test_every_example_compiles(tmp_path: Path) -> None:
    blocks = [block for page in PAGES for block in blocks_of(page)]
    assert len(blocks) >= 15
    compile_blocks(blocks, tmp_path, mono.Assemblies(tmp_path))


@pytest.mark.skipif(bool(mono.missing()), reason="Mono is not installed: apt-get install mono-mcs mono-devel")
def test_an_example_that_is_wrong_is_found_on_its_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```csharp\nvar one = 1;\nclient.NoSuchMember();\n```\n")
    with pytest.raises(mono.CompileFailed, match=r"page\.md\(5,\d+\).*NoSuchMember"):
        compile_blocks(blocks_of(page), tmp_path, mono.Assemblies(tmp_path))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target, _ in LINK.findall(page.read_text(encoding="utf-8")):
        if target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCUMENTATION / "index.md").read_text(encoding="utf-8")
    linked = {target for target, _ in LINK.findall(index)}
    assert {page.name for page in DOCUMENTATION.glob("*.md")} - {"index.md", "README.md"} <= linked


def test_every_component_has_a_page_with_an_example() -> None:
    for name in (
        "vitrine-client", "vitrine-process", "try-on-mirror", "frame-pacer", "latency-hud", "editor-window",
        "ops-and-streams", "record-and-replay", "first-scene",
    ):  # fmt: skip
        assert blocks_of(DOCUMENTATION / f"{name}.md"), f"{name}.md shows no code"
