"""What an export will cost, said before it begins: download, disk, memory, time; what the pack will be and run on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.engine.manifest import Precision

from .candidates import Candidate, Device, candidates
from .licences import Terms
from .origin import Hub, Local
from .recipe import HubSource, Recipe
from .route import REQUIREMENTS

# Of environments: megabytes to fetch, megabytes on disk.
_ENVIRONMENT_MB: Mapping[str, tuple[int, int]] = {
    "torch": (400, 1400),
    "torch-cuda": (1900, 5000),
    "torch-directml": (400, 1400),
    "hub": (90, 330),
    "hub-cuda": (1600, 3900),
    "hub-directml": (90, 330),
}
_LINE_MB_S = 10.0  # 80 Mbit/s, as a sober guess
# Measured on two cores with a transformer of 470 MB in fp32.
_CONVERT_S_PER_GB = 45.0
_CANDIDATE_S_PER_GB = 26.0
_TIMING_S = 15.0
_FIXED_S = 20.0
# Up to some 1.5 GB the exporter holds the graph several times over; larger ones it writes piece by piece.
_MEMORY_MB, _IN_MEMORY_MB, _WHOLE_FACTOR, _PIECES_FACTOR = 700, 1500, 4.5, 2.0


@dataclass(frozen=True)
class Estimate:
    """Sizes in megabytes, time in seconds, of which `download_s` are fetching at 10 MB/s."""

    download_mb: int
    environment_mb: int
    environment_disk_mb: int
    disk_mb: int
    memory_mb: int
    seconds: int
    download_s: int
    pack_mb: Mapping[Precision, int]
    run_mb: Mapping[Precision, int]
    candidates: tuple[Candidate, ...]


def estimate(recipe: Recipe, device: Device, precision: str) -> Estimate:
    """By the recipe's own sizes; nothing is fetched for it. Raises `PrecisionError` as `candidates` does."""
    tried = candidates(recipe, device, precision)
    full = recipe.megabytes.get("fp32") or max(recipe.megabytes.values())
    download = recipe.download_mb or full
    fetch, unpacked = _ENVIRONMENT_MB.get(requirements(recipe, device), _ENVIRONMENT_MB["torch"])
    made = sum(recipe.megabytes.get(row.precision, full) for row in tried)
    converting = full / 1000 * _CONVERT_S_PER_GB + made / 1000 * _CANDIDATE_S_PER_GB
    timing = _TIMING_S * len(recipe.graphs) if len(tried) > 1 else 0.0
    download_s = (download + fetch) / _LINE_MB_S
    return Estimate(
        download_mb=download,
        environment_mb=fetch,
        environment_disk_mb=unpacked,
        disk_mb=download + 2 * full + made,  # the exporter's file and the checked one lie side by side
        memory_mb=round(max(_WHOLE_FACTOR * min(full, _IN_MEMORY_MB), _PIECES_FACTOR * full)) + _MEMORY_MB,
        seconds=round(download_s + converting + timing + _FIXED_S),
        download_s=round(download_s),
        pack_mb={row.precision: recipe.megabytes.get(row.precision, full) for row in tried},
        run_mb=dict(recipe.memory_mb),
        candidates=tried,
    )


def requirements(recipe: Recipe, device: Device) -> str:
    """The set of packages that converts the recipe on this device; a hub source needs the hub's library too."""
    base = REQUIREMENTS[recipe.route]
    if base == "ready" and isinstance(recipe.source, HubSource):
        base = "hub"
    return base if device == "cpu" else f"{base}-{device}"


def document(
    recipe: Recipe, terms: Terms, origin: Hub | Local | None, device: Device, precision: str
) -> dict[str, object]:
    """The plan of one export as plain data, for the command that shows it."""
    cost = estimate(recipe, device, precision)
    return {
        "name": recipe.name,
        "title": recipe.title,
        "task": recipe.task,
        "route": recipe.route,
        "runner": recipe.runner,
        "source": source_text(recipe, origin),
        "licence": terms.licence.spdx,
        "licence_url": terms.licence.url,
        "attribution": terms.licence.attribution,
        "restriction": terms.restriction,
        "environment": requirements(recipe, device),
        "device": device,
        "precision": precision,
        "download_mb": 0 if isinstance(origin, Local) else cost.download_mb,
        "environment_mb": cost.environment_mb,
        "environment_disk_mb": cost.environment_disk_mb,
        "disk_mb": cost.disk_mb,
        "memory_mb": cost.memory_mb,
        "seconds": cost.seconds,
        "pack_mb": dict(cost.pack_mb),
        "run_mb": dict(cost.run_mb),
        "candidates": [
            {"name": row.name, "precision": row.precision, "providers": list(row.providers), "about": row.about}
            for row in cost.candidates
        ],
        "graphs": [graph.name for graph in recipe.graphs],
        "notes": recipe.notes,
    }


def source_text(recipe: Recipe, origin: Hub | Local | None) -> str:
    """Where the source lies, for people."""
    if isinstance(origin, Local):
        return str(origin.path)
    if isinstance(origin, Hub):
        return f"{origin.repository} ({origin.revision})"
    if isinstance(recipe.source, HubSource):
        return f"{recipe.source.repository} ({recipe.source.revision})"
    return ", ".join(f"{archive.package} {archive.version}" for archive in recipe.source)
