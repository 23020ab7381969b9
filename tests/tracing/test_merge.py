"""A client's trace in the sidecar's: one clock, one arrow from the client's span on; files that are none refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tracing.format import bound, flows, load, nests
from tracing.test_tracer import Stage, whole_call

from sidecar.cli import main
from sidecar.trace import check, chrome
from sidecar.trace.check import Document, NotATrace
from sidecar.trace.client import ClientTrace, Synced
from sidecar.trace.merge import merge

SERVER_US = 5_000_000
AHEAD_US = 4_000_000  # the server's clock before the client's


def sidecar_trace() -> Document:
    clock = {"server_us": SERVER_US, "unix_us": 1}
    return Document(traceEvents=whole_call(Stage().begin()), otherData={"clock": clock})


def client_trace(events: list[dict[str, Any]], **about: Any) -> Document:
    known = {"session": "s1", "offset_us": AHEAD_US, "rtt_us": 300, **about}
    return Document(traceEvents=events, vitrineClient=known)


def shown(name: str, at_us: float, took_us: float = 100, **args: Any) -> dict[str, Any]:
    """A client's slice, told in microseconds of the sidecar's trace."""
    ts = at_us + SERVER_US - AHEAD_US
    return {"name": name, "cat": "unity", "ph": "X", "ts": ts, "dur": took_us, "pid": 9, "tid": 1, "args": args}


def merged(*events: dict[str, Any]) -> list[dict[str, Any]]:
    trace = sidecar_trace()
    merge(trace, [("unity.json", client_trace(list(events)))])
    return load(chrome.whole(trace.otherData, trace.traceEvents))


def test_the_arrow_begins_at_the_client_and_ends_there() -> None:
    events = merged(shown("Push", 500, call=7, n=5), shown("Show", 11_000, call=7, n=5))
    nests(events)
    (chain,) = flows(events).values()
    assert [event["ph"] for event in chain] == ["s", "t", "t", "t", "t", "f"]
    names = [bound(events, arrow)["name"] for arrow in chain]
    assert names == ["Push", "read pushed", "tryon.stream push", "pose-full", "answer tryon.stream frame", "Show"]


def test_a_client_that_only_shows_its_side_of_the_sending_leaves_the_end_where_it_was() -> None:
    (chain,) = flows(merged(shown("Push", 500, call=7, n=5))).values()
    assert [event["ph"] for event in chain] == ["s", "t", "t", "t", "f"]


def test_a_client_whose_sending_was_before_the_recording_only_ends_the_arrow() -> None:
    (chain,) = flows(merged(shown("Push", -500, call=7, n=5), shown("Show", 11_000, call=7, n=5))).values()
    assert [event["ph"] for event in chain] == ["s", "t", "t", "t", "f"]


def test_many_spans_of_a_client_are_links() -> None:
    spans = [shown("Push", 500), shown("Wait", 5_000), shown("Read", 10_600), shown("Show", 11_000)]
    for span in spans:
        span["args"] = {"call": 7, "n": 5}
    (chain,) = flows(merged(*spans)).values()
    assert [event["ph"] for event in chain] == ["s", "t", "t", "t", "t", "t", "f"]


def test_the_clients_clock_becomes_the_traces() -> None:
    events = merged(shown("Push", 500, call=7, n=5))
    assert next(event for event in events if event["name"] == "Push")["ts"] == 500


@pytest.mark.parametrize("args", [{"call": 8, "n": 5}, {"call": 7, "n": 6}, {"call": 7}, {}, {"call": "7", "n": 5}])
def test_what_names_no_call_of_the_trace_stays_untied(args: dict[str, Any]) -> None:
    events = merged(shown("Push", 500, **args))
    (chain,) = flows(events).values()
    assert [event["ph"] for event in chain] == ["s", "t", "t", "f"]
    assert any(event["name"] == "Push" for event in events)


def test_the_report_says_what_was_tied_and_what_lies_outside() -> None:
    trace, far = sidecar_trace(), shown("Late", 9_000_000, call=7, n=5)
    spans = [shown("Push", 500, call=7, n=5), far, shown("Other", 1, call=99)]
    (found,) = merge(trace, [("unity.json", client_trace(spans))])
    assert (found.spans, found.tied, found.outside, found.within_us) == (2, 1, 1, 150)
    assert all(event["name"] != "Late" for event in trace.traceEvents)


def test_a_client_whose_pid_is_taken_gets_another() -> None:
    trace = sidecar_trace()
    taken = {event["pid"] for event in trace.traceEvents}
    events = [{**shown("Push", 500), "pid": min(taken)}, {**shown("More", 600), "pid": min(taken)}]
    merge(trace, [("unity.json", client_trace(events))])
    theirs = {event["pid"] for event in trace.traceEvents if event["name"] in ("Push", "More")}
    assert len(theirs) == 1 and not theirs & taken


def test_the_clients_own_arrows_keep_apart_from_ours() -> None:
    arrow = {"name": "own", "cat": "call", "id": "0x1", "pid": 9, "tid": 1}
    own = [{**arrow, "ph": "s", "ts": 1e6 + 501}, {**arrow, "ph": "f", "bp": "e", "ts": 1e6 + 510}]
    chains = flows(merged(shown("Push", 500), *own))
    assert sorted(len(chain) for chain in chains.values()) == [2, 4]


def test_the_python_clients_writer_makes_such_a_file(tmp_path: Path) -> None:
    trace = ClientTrace("shop", most=2)
    for n in range(3):
        trace.add("push", 1000 * n, 1000 * n + 10, call=7, n=n)
    trace.write(tmp_path / "client.json", Synced("s1", AHEAD_US, 300))
    found = check.read(tmp_path / "client.json")
    spans = [event["args"] for event in found.traceEvents if event["ph"] == "X"]
    assert spans == [{"call": 7, "n": 1}, {"call": 7, "n": 2}]
    merge(sidecar_trace(), [("client.json", found)])


# -- files that cannot be used -----------------------------------------------------------------------------------

GOOD = {"name": "a", "ph": "X", "ts": 1, "dur": 1, "pid": 1, "tid": 1}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a trace"),
        (b"\x00\xff\xfe", "not a trace"),
        (b"[]", "not a trace"),
        (b'{"traceEvents": 3}', "not a trace"),
        (b'{"traceEvents": [' + b"[" * 100_000, "not a trace"),
        (b'{"traceEvents": [{"name": "a", "ph": "X", "ts": NaN}]}', "not a trace"),
        (json.dumps({"traceEvents": [GOOD, {**GOOD, "ph": "?"}]}).encode(), "event 1 has the phase '?'"),
        (json.dumps({"traceEvents": [{**GOOD, "ts": "now"}]}).encode(), "event 0 has no time"),
        (json.dumps({"traceEvents": [{**GOOD, "ts": 1e300}]}).encode(), "event 0 has no time"),
        (json.dumps({"traceEvents": [{**GOOD, "dur": -1}]}).encode(), "event 0 has no duration"),
        (json.dumps({"traceEvents": [{**GOOD, "pid": "x"}]}).encode(), "event 0 has a pid"),
        (json.dumps({"traceEvents": [{**GOOD, "tid": True}]}).encode(), "event 0 has a tid"),
        (json.dumps({"traceEvents": [{**GOOD, "args": [1]}]}).encode(), "event 0 has args"),
        (json.dumps({"traceEvents": [{**GOOD, "name": None}]}).encode(), "event 0 has no name"),
        (json.dumps({"traceEvents": [{"ph": "s", "name": "a", "ts": 1}]}).encode(), "event 0 has no id"),
    ],
)
def test_a_file_that_is_no_trace_says_what_is_wrong(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    with pytest.raises(NotATrace, match=says.replace("?", r"\?")):
        check.read(path)


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "LIMIT_BYTES", 100)
    path = tmp_path / "huge.json"
    path.write_bytes(b" " * 101)
    with pytest.raises(NotATrace, match="larger than"):
        check.read(path)


def test_too_many_events_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MOST_EVENTS", 2)
    with pytest.raises(NotATrace, match="more than 2 events"):
        check.parse(json.dumps({"traceEvents": [GOOD] * 3}).encode(), "many.json")


@pytest.mark.parametrize(
    "about",
    [
        None,
        {},
        {"session": "s1"},
        {"session": 3, "offset_us": 0, "rtt_us": 1},
        {"session": "s", "offset_us": 0, "rtt_us": -1},
    ],
)
def test_a_trace_that_says_nothing_of_its_clock_is_no_clients(about: dict[str, Any] | None) -> None:
    with pytest.raises(NotATrace, match="vitrineClient"):
        merge(sidecar_trace(), [("unity.json", Document(traceEvents=[], vitrineClient=about))])


def test_nothing_can_be_merged_into_a_trace_without_a_clock() -> None:
    with pytest.raises(NotATrace, match="no clock"):
        merge(Document(traceEvents=[]), [("unity.json", client_trace([]))])


# -- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "trace.json").write_bytes(msgspec.json.encode(sidecar_trace()))
    (tmp_path / "unity.json").write_bytes(msgspec.json.encode(client_trace([shown("Push", 500, call=7, n=5)])))
    return tmp_path


def run(folder: Path, *words: str) -> int:
    return main(["trace", *(word.replace("@", f"{folder}/") for word in words)])


def test_the_command_merges_two_files(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--from", "@trace.json", "--merge", "@unity.json", "--out", "@both.json") == 0
    said = capsys.readouterr().out
    assert "1 of 1 spans that name a call were found here" in said and "within 0.15 ms" in said
    names = {event["name"] for event in load((files / "both.json").read_bytes())}
    assert {"Push", "pose-full"} <= names


def test_the_command_replaces_no_file_unasked(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (files / "unity.json").read_bytes()
    assert run(files, "--from", "@trace.json", "--merge", "@unity.json", "--out", "@unity.json") == 1
    assert "--force" in capsys.readouterr().err and (files / "unity.json").read_bytes() == before
    assert run(files, "--from", "@trace.json", "--merge", "@unity.json", "--out", "@unity.json", "--force") == 0
    assert (files / "unity.json").read_bytes() != before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "@trace.json", "--out", "@o.json"), "--from needs --merge"),
        (("--from", "@none.json", "--merge", "@unity.json", "--out", "@o.json"), "is not a file"),
        (("--from", "@trace.json", "--merge", "@trace.json", "--out", "@o.json"), "no client's trace"),
        (("--from", "@trace.json", "--merge", "@unity.json", "--out", "@no/o.json"), "is not a folder"),
        (("--run-dir", "@nobody", "--out", "@o.json"), "No Vitrine server runs here"),
    ],
)
def test_what_does_not_work_leaves_nothing_behind(
    files: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    before = sorted(files.iterdir())
    assert run(files, *words) == 1
    assert says in capsys.readouterr().err
    assert sorted(files.iterdir()) == before


def test_merging_changes_no_event_of_the_client_but_its_place() -> None:
    event = shown("Push", 500, call=7, n=5)
    before = copy.deepcopy(event)
    merged(event)
    assert event == before
