"""`vitrine models try NAME ...`: one model, loaded in this process, used once; says how long it took."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ..errors import BadRequest

if TYPE_CHECKING:
    from ..engine.model import Model

Try = Callable[["Model", list[str], Console], None]
DESCRIPTION = """\
Loads one model and uses it once.

  vitrine models try chat "What goes with a red dress?"      each text is a turn of one conversation
  vitrine models try e5 lines.txt "a warm coat"              ranks the lines of a file by what they mean
  vitrine models try whisper-base talk.wav                   what is said
  vitrine models try voice-activity talk.wav                 where somebody speaks
  vitrine models try read-text label.png                     what is written
  vitrine models try style-transfer photo.jpg painting.jpg   one picture in the style of another
  vitrine models try image-safety photo.jpg                  whether a picture may be shown
"""


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds `try` to `vitrine models`."""
    parser = verbs.add_parser(
        "try",
        help="use a model once: ask it, let it listen, read or draw",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="an installed model")
    parser.add_argument("words", nargs="*", metavar="TEXT|FILE", help="what it gets")
    parser.add_argument("--threads", type=int, help="threads of one run (default: cores - 1, as served)")
    parser.add_argument(
        "--device", choices=("cpu", "cuda", "directml"), help="where it runs (default: the first it can)"
    )
    parser.add_argument("--system", metavar="TEXT", help="chat: who the model is")
    parser.add_argument(
        "--max-tokens", type=int, default=256, metavar="N", help="chat: the longest answer (default: 256)"
    )
    parser.add_argument(
        "--choice", action="append", default=[], metavar="TEXT", help="chat: one of these and nothing else"
    )
    parser.add_argument("--language", metavar="CODE", help="speech: what is spoken, such as zh (default: found out)")
    parser.add_argument("--hint", metavar="TEXT", help="speech: names and words that may come, spelled as wanted")
    parser.add_argument("--plain", action="store_true", help="no colours and no movement, as in a file")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Loads the model and gives it the words. Raises `VitrineError`."""
    from ..engine.registry import Registry
    from ..engine.runtime import Runtime

    console = Console(force_terminal=False, no_color=True) if arguments.plain else Console()
    registry = Registry(arguments.packs)
    entry = registry.index.entry(arguments.name)
    if not arguments.words:
        raise BadRequest("Say what the model gets, a text or files; vitrine models try --help shows it for each kind.")
    providers = [arguments.device] if arguments.device else ["cuda", "directml", "cpu"]
    runtime = Runtime(registry, providers=providers, threads=arguments.threads or max(1, (os.cpu_count() or 2) - 1))

    def load(name: str) -> Model:
        size = registry.index.entry(name).total_bytes / 1e6
        start = time.perf_counter()
        with console.status(f"Loading {name} ({size:.0f} MB) ..."):
            model = runtime.load(name)
        spent_s = time.perf_counter() - start
        console.print(f"{name} ({size:.0f} MB) on {model.provider} in {spent_s:.1f} s", style="dim", highlight=False)
        return model

    model = load(arguments.name)
    _way(model, arguments, load)(model, arguments.words, console)
    if entry.is_local:
        console.print("This model is your own export; nobody but you has vouched for it.", style="dim")
    return 0


def _way(model: Model, arguments: argparse.Namespace, load: Callable[[str], Model]) -> Try:
    """What to do with a model, by its kind; raises `BadRequest` for one that does nothing by itself."""
    from ..engine import runner_specs as kinds
    from . import language, pictures, speech

    ways: dict[type, Try] = {
        kinds.TextGeneration: partial(
            language.try_chat, system=arguments.system, max_tokens=arguments.max_tokens, choices=arguments.choice
        ),
        kinds.TextEmbedding: language.try_embedding,
        kinds.SpeechRecognition: partial(
            speech.try_recognition, language=arguments.language, hint=arguments.hint, load=load
        ),
        kinds.VoiceActivity: speech.try_activity,
        kinds.Tensors: pictures.try_tensors,
        kinds.TextReading: pictures.try_reading,
        kinds.ImageStyle: pictures.try_style,
    }
    way = ways.get(type(model.spec))
    if way is None:
        raise BadRequest(f"{model.name} does nothing by itself; it is a part of other commands.")
    return way


def read_text(path: Path, *, limit: int) -> str:
    """A text file of at most `limit` bytes, UTF-8. Raises `BadRequest`."""
    try:
        if path.stat().st_size > limit:
            raise BadRequest(f"{path} is larger than {limit >> 20} MiB.")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise BadRequest(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path} is not UTF-8 text.") from error
