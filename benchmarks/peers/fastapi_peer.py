"""FastAPI under uvicorn: raw bodies, and a pool of one thread for the models so that the event loop goes on."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from fastapi import FastAPI, Request, Response

from .protocol import PORT
from .tryon_model import TryOn

app = FastAPI()
OCTETS = "application/octet-stream"


@app.post("/echo")
async def echo(request: Request) -> Response:
    """Sends the body back from the event loop."""
    return Response(await request.body(), media_type=OCTETS)


@app.post("/frame")
async def frame(request: Request) -> Response:
    """Dresses one frame, first come, first served."""
    body = await request.body()
    answer = await asyncio.get_running_loop().run_in_executor(app.state.models, app.state.tryon.answer, body)
    return Response(answer, media_type=OCTETS)


def main() -> None:
    """Serves until the process is ended."""
    app.state.tryon = TryOn()
    app.state.models = ThreadPoolExecutor(1)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ[PORT]), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
