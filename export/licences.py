"""Which licences need a person's consent, and how that consent is written down."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.engine.manifest import Licence

from .errors import LicenceRefused
from .recipe import Recipe, Restriction

UNSTATED = "unstated"
# What hubs call licences without limits on use -> the SPDX identifier.
_FREE = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-4.0": "CC-BY-4.0",
    "cc0-1.0": "CC0-1.0",
    "isc": "ISC",
    "unlicense": "Unlicense",
    "zlib": "Zlib",
}
_NON_COMMERCIAL = ("-nc", "noncommercial", "non-commercial", "sai-nc", "research")


@dataclass(frozen=True)
class Terms:
    """The licence of one source, and whether it limits what the model may be used for."""

    licence: Licence
    restriction: Restriction

    @property
    def identifier(self) -> str:
        """What `--accept-licence` must be given."""
        return self.licence.spdx


def of_recipe(recipe: Recipe) -> Terms:
    """The terms of the recipe's own source."""
    return Terms(recipe.licence, recipe.restriction)


def of_repository(recipe: Recipe, repository: str, stated: str | None, address: str) -> Terms:
    """The terms of another repository than the recipe's, by what its card states; what is not known to be free is
    restricted. The base model's own restriction goes on to what was tuned from it."""
    spdx = _FREE.get((stated or "").lower())
    named = spdx or stated or UNSTATED
    licence = Licence(
        spdx=named[:200],
        attribution=f"The authors of {repository}.",
        notice=f"As stated by the repository. Same architecture as {recipe.title}.",
        url=address[:200],
    )
    own: Restriction = "none" if spdx else _restriction(named)
    return Terms(licence, own if own != "none" else recipe.restriction)


def of_own_files(recipe: Recipe) -> Terms:
    """The terms of files that the user had: those of the recipe's model, since that is what they are or were tuned
    from.
    """
    notice = f"Made from files of the user's own; the terms are those of {recipe.title}. {recipe.licence.notice}"
    return Terms(replace_notice(recipe.licence, notice), recipe.restriction)


def require(terms: Terms, accepted: str | None, *, name: str) -> Terms:
    """The same terms, with the acceptance in their notice where one was needed. Raises `LicenceRefused`.

    Only the exact identifier counts, so that nobody accepts one licence and gets another.
    """
    if terms.restriction == "none":
        return terms
    identifier = terms.identifier
    if accepted != identifier:
        wrong = f" You accepted {accepted}, which is another one." if accepted else ""
        raise LicenceRefused(
            f"{name} has a {_described(terms)} ({identifier}). Read it at {terms.licence.url}; if your use is allowed, "
            f"run the same command with: --accept-licence {identifier}.{wrong}"
        )
    said = f"{_described(terms, capital=True)}: {identifier} was accepted by the person who exported it. "
    return Terms(replace_notice(terms.licence, said + terms.licence.notice), terms.restriction)


def replace_notice(licence: Licence, notice: str) -> Licence:
    """The licence with another notice, cut to what a manifest may hold."""
    return Licence(spdx=licence.spdx, attribution=licence.attribution, notice=notice[:2000], url=licence.url)


def _restriction(named: str) -> Restriction:
    return "non-commercial" if any(mark in named.lower() for mark in _NON_COMMERCIAL) else "use-restricted"


def _described(terms: Terms, *, capital: bool = False) -> str:
    if terms.identifier == UNSTATED:
        text = "repository that states no licence"
    elif terms.restriction == "non-commercial":
        text = "licence for non-commercial use only"
    else:
        text = "licence that restricts its use"
    return text[0].upper() + text[1:] if capital else text
