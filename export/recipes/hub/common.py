"""What many hub recipes share: tensors by their usual names, licences, gates, sizes that follow from parameters."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.engine.manifest import Licence, Precision

from ...recipe import Accuracy, HubSource, Tensor

# Bytes a parameter has in a file: 4-bit and 8-bit blocks carry scales.
_BYTES: Mapping[Precision, float] = {"fp32": 4.0, "fp16": 2.0, "int8": 1.1, "int4": 0.65}
_NAMED = {
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "MIT": "https://opensource.org/license/mit",
}

TEXT_SIZES = ({"batch": 1, "sequence": 7}, {"batch": 3, "sequence": 21}, {"batch": 2, "sequence": 16})
BATCHES = ({"batch": 1}, {"batch": 3}, {"batch": 2})


def transformer(repository: str, *more: str, revision: str = "main") -> HubSource:
    """One transformers model: configuration, safetensors (in parts too), `more`. The commit is pinned at the fetch."""
    weights = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
    return HubSource(repository, revision, ("config.json", "preprocessor_config.json", *weights, *more))


TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)


def licence(spdx: str, attribution: str, *, url: str = "", notice: str = "") -> Licence:
    """The licence of a converted model; `url` may be left out where the SPDX name says where the text lies."""
    told = notice or "Converted to ONNX: names, layout and precision changed, weights kept."
    return Licence(spdx=spdx, attribution=attribution, notice=told, url=url or _NAMED[spdx])


def ids(name: str = "input_ids", batch: str = "batch", sequence: str = "sequence") -> Tensor:
    """Token ids."""
    return Tensor(name, "int64", (batch, sequence), "token ids")


def mask(name: str = "attention_mask", batch: str = "batch", sequence: str = "sequence") -> Tensor:
    """1 for a token, 0 for padding."""
    return Tensor(name, "int64", (batch, sequence), "1 for a token, 0 for padding", values="mask")


def types() -> Tensor:
    """Which of two texts a token belongs to."""
    return Tensor("token_type_ids", "int64", ("batch", "sequence"), "0: first text, 1: second", below=2)


def pixels(
    *sides: int | str, batch: str = "batch", meaning: str = "RGB, normalised as the preprocessing says"
) -> Tensor:
    """A batch of pictures, channels first."""
    return Tensor("pixel_values", "float32", (batch, 3, *sides), meaning)


def by_parameters(millions: float, *precisions: Precision) -> dict[Precision, int]:
    """Megabytes of the files, from the number of parameters."""
    return {precision: max(1, round(millions * _BYTES[precision])) for precision in precisions}


def with_working_set(megabytes: Mapping[Precision, int], working_mb: int) -> dict[Precision, int]:
    """Memory when run: weights once, and what lies between the layers."""
    return {precision: size + working_mb for precision, size in megabytes.items()}


def cosine(fp32: float = 0.99999, fp16: float = 0.999, int8: float = 0.98) -> dict[Precision, Accuracy]:
    """Gates of models whose answer is a direction."""
    return {
        "fp32": Accuracy("cosine", fp32),
        "fp16": Accuracy("cosine", fp16),
        "int8": Accuracy("cosine", int8),
    }


def choices(fp32: float = 0.999, fp16: float = 0.99, int8: float = 0.95) -> dict[Precision, Accuracy]:
    """Gates of models whose answer is the largest logit."""
    return {
        "fp32": Accuracy("agreement", fp32),
        "fp16": Accuracy("agreement", fp16),
        "int8": Accuracy("agreement", int8),
    }


def distance(fp32: float, fp16: float) -> dict[Precision, Accuracy]:
    """Gates of models whose answer is a picture or a field; integers are not made of them."""
    return {"fp32": Accuracy("max_abs", fp32), "fp16": Accuracy("max_abs", fp16)}
