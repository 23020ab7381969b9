"""Writes the .meta files that the package lacks; Unity ignores a file or folder of a git package without one.

    python tests/unity/make_metas.py            writes what is missing
    python tests/unity/make_metas.py --check    only says what is missing or left over; exit code 1 then

A GUID is the md5 of the package's name and the path, made once: a .meta that exists is never touched, so a file that
is moved with its .meta keeps its GUID, and with it every reference to it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "unity_bridge"
NAME = "com.vitrine.sidecar"
SAMPLES = "Samples~"
GUID = re.compile(r"^guid: ([0-9a-f]{32})$", re.MULTILINE)
TEXT = (".md", ".txt", ".json", ".xml", ".csv")
# Their importers write settings of their own; Unity takes the bare form and fills in the rest.
BARE = (".shader", ".png", ".jpg", ".uss", ".uxml", ".mat", ".asset", ".prefab")


def assets(package: Path = PACKAGE) -> Iterator[Path]:
    """Every file and folder that needs a .meta: not the package itself, not what Unity passes over."""
    yield from _beneath(package)
    if (package / SAMPLES).is_dir():
        yield from _beneath(package / SAMPLES)


def _beneath(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~") or path.suffix == ".meta":
            continue
        if not path.is_dir():
            yield path
        elif any(_beneath(path)):  # git keeps no empty folder, and a .meta without its folder is a warning
            yield path
            yield from _beneath(path)


def metas(package: Path = PACKAGE) -> Iterator[Path]:
    """Every .meta of the package."""
    return (path for path in sorted(package.rglob("*.meta")))


def meta_of(path: Path) -> Path:
    """Where an asset's .meta lies."""
    return path.with_name(path.name + ".meta")


def missing(package: Path = PACKAGE) -> list[Path]:
    """Assets without a .meta."""
    return [path for path in assets(package) if not meta_of(path).exists()]


def orphans(package: Path = PACKAGE) -> list[Path]:
    """Metas whose asset is gone, or that stand where Unity looks for none."""
    wanted = {meta_of(path) for path in assets(package)}
    return [path for path in metas(package) if path not in wanted]


def guid_in(text: str) -> str:
    """The GUID that a .meta holds. Raises `ValueError`."""
    found = GUID.search(text)
    if found is None:
        raise ValueError("a .meta holds one line 'guid: ' with 32 lowercase hexadecimal digits")
    return found.group(1)


def form_of(path: Path) -> str:
    """The .meta of an asset, with `{guid}` open."""
    if path.is_dir():
        return _with("folderAsset: yes\nDefaultImporter:")
    if path.suffix == ".cs":
        importer = "MonoImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  defaultReferences: []\n"
        importer += "  executionOrder: 0\n  icon: {instanceID: 0}\n"
        return _with(importer, external="")
    if path.suffix == ".asmdef":
        return _with("AssemblyDefinitionImporter:")
    if path.name == "package.json":
        return _with("PackageManifestImporter:")
    if path.suffix in TEXT:
        return _with("TextScriptImporter:")
    return "fileFormatVersion: 2\nguid: {guid}\n" if path.suffix in BARE else _with("DefaultImporter:")


def _with(importer: str, *, external: str = "\n  externalObjects: {}\n") -> str:
    ends = "  userData: \n  assetBundleName: \n  assetBundleVariant: \n"
    return "fileFormatVersion: 2\nguid: {guid}\n" + importer + external + ends


def new_guid(path: Path, taken: set[str], package: Path = PACKAGE) -> str:
    """The md5 of name and path; with a number behind it where a moved file has kept that GUID."""
    where, number = f"{NAME}/{path.relative_to(package).as_posix()}", 1
    while True:
        text = where if number == 1 else f"{where}#{number}"
        guid = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        if guid not in taken:
            return guid
        number += 1


def write_missing(package: Path = PACKAGE) -> list[Path]:
    """Writes what is missing; the new files."""
    taken = {guid_in(path.read_text(encoding="utf-8")) for path in metas(package)}
    written = []
    for path in missing(package):
        guid = new_guid(path, taken, package)
        taken.add(guid)
        meta_of(path).write_text(form_of(path).replace("{guid}", guid), encoding="utf-8", newline="\n")
        written.append(meta_of(path))
    return written


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args().check:
        for path in write_missing():
            print(f"wrote {path.relative_to(PACKAGE)}")
    lacking, left = missing(), orphans()
    for path in lacking:
        print(f"no .meta: {path.relative_to(PACKAGE)}", file=sys.stderr)
    for path in left:
        print(f"no asset for: {path.relative_to(PACKAGE)}; remove it", file=sys.stderr)
    return 1 if lacking or left else 0


if __name__ == "__main__":
    raise SystemExit(main())
