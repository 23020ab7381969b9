"""The package as Unity reads it: metas, manifest, assembly definitions, and what no source may hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import make_metas
import pytest

from benchmarks import mono
from sidecar import __version__

PACKAGE = mono.PACKAGE
RUNTIME, CORE, EDITOR = PACKAGE / "Runtime", PACKAGE / "Runtime" / "Core", PACKAGE / "Editor"
GUID_IN_FILE = re.compile(r"^fileFormatVersion: 2\nguid: [0-9a-f]{32}\n")
FIELDS = {
    "name": str, "rootNamespace": str, "references": list, "includePlatforms": list, "excludePlatforms": list,
    "allowUnsafeCode": bool, "overrideReferences": bool, "precompiledReferences": list, "autoReferenced": bool,
    "defineConstraints": list, "versionDefines": list, "noEngineReferences": bool,
}  # fmt: skip
RUNNERS = {"UnityEngine.TestRunner", "UnityEditor.TestRunner"}
# Which of our assemblies each may name, and nothing else of ours.
DOORS = {
    "Vitrine.Core": set(),
    "Vitrine": {"Vitrine.Core"},
    "Vitrine.Editor": {"Vitrine", "Vitrine.Core"},
}
COMMENT_OR_TEXT = re.compile(r'@"(?:[^"]|"")*"|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def code_of(path: Path) -> str:
    """A source without its comments and its texts, line numbers kept."""
    source = path.read_text(encoding="utf-8")
    return COMMENT_OR_TEXT.sub(lambda found: "\n" * found.group().count("\n"), source)


def asmdef(name: str) -> dict[str, Any]:
    """The assembly definition of that name."""
    found = [path for path in PACKAGE.rglob("*.asmdef") if path.stem == name]
    assert len(found) == 1, f"{name}.asmdef: found {len(found)} times"
    read: dict[str, Any] = json.loads(found[0].read_text(encoding="utf-8"))
    return read


def where_in(folder: Path, pattern: str) -> list[str]:
    """`file:line` of every match in the code (not the comments) beneath a folder."""
    found = []
    for path in mono.sources_of(folder):
        for number, line in enumerate(code_of(path).splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{path.relative_to(PACKAGE)}:{number}")
    return found


# -- metas


def test_every_file_and_folder_has_a_meta() -> None:
    lacking = [str(path.relative_to(PACKAGE)) for path in make_metas.missing()]
    assert not lacking, "run python tests/unity/make_metas.py"


def test_no_meta_outlives_its_asset() -> None:
    assert not [str(path.relative_to(PACKAGE)) for path in make_metas.orphans()]


def test_guids_are_well_formed_and_unique() -> None:
    seen: dict[str, Path] = {}
    for path in make_metas.metas():
        text = path.read_text(encoding="utf-8")
        assert GUID_IN_FILE.match(text) and "\r" not in text, path
        guid = make_metas.guid_in(text)
        assert guid not in seen, f"{path} has the GUID of {seen[guid]}"
        seen[guid] = path


def test_metas_have_the_form_of_their_asset() -> None:
    for asset in make_metas.assets():
        meta = make_metas.meta_of(asset)
        if meta.exists():
            text = meta.read_text(encoding="utf-8")
            assert text == make_metas.form_of(asset).replace("{guid}", make_metas.guid_in(text)), meta


def test_missing_metas_are_written_once_and_moved_ones_keep_their_guid(tmp_path: Path) -> None:
    (tmp_path / "Samples~" / "One").mkdir(parents=True)
    (tmp_path / "Samples~" / "One" / "Scene.unity").write_text("%YAML 1.1\n")
    (tmp_path / "Documentation~").mkdir()
    (tmp_path / "Documentation~" / "index.md").write_text("# None\n")
    (tmp_path / "Empty").mkdir()
    (tmp_path / "Old.cs").write_text("")
    written = {path.relative_to(tmp_path).as_posix() for path in make_metas.write_missing(tmp_path)}
    assert written == {"Old.cs.meta", "Samples~/One.meta", "Samples~/One/Scene.unity.meta"}
    assert make_metas.write_missing(tmp_path) == []
    guid = make_metas.guid_in((tmp_path / "Old.cs.meta").read_text())
    (tmp_path / "Old.cs").rename(tmp_path / "New.cs")
    assert make_metas.orphans(tmp_path) == [tmp_path / "Old.cs.meta"]
    (tmp_path / "Old.cs.meta").rename(tmp_path / "New.cs.meta")
    (tmp_path / "Old.cs").write_text("")  # another file at the old place gets another GUID
    assert make_metas.write_missing(tmp_path) == [tmp_path / "Old.cs.meta"]
    assert make_metas.guid_in((tmp_path / "New.cs.meta").read_text()) == guid
    assert make_metas.guid_in((tmp_path / "Old.cs.meta").read_text()) != guid


# -- the manifest


def test_manifest() -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    assert manifest["name"] == make_metas.NAME and re.fullmatch(r"[a-z0-9]+(\.[a-z0-9\-_]+){2,}", manifest["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"]) and manifest["version"] == __version__
    assert manifest["unity"] == "2022.3"
    for name in ("displayName", "description", "author", "license", "keywords"):
        assert manifest[name], name
    assert "dependencies" not in manifest and "testables" not in manifest
    assert f"## {manifest['version']}" in (PACKAGE / "CHANGELOG.md").read_text(encoding="utf-8")
    for name in ("README.md", "LICENSE", "Documentation~/index.md"):
        assert (PACKAGE / name).is_file(), name


def test_samples_are_where_the_manifest_says_and_no_others() -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    named = set()
    for sample in manifest["samples"]:
        assert set(sample) == {"displayName", "description", "path"} and all(sample.values())
        assert mono.sources_of(PACKAGE / sample["path"]), f"{sample['path']} holds no script"
        named.add(PACKAGE / sample["path"])
    assert named == {path for path in (PACKAGE / "Samples~").iterdir() if path.is_dir()}


# -- assembly definitions


def test_every_assembly_definition_has_known_fields_of_the_right_kind() -> None:
    for path in PACKAGE.rglob("*.asmdef"):
        read = json.loads(path.read_text(encoding="utf-8"))
        assert read["name"] == path.stem
        for key, value in read.items():
            assert isinstance(value, FIELDS[key]), f"{path.name}: {key}"
        assert not (read["includePlatforms"] and read["excludePlatforms"])
        assert not any(name.startswith("GUID:") for name in read["references"]), "names, which a person can read"


@pytest.mark.parametrize("name", DOORS)
def test_doors(name: str) -> None:
    read = asmdef(name)
    ours = {reference for reference in read["references"] if reference.startswith("Vitrine")}
    assert ours <= DOORS[name] and ("Vitrine.Core" in ours or name == "Vitrine.Core")
    assert read["noEngineReferences"] is (name == "Vitrine.Core")
    assert read["includePlatforms"] == (["Editor"] if name == "Vitrine.Editor" else [])
    assert read["autoReferenced"] and not read["defineConstraints"]


def test_optional_packages_are_optional() -> None:
    read = asmdef("Vitrine")
    assert "UnityEngine.UI" in read["references"]
    symbols = {(one["define"], one["name"]) for one in read["versionDefines"]}
    assert ("VITRINE_UGUI", "com.unity.ugui") in symbols
    assert symbols & {("VITRINE_XR", "com.unity.modules.xr"), ("VITRINE_XR", "com.unity.modules.vr")}
    guarded = re.compile(r"#if [^\n]*VITRINE_UGUI.*?#endif", re.DOTALL)
    for path in mono.sources_of(RUNTIME):
        assert "UnityEngine.UI" not in guarded.sub("", code_of(path)), f"{path.name}: behind #if VITRINE_UGUI"


@pytest.mark.skipif(bool(mono.missing()), reason="Mono is not installed")
def test_it_compiles_without_the_optional_packages(tmp_path: Path) -> None:
    flags = [flag for flag in mono.UNITY_FLAGS if not flag.startswith("-define:")]
    bare = mono.Assemblies(tmp_path, flags=[*flags, "-define:UNITY_2022_3_OR_NEWER"])
    bare.runtime()
    bare.editor()


def test_test_assemblies_are_only_for_tests() -> None:
    found = list((PACKAGE / "Tests").rglob("*.asmdef"))
    assert found
    for path in found:
        read = json.loads(path.read_text(encoding="utf-8"))
        assert set(read["references"]) >= RUNNERS and read["overrideReferences"] is True
        assert read["precompiledReferences"] == ["nunit.framework.dll"] and read["autoReferenced"] is False
        assert read["defineConstraints"] == ["UNITY_INCLUDE_TESTS"] and read["includePlatforms"] == ["Editor"]


def test_every_source_belongs_to_an_assembly_definition() -> None:
    for path in mono.sources_of(PACKAGE):
        if "Samples~" not in path.parts:
            assert any(list(folder.glob("*.asmdef")) for folder in path.parents if PACKAGE in folder.parents), path


# -- what no source may hold


@pytest.mark.parametrize(
    ("folder", "pattern", "why"),
    [
        (CORE, r"\bUnityEngine\b|\bUnityEditor\b|\bUnity\.", "the core knows no engine"),
        (RUNTIME, r"\bUnityEditor\b|#\s*(if|elif).*\bUNITY_EDITOR\b", "the Editor's part lies in Editor/"),
        (RUNTIME, r"\basync void\b", "its exceptions end the application"),
        (EDITOR, r"\basync void\b", "its exceptions are lost"),
        (RUNTIME, r"\bSystem\.Linq\b", "it allocates"),
        (RUNTIME, r"\bSystem\.Reflection\b|\bdynamic\b|\bReflection\.Emit\b|\.GetType\(\)\.Get", "IL2CPP"),
        (RUNTIME, r"\bReadPixels\b|\.LoadImage\(|\bEncodeTo(PNG|JPG)\b|\bWaitForCompletion\b", "it blocks a frame"),
        (RUNTIME, r"\bFindObjectsOfType\b|\bFindObjectOfType\b", "obsolete in Unity 6"),
        (RUNTIME, r"\bAwaitable\b", "not in Unity 2022.3"),
        (PACKAGE, r"\bis (not )?null\b|\?\?=|\busing var\b|=> *\w+ switch|\bswitch \{", "mcs does not take it"),
    ],
)
def test_forbidden(folder: Path, pattern: str, why: str) -> None:
    assert where_in(folder, pattern) == [], why


def test_no_networking_inside_a_component() -> None:
    for path in mono.sources_of(RUNTIME):
        code = code_of(path)
        if re.search(r":\s*(MonoBehaviour|ScriptableObject)\b", code):
            assert not re.search(r"\bSystem\.Net\b|\bSocket\b|\bWebSocket", code), path.name


def test_a_component_is_in_a_file_of_its_own_name() -> None:
    """Unity finds a component's script by the file's name."""
    for folder in (RUNTIME, PACKAGE / "Samples~"):
        for path in mono.sources_of(folder):
            for name in re.findall(r"\bclass (\w+)\s*:\s*(?:MonoBehaviour|ScriptableObject)\b", code_of(path)):
                assert name == path.stem, f"{path.name} holds the component {name}"


def test_public_types_are_documented() -> None:
    for folder in (RUNTIME, EDITOR):
        for path in mono.sources_of(folder):
            lines = path.read_text(encoding="utf-8").splitlines()
            for number, line in enumerate(lines):
                if re.match(r"\s{0,8}public (?:sealed |static |abstract |readonly |partial |unsafe )*"
                            r"(?:class|struct|interface|enum|delegate) ", line):  # fmt: skip
                    above = next(text for text in reversed(lines[:number]) if not text.strip().startswith("["))
                    # The second file of a partial type need not say again what it is.
                    wanted = "//" if "partial " in line else "///"
                    assert above.strip().startswith(wanted), f"{path.name}:{number + 1}"


def test_sources_end_in_one_newline_and_have_unix_line_ends() -> None:
    for path in mono.sources_of(PACKAGE):
        data = path.read_bytes()
        assert b"\r" not in data and data.endswith(b"\n") and not data.endswith(b"\n\n"), path
        assert not data.startswith(b"\xef\xbb\xbf"), f"{path}: a byte order mark"
