"""`vitrine trace` against a real sidecar: one id from the client's push to the model's run, in a valid file."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from integration.running import ROOT, Sidecar, environment
from tracing.format import bound, flows, load, nests

from sidecar.client import connect
from sidecar.endpoint import read_endpoint
from sidecar.trace.client import ClientTrace, Synced

LAYERS = [{"product": "sample-glasses-1"}]


def command(sidecar: Sidecar, *words: str) -> list[str]:
    return [sys.executable, "-m", "sidecar", "trace", "--run-dir", str(sidecar.run_file.parent), *words]


async def played(sidecar: Sidecar, folder: Path, *words: str) -> str:
    """Streams frames while a trace is taken; the client's own spans are merged into it."""
    picture = np.zeros((96, 128, 3), np.uint8)
    trace = ClientTrace("shop")
    words = ("--seconds", "1.5", "--out", str(folder / "t.json"), "--merge", str(folder / "client.json"), *words)
    async with await connect(endpoint=await asyncio.to_thread(read_endpoint, sidecar.run_file)) as vitrine:
        clock = await vitrine.clock_offset()
        recording = await asyncio.create_subprocess_exec(
            *command(sidecar, *words), cwd=ROOT, env=environment(), stdout=asyncio.subprocess.PIPE
        )
        async with vitrine.stream("tryon.stream", {"layers": LAYERS}) as stream:
            n = 0
            while recording.returncode is None and n < 2000:
                begin_us = trace.now_us()
                await stream.push_frame(picture, n=n, t_us=int(begin_us))
                trace.add("push", begin_us, trace.now_us(), call=stream._id, n=n)
                shown = await stream.__anext__()
                trace.add("show", trace.now_us(), trace.now_us(), call=stream._id, n=shown.d["n"])
                if n % 10 == 0:  # the command reads the file when the trace is over
                    about = Synced(vitrine.welcome.session, clock.offset_us, clock.rtt_us)
                    trace.write(folder / "new.json", about)
                    (folder / "new.json").replace(folder / "client.json")
                n += 1
                await asyncio.sleep(0.002)
        said, _ = await recording.communicate()
        assert recording.returncode == 0
        return said.decode()


def traced(sidecar: Sidecar, folder: Path, *words: str) -> list[dict[str, Any]]:
    said = asyncio.run(played(sidecar, folder, *words))
    assert "spans that name a call were found here" in said
    return load((folder / "t.json").read_bytes())


def test_one_id_from_the_clients_push_to_the_models_run(shared_sidecar: Sidecar, tmp_path: Path) -> None:
    events = traced(shared_sidecar, tmp_path)
    nests(events)
    whole = [chain for chain in flows(events).values() if chain[-1]["ph"] == "f"]
    paths = [[bound(events, arrow)["name"] for arrow in chain] for chain in whole]
    followed = [path for path in paths if path[0] == "push" and path[-1] == "show"]
    assert len(followed) > 5
    for path in followed:
        assert path[1:3] == ["read pushed", "tryon.stream push"] and path[-2] == "answer tryon.stream frame"
        assert path[3:-2], "no model ran"
    processes = {event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert processes == {"shop", "vitrine gateway", "vitrine worker frame"}
    models = {event["name"] for event in events if event["ph"] == "X" and event["cat"] == "model"}
    known = {model["name"] for model in shared_sidecar.stats()["models"]}
    assert models and models <= known


def test_the_stages_add_up_to_what_the_answer_says(shared_sidecar: Sidecar, tmp_path: Path) -> None:
    events = traced(shared_sidecar, tmp_path)
    jobs = [event for event in events if event["ph"] == "X" and event["name"] == "tryon.stream push"]
    stages = [event for event in events if event["ph"] == "X" and event["cat"] == "stage"]
    framed = [job for job in jobs if "n" in job["args"]]
    assert framed
    for job in framed:
        inside = [one for one in stages if one["args"] == job["args"]]
        assert {one["name"] for one in inside} == {"decode", "infer", "encode"}
        assert sum(one["dur"] for one in inside) <= job["dur"] + 1


def test_kernels_when_they_are_asked_for(start_sidecar: Callable[..., Sidecar], tmp_path: Path) -> None:
    events = traced(start_sidecar().ready(), tmp_path, "--kernels")
    nests(events)
    profiles = [event for event in events if event["ph"] == "X" and event["cat"] == "profile"]
    kernels = [event for event in events if event["ph"] == "X" and event["cat"] == "kernel"]
    models = {event["name"] for event in events if event["ph"] == "X" and event["cat"] == "model"}
    assert {event["name"].removeprefix("kernels of ") for event in profiles} <= models and profiles
    assert len(profiles) == len({event["name"] for event in profiles}) and len(kernels) > 20 * len(profiles)


def test_a_file_that_exists_is_asked_about_before_anything_is_recorded(shared_sidecar: Sidecar, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("mine")
    words = command(shared_sidecar, "--seconds", "30", "--out", str(path))
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=15)
    assert done.returncode == 1 and "--force" in done.stderr and path.read_text() == "mine"


def test_seconds_that_make_no_sense_are_refused(shared_sidecar: Sidecar, tmp_path: Path) -> None:
    words = command(shared_sidecar, "--seconds", "0", "--out", str(tmp_path / "t.json"))
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=15)
    assert done.returncode == 1 and "/trace?seconds=N" in done.stderr
    assert not list(tmp_path.iterdir())
    assert json.loads(shared_sidecar.get("/healthz")[1])["ready"]
