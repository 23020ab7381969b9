"""Fetches from the model hub with the hub's own library: its tokens, its mirrors, its resuming; hashes are checked
here.

The only importer of `huggingface_hub`. Nothing is taken on trust: a repository's file list says each file's checksum,
and every file is hashed after it has arrived.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from .errors import HubError, PickleRefused, SourceError
from .formats import WEIGHT_SUFFIXES, is_pickle_name
from .origin import Advance, Fetched, Hub, check_path, matches, sha256

MAX_FILES = 512
TRIES = 4
_WATCH_S = 0.2
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository. `sha256` is the hub's for large files; small ones have git's own hash, `blob`."""

    path: str
    bytes: int
    sha256: str | None
    blob: str | None


@dataclass(frozen=True)
class Remote:
    """A repository at one commit: the licence that its card names, and the files that the patterns choose."""

    repository: str
    commit: str
    licence: str | None
    files: tuple[RemoteFile, ...]

    @property
    def total_bytes(self) -> int:
        """Size of all chosen files."""
        return sum(file.bytes for file in self.files)


def look(hub: Hub, patterns: tuple[str, ...]) -> Remote:
    """Asks the hub what it has, downloading nothing.

    Raises `HubError`, `SourceError` if no file fits, `PickleRefused` if a pattern chooses a pickle or the weights are
    there as pickles only.
    """
    with _plain_errors(hub):
        info = HfApi(endpoint=constants.ENDPOINT).model_info(
            hub.repository, revision=hub.revision, files_metadata=True, timeout=_TIMEOUT_S
        )
    found = tuple(_remote_file(item) for item in info.siblings or ())
    chosen = tuple(file for file in found if matches(file.path, patterns))
    _check_choice(hub, patterns, [file.path for file in found], chosen)
    card = info.card_data
    licence = card.get("license") if card is not None else None
    return Remote(hub.repository, str(info.sha), licence if isinstance(licence, str) else None, chosen)


def address(repository: str) -> str:
    """The page of a repository, where its terms can be read."""
    return f"{constants.ENDPOINT}/{repository}"


def fetch(
    remote: Remote,
    folder: Path,
    *,
    pins: Mapping[str, str],
    advance: Advance,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Fetched, ...]:
    """Brings every file of `remote` into `folder`; what is there and right is kept, what had begun goes on.

    `pins`: sha256 that the recipe wants, by path. `advance` is told the bytes that have arrived. Raises `HubError`, or
    `SourceError` for a file that is not what the hub or the recipe says (it is deleted).
    """
    fetched: list[Fetched] = []
    before = 0
    for file in remote.files:
        with _watched(folder, before, file.bytes, advance), _plain_errors(Hub(remote.repository, remote.commit)):
            _download(remote, file.path, folder, sleep)
        fetched.append(_verified(remote, file, folder, pins.get(file.path)))
        before += file.bytes
        advance(before)
    return tuple(fetched)


def _download(remote: Remote, path: str, folder: Path, sleep: Callable[[float], None]) -> None:
    """One file; a line that breaks is gone on from, four times with growing pauses."""
    for attempt in range(1, TRIES + 1):
        try:
            hf_hub_download(remote.repository, path, revision=remote.commit, local_dir=folder)
            return
        except (requests.RequestException, ConnectionError, TimeoutError) as error:
            answer = error.response if isinstance(error, HfHubHTTPError) else None
            if (answer is not None and answer.status_code < 500) or attempt == TRIES:
                raise
        sleep(2.0 ** (attempt - 1))


def _remote_file(item: object) -> RemoteFile:
    path, size = str(getattr(item, "rfilename", "")), getattr(item, "size", None)
    check_path(path)
    lfs = getattr(item, "lfs", None)
    return RemoteFile(path, int(size or 0), getattr(lfs, "sha256", None), getattr(item, "blob_id", None))


def _check_choice(hub: Hub, patterns: tuple[str, ...], found: list[str], chosen: tuple[RemoteFile, ...]) -> None:
    pickles = [path for path in found if is_pickle_name(path)]
    if any(is_pickle_name(file.path) for file in chosen):
        raise PickleRefused(f"{hub.repository}: the recipe asks for a pickle ({pickles[0]}), which is never fetched.")
    if len(chosen) > MAX_FILES:
        raise SourceError(f"{hub.repository} has more than {MAX_FILES} files that the recipe asks for.")
    if any(Path(file.path).suffix in WEIGHT_SUFFIXES or file.path.endswith("model.bin") for file in chosen):
        return
    if pickles:
        raise PickleRefused(
            f"{hub.repository} has its weights as pickles only ({pickles[0]}), and reading a pickle can run any "
            "program. Use a repository that has safetensors, ONNX or GGUF files."
        )
    raise SourceError(f"{hub.repository} has no weights that the recipe reads ({', '.join(patterns)}).")


def _verified(remote: Remote, file: RemoteFile, folder: Path, pin: str | None) -> Fetched:
    path = folder / file.path
    found = sha256(path) if path.is_file() else ""
    right = found != "" and found == (file.sha256 or found) and found == (pin or found)
    if right and file.sha256 is None and file.blob is not None:
        right = _git_blob(path) == file.blob
    if not right:
        path.unlink(missing_ok=True)
        wanted = "the recipe was made for" if pin is not None and found == (file.sha256 or found) else "the hub lists"
        raise SourceError(
            f"{file.path} is not the file that {wanted}: its checksum is wrong. It was deleted; run the same command "
            "again. If it stays so, the file on the hub or on the mirror in between has changed."
        )
    return Fetched(file.path, path.stat().st_size, found, remote.repository, remote.commit)


def _git_blob(path: Path) -> str:
    """Git's own hash of a file, which is the hub's checksum of small ones."""
    hasher = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


@contextmanager
def _watched(folder: Path, before: int, size: int, advance: Advance) -> Iterator[None]:
    """Tells how far a download is by the growth of its unfinished file: that works for every way the library
    downloads.
    """
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_WATCH_S):
            partial = [path.stat().st_size for path in folder.glob(".cache/**/*.incomplete") if path.exists()]
            advance(before + min(size, max(partial, default=0)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@contextmanager
def _plain_errors(hub: Hub) -> Iterator[None]:
    """Turns the library's errors into one sentence that says what to do."""
    name = hub.repository
    host = urlsplit(constants.ENDPOINT).netloc
    try:
        yield
    except GatedRepoError as error:
        raise HubError(
            f"{name} asks for consent to its terms first. Open {constants.ENDPOINT}/{name} in a browser, log in and "
            "agree; then log in here with: hf auth login (or set HF_TOKEN), and run the same command again."
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(f"{name} has no revision {hub.revision}.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise HubError(
            f"{host} has no repository {name}, or it is private. Check the name; for a private one log in with: "
            "hf auth login (or set HF_TOKEN)."
        ) from error
    except LocalEntryNotFoundError as error:
        raise _unreachable(name, host, error.__cause__ or error) from error
    except HfHubHTTPError as error:
        code = error.response.status_code if error.response is not None else "an error"
        if code in (401, 403):
            raise HubError(f"{host} refuses {name} ({code}). Log in with: hf auth login (or set HF_TOKEN).") from error
        raise HubError(f"{host} answered {code} for {name}. Run the same command again later; it goes on.") from error
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise _unreachable(name, host, error) from error


def _unreachable(name: str, host: str, error: BaseException) -> HubError:
    return HubError(
        f"The model hub ({host}) cannot be reached for {name} ({type(error).__name__}). Check the network, HTTPS_PROXY "
        "if you are behind a proxy, HF_ENDPOINT if you use a mirror and HF_HUB_OFFLINE; then run the same command "
        "again, it goes on where it stopped. Files that you have already: --from FOLDER."
    )
