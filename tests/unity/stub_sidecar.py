"""What `vitrine serve` looks like from outside, without the sidecar: listens, writes run.json, ends when asked.

`stub_sidecar.py serve [options] --run-dir DIR --parent-pid N`; the options make it a difficult one. Standard library
only, so that it is there in a blink; psutil where there is no /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

AT_MOST_S = 60.0  # whatever becomes of the test
POLL_S = 0.02


def main() -> int:
    """Runs until it is asked to end, its parent is gone, or it is too old."""
    options = parse()
    print(f"hello from {os.getpid()}", flush=True)
    if options.launcher:
        return launch()
    if options.list_files and Path("/proc/self/fd").is_dir():
        files = list(Path("/proc/self/fd").iterdir())  # one of them is the listing's own
        print("files", len(files) - 1, "folder", Path.cwd(), "told", os.environ.get("VITRINE_TOLD"), flush=True)
    if options.die is not None:
        print("a word before the end", file=sys.stderr)
        return int(options.die)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: None if options.deaf else asked.append(number))
    path = options.run_dir / "run.json"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        time.sleep(options.slow)
        if not options.silent:
            publish(path, listener.getsockname()[1])
        deadline = time.monotonic() + AT_MOST_S
        while not asked and time.monotonic() < deadline and alive(options.parent_pid):
            if options.die_beside is not None and options.die_beside.exists():
                return 1
            time.sleep(POLL_S)
    if asked:
        print("asked to end", flush=True)
    if not options.silent:
        path.unlink()
    return 0


def parse() -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--parent-pid", type=int, required=True)
    parser.add_argument("--no-install", action="store_true")
    parser.add_argument("--launcher", action="store_true", help="run the server as a child and wait for it")
    parser.add_argument("--list-files", action="store_true", help="say how many files are open")
    parser.add_argument("--die", help="end at once with this exit code")
    parser.add_argument("--die-beside", type=Path, help="end with exit code 1 once this file is there")
    parser.add_argument("--deaf", action="store_true", help="do not end when asked")
    parser.add_argument("--silent", action="store_true", help="never write run.json")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds before run.json is written")
    return parser.parse_args()


def launch() -> int:
    """Runs this program again, without the option, and waits for it, as launchers of environments do."""
    words = [word for word in sys.argv if word != "--launcher"]
    return subprocess.run([sys.executable, "-S", "-E", *words], check=False).returncode


def publish(path: Path, port: int) -> None:
    """Writes run.json as the sidecar does."""
    running = {"pid": os.getpid(), "started": started(), "host": "127.0.0.1", "port": port, "token": "stub-token"}
    temporary = path.with_name(f"run-{os.getpid()}.tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps({**running, "version": "0.0.1"}))
    temporary.replace(path)


def started() -> float:
    """This process's start, seconds since 1970."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    except OSError:
        import psutil

        return float(psutil.Process().create_time())
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return float(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def alive(pid: int) -> bool:
    """Whether the parent is there; where that cannot be asked cheaply, yes."""
    return not Path("/proc/self").is_dir() or Path(f"/proc/{pid}").is_dir()


if __name__ == "__main__":
    raise SystemExit(main())
