"""Image+text models: a text tower and an image tower whose answers lie in one space, each a pack of its own.

A shop runs the image tower once a product and the text tower once a question; the joint graph is for comparing a few.
"""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.engine.manifest import Licence
from sidecar.engine.runner_specs import Preprocessing

from ...recipe import GraphSpec, HubSource, Recipe, Route, Tensor
from .common import BATCHES, TEXT_SIZES, by_parameters, cosine, ids, mask, pixels, with_working_set

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
CLIP_PIXELS = Preprocessing(
    colour="rgb",
    low=0.0,
    high=1.0,
    layout="nchw",
    width=224,
    height=224,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    fit="cover",
    resample="bicubic",
)
SIGLIP_PIXELS = Preprocessing(colour="rgb", low=-1.0, high=1.0, layout="nchw", width=224, height=224, fit="stretch")
# Of the usual two halves; the numbers that a model's own configuration has are read from it.
TINY_TEXT: Mapping[str, object] = {
    "vocab_size": 160,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
TINY_IMAGE: Mapping[str, object] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}


def text_tower(
    name: str,
    title: str,
    *,
    architecture: str,
    source: HubSource,
    licence: Licence,
    millions: float,
    width: str,
    component: str = "get_text_features",
    steps: tuple[str, ...] = ("normalize",),
    tiny: Mapping[str, object],
    download_mb: int,
    notes: str = "",
) -> Recipe:
    """Texts to directions; `width` is the configuration's name for their size."""
    megabytes = by_parameters(millions, "fp32", "fp16", "int8")
    return Recipe(
        name=name,
        title=title,
        version="1.0.0",
        architecture=architecture,
        route="torch",
        source=source,
        licence=licence,
        restriction="none",
        task="text embedding in a space with pictures",
        runner="text_embedding",
        graphs=(
            GraphSpec(
                name="model",
                component=component,
                inputs=(ids(), mask()),
                outputs=(Tensor("embedding", "float32", ("batch", f"{{{width}}}"), "length 1"),),
                vary=TEXT_SIZES,
                steps=steps,
            ),
        ),
        gates=cosine(),
        megabytes=megabytes,
        memory_mb=with_working_set(megabytes, 60),
        download_mb=download_mb,
        notes=notes,
        tiny=tiny,
    )


def image_tower(
    name: str,
    title: str,
    *,
    architecture: str,
    source: HubSource,
    licence: Licence,
    millions: float,
    width: str,
    preprocessing: Preprocessing,
    tiny: Mapping[str, object],
    download_mb: int,
    notes: str = "",
) -> Recipe:
    """Pictures to directions in the same space."""
    megabytes = by_parameters(millions, "fp32", "fp16", "int8")
    side = "{vision_config.image_size}"
    return Recipe(
        name=name,
        title=title,
        version="1.0.0",
        architecture=architecture,
        route="torch",
        source=source,
        licence=licence,
        restriction="none",
        task="image embedding in a space with texts",
        runner="tensors",
        graphs=(
            GraphSpec(
                name="model",
                component="get_image_features",
                inputs=(pixels(side, side),),
                outputs=(Tensor("embedding", "float32", ("batch", f"{{{width}}}"), "length 1"),),
                vary=BATCHES,
                steps=("normalize",),
            ),
        ),
        gates=cosine(),
        megabytes=megabytes,
        memory_mb=with_working_set(megabytes, 80),
        preprocessing=preprocessing,
        download_mb=download_mb,
        notes=notes,
        tiny=tiny,
    )


def joint(
    name: str,
    title: str,
    *,
    architecture: str,
    route: Route,
    source: HubSource,
    licence: Licence,
    millions: float,
    width: str,
    masked: bool,
    preprocessing: Preprocessing,
    tiny: Mapping[str, object],
    notes: str = "",
) -> Recipe:
    """Texts and pictures at once to how well each fits each."""
    megabytes = by_parameters(millions, "fp32", "fp16", "int8")
    side = "{vision_config.image_size}"
    sequence = "sequence" if masked else "{text_config.max_position_embeddings}"
    text = (ids(batch="texts", sequence=sequence), *((mask(batch="texts"),) if masked else ()))
    sizes = ({"texts": 2, "batch": 1, "sequence": 7}, {"texts": 3, "batch": 2, "sequence": 9})
    return Recipe(
        name=name,
        title=title,
        version="1.0.0",
        architecture=architecture,
        route=route,
        source=source,
        licence=licence,
        restriction="none",
        task="how well texts and pictures fit",
        runner="tensors",
        graphs=(
            GraphSpec(
                name="model",
                component="model",
                inputs=(pixels(side, side), *text),
                outputs=(
                    Tensor("logits_per_image", "float32", ("batch", "texts"), "the larger, the better it fits"),
                    Tensor("text_embeds", "float32", ("texts", f"{{{width}}}"), "length 1"),
                    Tensor("image_embeds", "float32", ("batch", f"{{{width}}}"), "length 1"),
                ),
                vary=sizes,
            ),
        ),
        gates=cosine(),
        megabytes=megabytes,
        memory_mb=with_working_set(megabytes, 120),
        preprocessing=preprocessing,
        notes=notes,
        tiny=tiny,
    )
