"""Which package registries the user has set, read from where pip and npm keep it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PYPI = "https://pypi.org/simple"
NPM = "https://registry.npmjs.org"
_PIP_TIMEOUT_S = 30.0
_ENVIRONMENT_REFERENCE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class RegistrySettings:
    """Base addresses without a trailing slash, certificates to trust besides the system's, a proxy, npm's token."""

    pypi: tuple[str, ...] = (PYPI,)
    npm: str = NPM
    npm_token: str | None = None
    certificates: tuple[str, ...] = ()
    proxy: str | None = None


def read(environ: Mapping[str, str] = os.environ) -> RegistrySettings:
    """The settings of this machine; the public registries where nothing is set."""
    return combine(environ, pip=_pip_config(), npmrc=_npmrc(environ))


def combine(environ: Mapping[str, str], *, pip: Mapping[str, str], npmrc: Mapping[str, str]) -> RegistrySettings:
    """Pure part of `read`: the environment wins over the files, as with pip and npm themselves."""

    def of_pip(option: str) -> str | None:
        scopes = ("download", "install", "global")
        in_files = (pip.get(f"{scope}.{option}") for scope in scopes)
        return environ.get(f"PIP_{option.upper().replace('-', '_')}") or next(filter(None, in_files), None)

    pages = [of_pip("index-url") or PYPI, *(of_pip("extra-index-url") or "").split()]
    scoped = npmrc.get("@mediapipe:registry")
    npm = scoped or environ.get("npm_config_registry") or environ.get("NPM_CONFIG_REGISTRY") or npmrc.get("registry")
    npm = (npm or NPM).rstrip("/")
    named = (of_pip("cert"), npmrc.get("cafile"), environ.get("REQUESTS_CA_BUNDLE"), environ.get("SSL_CERT_FILE"))
    return RegistrySettings(
        pypi=tuple(page.rstrip("/") for page in pages if urlsplit(page).scheme in ("http", "https")),
        npm=npm,
        npm_token=npmrc.get(f"//{urlsplit(npm).netloc}{urlsplit(npm).path}/:_authToken"),
        certificates=tuple(dict.fromkeys(path for path in named if path and Path(path).is_file())),
        proxy=of_pip("proxy") or npmrc.get("https-proxy") or npmrc.get("proxy"),
    )


def parse_pip(text: str) -> dict[str, str]:
    """The lines of `pip config list`: `global.index-url='https://...'`."""
    options: dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            words = shlex.split(value.replace("\\n", " "))
            options[key.strip()] = " ".join(words)
    return options


def parse_npmrc(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The lines of an `.npmrc`: `key = value`, `${NAME}` taken from the environment, `;` and `#` start a comment."""
    options: dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.lstrip().startswith((";", "#")):
            value = _ENVIRONMENT_REFERENCE.sub(lambda match: environ.get(match[1], ""), value)
            options[key.strip()] = value.strip().strip("\"'")
    return options


def _pip_config() -> dict[str, str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return parse_pip(shown.stdout) if shown.returncode == 0 else {}


def _npmrc(environ: Mapping[str, str]) -> dict[str, str]:
    path = Path(environ.get("npm_config_userconfig") or environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    try:
        return parse_npmrc(path.read_text("utf-8"), environ)
    except (OSError, UnicodeDecodeError):
        return {}
