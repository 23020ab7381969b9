"""`python -m export GROUP`: converts, checks and publishes packs. Progress goes to standard output, one JSON a line."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .convert import convert
from .errors import ExportError, SourceError
from .index import index
from .publish import files_of, publish
from .recipes import GROUPS
from .spec import MemberSpec, ModelSpec
from .validate import validate


def main(argv: Sequence[str] | None = None) -> int:
    """Makes the packs of a group; 0 if every one passed its gate and lies in the target folder."""
    arguments = _parser().parse_args(argv)
    made: list[tuple[ModelSpec, dict[str, bytes]]] = []
    for spec in GROUPS[arguments.group]:
        if arguments.only and spec.name not in arguments.only:
            continue
        try:
            made.append((spec, _make(spec, arguments.sources)))
        except ExportError as error:
            _say(event="failed", pack=spec.name, message=str(error))
            return 1
        publish(made[-1][1], arguments.into / spec.name)
        _say(event="published", pack=spec.name)
    if arguments.index:
        arguments.index.write_bytes(index(GROUPS, made))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export", description="Makes model packs from source weights.")
    parser.add_argument("group", choices=sorted(GROUPS))
    parser.add_argument(
        "--sources", type=Path, required=True, help="folder with the weights, NAME.tflite for each pack"
    )
    parser.add_argument("--into", type=Path, required=True, help="folder that the packs are published into")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these packs of the group alone")
    parser.add_argument("--index", type=Path, help="also write the index of all packs of the group here")
    return parser


def _make(spec: ModelSpec, sources: Path) -> dict[str, bytes]:
    source = _weights(spec.weights, sources / f"{spec.name}.tflite")
    _say(event="converting", pack=spec.name)
    model = convert(spec, source)
    _say(event="checking", pack=spec.name)
    worst = validate(spec, source, model)
    _say(event="passed", pack=spec.name, max_abs={name: float(f"{value:.2e}") for name, value in worst.items()})
    return files_of(spec, model)


def _weights(member: MemberSpec, path: Path) -> bytes:
    """The source bytes, if they are those that the recipe names; raises `SourceError`."""
    if not path.is_file() or path.stat().st_size != member.bytes:
        raise SourceError(f"{path.name} is missing or has another size than the recipe names.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise SourceError(f"{path.name} is not the file that the recipe names.")
    return data


def _say(**event: object) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main())
