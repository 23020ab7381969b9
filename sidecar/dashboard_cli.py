"""`vitrine dashboard`: gets a ticket from the running server and opens the page with it."""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import webbrowser
from pathlib import Path

from .endpoint import FILE, Endpoint, NoServer, UntrustedEndpoint, read_endpoint

ANSWER_S = 5.0
ANSWER_BYTES = 4096


class NoTicket(RuntimeError):
    """The server gave no ticket; the message says what to do."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `dashboard` to the command line."""
    parser = commands.add_parser(
        "dashboard",
        help="open the page that shows what the sidecar does",
        description="Opens the dashboard of the running sidecar in the browser. The link carries a ticket that opens "
        "one page, within 60 seconds; the page may look and try things on, and cannot change the server.",
    )
    parser.add_argument("--print", action="store_true", dest="only_print", help="print the link, open nothing")
    parser.add_argument("--run-dir", type=Path, help="folder of run.json (default: VITRINE_RUN_DIR or the user's)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the link and, unless told otherwise, opens it; 1 when there is no server or no ticket."""
    try:
        endpoint = read_endpoint(arguments.run_dir / FILE if arguments.run_dir else None)
        address = link(endpoint, ask_ticket(endpoint))
    except (NoServer, UntrustedEndpoint, NoTicket) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return 1
    print(address, flush=True)
    if not arguments.only_print and not webbrowser.open(address):
        print("No browser could be opened; open the link above within 60 seconds.", file=sys.stderr)
    return 0


def ask_ticket(endpoint: Endpoint) -> str:
    """A new ticket of the server at `endpoint`. Raises `NoTicket`."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/ticket", headers={"Authorization": f"Bearer {endpoint.token}"})
        answer = connection.getresponse()
        body = answer.read(ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise NoTicket("The sidecar does not answer; look at its log, or start it again.") from error
    finally:
        connection.close()
    if answer.status == 404:
        raise NoTicket("The running sidecar is older than this command; start it again.")
    try:
        ticket = json.loads(body)["ticket"] if answer.status == 200 else None
    except (ValueError, KeyError, TypeError):
        ticket = None
    if not isinstance(ticket, str):
        raise NoTicket(f"The sidecar gave no ticket (HTTP {answer.status}); start it again.")
    return ticket


def link(endpoint: Endpoint, ticket: str) -> str:
    """The page's address. The ticket stands after `#`, which a browser sends to nobody."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"http://{host}:{endpoint.port}/#ticket={ticket}"
