"""Which ONNX Runtime is installed: exactly one flavour may be, since all of them unpack into the same folder."""

from __future__ import annotations

from importlib import metadata

FLAVOURS = {"onnxruntime": "cpu", "onnxruntime-gpu": "cuda", "onnxruntime-directml": "directml"}


class WrongFlavours(RuntimeError):
    """None or several ONNX Runtimes are installed; the message gives the command that mends it."""


def installed() -> dict[str, str]:
    """Distribution name -> version of every ONNX Runtime flavour in this environment."""
    found = {}
    for name in FLAVOURS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def check(found: dict[str, str]) -> str:
    """The one flavour that is installed. Raises `WrongFlavours` for none or more than one."""
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise WrongFlavours(
            "No ONNX Runtime is installed. For NVIDIA take [cuda], for other GPUs on Windows [directml]. "
            "Run: pip install 'vitrine-vr[cpu]'"
        )
    keep = "onnxruntime-gpu" if "onnxruntime-gpu" in found else "onnxruntime-directml"
    names = " ".join(sorted(found))
    raise WrongFlavours(
        f"Several ONNX Runtimes are installed ({names}); they overwrite each other's files. "
        f"Run: pip uninstall -y {names} && pip install 'vitrine-vr[{FLAVOURS[keep]}]'"
    )
