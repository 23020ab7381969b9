"""The model card of a pack: what it is, under which terms, made from what, how near its source it is, how fast here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import auto, decoders, environment_text
from .assemble import AGAINST, Parts
from .auto import Row
from .recipe import GraphSpec

CARD_BYTES = 256 * 1024


def write(parts: Parts, rows: Sequence[Row], *, device: str, greedy: Mapping[str, int]) -> bytes:
    """The card as Markdown. `rows` are all that were measured, `greedy` the equal greedy tokens by decoder graph."""
    recipe, licence = parts.recipe, parts.terms.licence
    sections = [
        f"# {parts.name}",
        f"{recipe.title}: {recipe.task}. Architecture {recipe.architecture}, runner {recipe.runner}, converted by the "
        f"route `{recipe.route}` from the recipe `{recipe.name}` {recipe.version}.",
        recipe.notes,
        "## Terms",
        f"Licence **{licence.spdx}** ({_restriction(parts)}): "
        f"{licence.url}\\\n{licence.attribution}\\\n{licence.notice}",
        "## Made from",
        _sources(parts),
        "## How near its source it is",
        _against(parts, greedy),
        _deviations(parts.rows),
        "## Why this precision",
        f"Measured on this machine, device {device}, all of them in turns. Kept is the fastest that passes its gate; "
        "of two that are equally fast within 3 %, the smaller file.",
        auto.table(rows),
        "## Inputs and outputs",
        "\n\n".join(_tensors(graph) for graph in recipe.graphs),
        "## Made on",
        environment_text.describe(),
    ]
    text = "\n\n".join(section for section in sections if section) + "\n"
    return text.encode()[:CARD_BYTES]


def _restriction(parts: Parts) -> str:
    return {"none": "no limits on use"}.get(parts.terms.restriction, parts.terms.restriction)


def _sources(parts: Parts) -> str:
    lines = ["| file | from | bytes | sha256 |", "|---|---|---:|---|"]
    for file in parts.sources:
        origin = f"{file.repository} at {file.commit}" if file.repository else "the user's own files"
        lines.append(f"| {_cell(file.path)} | {_cell(origin)} | {file.bytes:,} | `{file.sha256}` |")
    return "\n".join(lines)


def _against(parts: Parts, greedy: Mapping[str, int]) -> str:
    tried = "; ".join(
        f"{graph.name} at {' and '.join(_sizes(sizes) for sizes in graph.vary)}"
        + (", and on a text in two languages" if decoders.is_decoder(graph) else "")
        for graph in parts.recipe.graphs
    )
    told = [f"{AGAINST} Tried: {tried}."]
    told += [
        f"{name}, as converted: the same logits with its cache as without, and {count} greedy tokens as the source's."
        for name, count in greedy.items()
    ]
    return "\\\n".join(told)


def _deviations(rows: Sequence[Row]) -> str:
    lines = ["| output | largest difference | least cosine | equal choices |", "|---|---:|---:|---:|"]
    for row in rows:
        assert row.comparison is not None
        shown = [item for item in row.comparison.seen.items() if not item[0].startswith("present.")]
        for name, seen in shown:
            cells = (f"{row.graph}.{name}", f"{seen.max_abs:.2e}", f"{seen.cosine:.6f}", f"{seen.agreement:.1%}")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _tensors(graph: GraphSpec) -> str:
    lines = [f"`{graph.name}`", "", "| | type | shape | meaning |", "|---|---|---|---|"]
    for kind, tensors in (("in", graph.inputs), ("out", graph.outputs)):
        for tensor in tensors:
            if tensor.name.startswith(("present.", "past_key_values.")) and ".0." not in tensor.name:
                continue  # one layer of a cache shows them all
            shape = ", ".join(map(str, tensor.shape))
            lines.append(f"| {kind} `{tensor.name}` | {tensor.dtype} | [{shape}] | {_cell(tensor.meaning)} |")
    return "\n".join(lines)


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items()) or "its fixed size"


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")
