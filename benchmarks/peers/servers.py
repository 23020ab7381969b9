"""The peers as data: what is installed, how it is started, where it answers, how it was set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

PACKAGE = "benchmarks.peers"
Command = Callable[[str, int], list[str]]


def module(name: str) -> Command:
    """`python -m` one of this package's modules; it takes its port from the environment."""
    return lambda python, port: [python, "-m", f"{PACKAGE}.{name}"]


@dataclass(frozen=True)
class Server:
    """One peer. `command` gets the environment's Python and a free port; `shown` are packages whose versions count."""

    key: str
    name: str
    requirements: tuple[str, ...]
    command: Command
    shown: tuple[str, ...]
    note: str
    hop: bool  # whether a small call goes on to another process than the one that holds its connection
    echo: str = "/echo"
    frame: str = "/frame"
    settings: dict[str, str] = field(default_factory=dict)  # environment variables; {folder} is the run's own


SERVERS = (
    Server(
        "fastapi", "FastAPI + uvicorn", ("fastapi>=0.115,<1", "uvicorn[standard]>=0.30,<1"),
        module("fastapi_peer"), ("fastapi", "starlette", "uvicorn", "uvloop", "httptools"),
        "one process, uvloop and httptools, raw bodies, async handlers, the models in a thread pool of one",
        hop=False,
    ),
    Server(
        "litserve", "LitServe", ("litserve>=0.2.10,<0.3",),
        module("litserve_peer"), ("litserve", "fastapi", "uvicorn", "pyzmq"),
        "one API server, one inference worker, batching off, fast_queue (ZeroMQ; not on Windows), raw bodies",
        hop=True, echo="/predict", frame="/predict",
    ),
    Server(
        "bentoml", "BentoML", ("bentoml>=1.4,<1.5",),
        lambda python, port: [
            python, "-m", "bentoml", "serve", f"{PACKAGE}.bentoml_peer:Peer",
            "--host", "127.0.0.1", "--port", str(port),
        ],
        ("bentoml", "starlette", "uvicorn"),
        "one worker process, raw bodies as root input, an async API for the small call, one thread for frames, "
        "batching off, access log and usage tracking off",
        hop=False, settings={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{folder}/bentoml"},
    ),
    Server(
        # Ray 2.54 and later open a port of every replica on all interfaces, and nothing tells them otherwise.
        "ray", "Ray Serve", ("ray[serve]>=2.46,<2.54", "protobuf<7"),
        module("ray_peer"), ("ray", "starlette", "uvicorn"),
        "one HTTP proxy, one replica, max_ongoing_requests 1000, the models in a thread pool of one, no dashboard, "
        "access log and usage statistics off; the newest Ray whose replicas can be kept to loopback",
        hop=True, settings={"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},
    ),
)  # fmt: skip
