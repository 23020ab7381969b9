"""Which package registries the user has set, read from where pip and npm keep it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

PYPI = "https://pypi.org/simple"
NPM = "https://registry.npmjs.org"
_PIP_TIMEOUT_S = 30.0
_SCOPE = re.compile(r"^@[^:]+:registry$")
_ENVIRONMENT_REFERENCE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class RegistrySettings:
    """Base addresses without a trailing slash, certificates to trust besides the system's, a proxy.

    `npm_scopes`: npm's registry by scope (`@mediapipe`), where it is another one; `npm_tokens`: by registry.
    """

    pypi: tuple[str, ...] = (PYPI,)
    npm: str = NPM
    npm_scopes: Mapping[str, str] = field(default_factory=dict)
    npm_tokens: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[str, ...] = ()
    proxy: str | None = None

    def npm_of(self, package: str) -> str:
        """The registry that has an npm package."""
        return self.npm_scopes.get(package.partition("/")[0], self.npm)

    def npm_token(self, address: str) -> str | None:
        """The token for an address, if it lies in an npm registry that has one."""
        return next((token for base, token in self.npm_tokens.items() if address.startswith(f"{base}/")), None)


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
    npm = environ.get("npm_config_registry") or environ.get("NPM_CONFIG_REGISTRY") or npmrc.get("registry")
    npm = (npm or NPM).rstrip("/")
    scopes = {key.partition(":")[0]: value.rstrip("/") for key, value in npmrc.items() if _SCOPE.match(key)}
    named = (of_pip("cert"), npmrc.get("cafile"), environ.get("REQUESTS_CA_BUNDLE"), environ.get("SSL_CERT_FILE"))
    return RegistrySettings(
        pypi=tuple(page.rstrip("/") for page in pages if urlsplit(page).scheme in ("http", "https")),
        npm=npm,
        npm_scopes=scopes,
        npm_tokens={base: token for base in (npm, *scopes.values()) if (token := _token(npmrc, base))},
        certificates=tuple(dict.fromkeys(path for path in named if path and Path(path).is_file())),
        proxy=of_pip("proxy") or npmrc.get("https-proxy") or npmrc.get("proxy"),
    )


def _token(npmrc: Mapping[str, str], base: str) -> str | None:
    return npmrc.get(f"//{urlsplit(base).netloc}{urlsplit(base).path}/:_authToken")


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
