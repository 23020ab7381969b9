"""What both cut-out packs share: one network in 22 pieces of an npm archive, which are named by their sha256."""

from __future__ import annotations

from sidecar.engine.manifest import Licence
from sidecar.engine.runner_specs import Preprocessing

from ...recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor

_PIECE_BYTES = 4_194_304
_LAST_PIECE_BYTES = 108_095
_PIECES = (
    "fe1b9f06af9d2147016884f4eb683d4dc540244a7453c3b742ae527725df2eec",
    "724543b36c7b5eddfbd7f55cb5a7c1676b2089c277611850c257efa42212d8a2",
    "f9290547b2e34555536647c1e2ca456348170eef1aee05d8fd522f5a051f260c",
    "897d4d8a3f9f8c07f439300a5d81c8be4b0fcecf19ca6d77929b1750fedd8306",
    "cbcda0a0c830ba51928e7935d9d3cfe1c4dc258bf117f2c76d047113ab8f9f8c",
    "4c44c8b64af9f044623ceace7cc55e0bc348394f7ff63629d46118c0a03c9c54",
    "8b2e3d773d7084c5cfac1c04d69d3586e4b8914a840d2b582dfde4940d698957",
    "024e3d8beaf517d25496b73e36b0e0498110652753273e0dd8b591ad7c1c9e2f",
    "1b8eaad4cd019b76e7eba964a38711a0bdeafbd10b6208c1107403a64dbd902a",
    "0c8c5c24237304482ccc70a50008b73c8ef53e4656068da32b635607cca0c8c9",
    "a5b8c519c832bc46b2ae5a9887fac1e3d5cc76a04846d8c3544875c7f2b40960",
    "7b1dd767c5c1c0156b8d13bb34d4c1d11e014723b10cddc25c93e89a28e7cd96",
    "3f5638267419916c9d4d906ff25f721d3d2e034851ea01566f0d2d6f943550b8",
    "9927e74b3a0638d4cf5701e78e66d77476a4ba68c75831f1c8ea9117ec7f8809",
    "3315eb3c14ca3ff5c03c80fac58f486a14264dd0bb9c168c096f2bd2531ba438",
    "230f667e0332dc09ef08aacbf1992c40ce112192f95dfc14231a3ef515f9a2c7",
    "e01a157b677e0e17815cd738dcda7e6daa268898d006b52b5d3604c439e6c96e",
    "529f1df7d027b0315090ba15d42ef32998cac2efd6783c62f6b11cedf4c548f3",
    "6cfd013f552a05e9fc81156e6d6de593668e0247a3970feae22e285c16d13e62",
    "3f31511c3c16a29cf81b32379f51ead2bd082677b48b1dcc11a66beeb37cc729",
    "01f6efcc8a01c727d99073ceede8e64c654fa3c4612b006e69e22dc663236943",
    "145d8355f50b7847de5d04815124790867fe1752a0013bdf6ce28882b5e0a2fc",
)


def _piece(number: int) -> RegistrySource:
    size = _LAST_PIECE_BYTES if number == len(_PIECES) - 1 else _PIECE_BYTES
    return RegistrySource(
        registry="npm",
        package="@imgly/background-removal-data",
        version="1.4.5",
        file="background-removal-data-1.4.5.tgz",
        sha256="ca7789abb39370727c9a098310b53bce41518d200000423c7107f8c01bbce946",
        bytes=136_455_985,
        members={"isnet.onnx": (f"package/dist/{_PIECES[number]}", _PIECES[number], size)},
    )


def recipe(name: str, *, title: str, size: int, accuracy: Accuracy, memory_mb: int, notes: str) -> Recipe:
    """A cut-out pack whose network sees `size` x `size` pixels."""
    return Recipe(
        name=name,
        title=title,
        version="1.0.0",
        architecture="onnx",
        route="ready",
        source=tuple(_piece(number) for number in range(len(_PIECES))),
        licence=Licence(
            spdx="AGPL-3.0-only",
            attribution=(
                "IMG.LY GmbH, background-removal-data, AGPL-3.0. Network: ISNet (Qin et al. 2022, Highly accurate "
                "dichotomous image segmentation), Apache-2.0 in its authors' own form."
            ),
            notice=(
                "Pieces joined, tensor names changed, outputs beside the mask left out, values kept. Whoever offers it "
                "over a network must offer the source of the whole work under the same licence."
            ),
            url="https://github.com/imgly/background-removal-js/blob/main/LICENSE.md",
        ),
        restriction="use-restricted",
        task="what stands before its background",
        runner="tensors",
        graphs=(
            GraphSpec(
                name="model",
                component="isnet.onnx",
                inputs=(Tensor("image", "float32", (1, 3, size, size), "RGB, -0.5..0.496", source="input"),),
                outputs=(
                    Tensor("mask", "float32", (1, 1, size, size), "0 background to 1 foreground", source="output"),
                ),
            ),
        ),
        gates={"fp32": accuracy},
        megabytes={"fp32": 88},
        memory_mb={"fp32": memory_mb},
        preprocessing=Preprocessing(
            colour="rgb", low=-0.5, high=0.49609375, layout="nchw", width=size, height=size, fit="stretch"
        ),
        quantize="none",
        notes=notes,
    )
