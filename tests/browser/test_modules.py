"""The page's own modules in a browser: msgpack against the golden vectors, the client against a real sidecar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browser.chromium import Page
from integration.running import Sidecar

from sidecar.wire import codec

GOLDEN = Path(__file__).parents[1] / "golden"
MESSAGES: list[dict[str, Any]] = json.loads((GOLDEN / "messages.json").read_bytes())["cases"]
REFUSED: list[dict[str, Any]] = json.loads((GOLDEN / "refused.json").read_bytes())["cases"]

# JavaScript has one kind of number, so that a test must say which one it means.
TOOLS = """
const { encode, decode, Float64, Ref, Malformed } = await import("/dashboard/msgpack.js");
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
function build(tagged) {
  if (Array.isArray(tagged)) return tagged.map(build);
  if (tagged === null || typeof tagged !== "object") return tagged;
  if ("$int" in tagged) return BigInt(tagged.$int);
  if ("$float" in tagged) return new Float64(Number(tagged.$float));
  if ("$bin" in tagged) return fromHex(tagged.$bin);
  if ("$ref" in tagged) return new Ref(Number(tagged.$ref[0]), Number(tagged.$ref[1]), tagged.$ref[2]);
  return Object.fromEntries(Object.entries(tagged).map(([key, value]) => [key, build(value)]));
}
function same(found, wanted) {
  if (wanted instanceof Float64) return Object.is(found, wanted.value);
  if (typeof wanted === "bigint") {
    const whole = Number.isSafeInteger(Number(wanted)) ? typeof found === "number" : typeof found === "bigint";
    return whole && BigInt(found) === wanted;
  }
  if (wanted instanceof Uint8Array) return found instanceof Uint8Array && toHex(found) === toHex(wanted);
  if (wanted instanceof Ref) {
    return found instanceof Ref && ["slot", "length", "sequence"].every((key) => found[key] === wanted[key]);
  }
  if (wanted === null || typeof wanted !== "object") return found === wanted;
  const keys = Object.keys(wanted);
  return Object.keys(found).join() === keys.join() && keys.every((key) => same(found[key], wanted[key]));
}
"""


def tagged(value: object) -> object:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return {"$int": str(value)}
    if isinstance(value, float):
        return {"$float": repr(value)}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    assert isinstance(value, dict)
    if "$ref" in value:
        return {"$ref": [str(number) for number in value["$ref"]]}
    if "$bin" in value:
        return value
    return {key: tagged(item) for key, item in value.items()}


@pytest.fixture
def module(page: Page, server: Sidecar) -> Page:
    """The page without a ticket: its modules can be imported there."""
    return page.go(f"http://127.0.0.1:{server.port}/")


def in_page(page: Page, body: str, **values: object) -> Any:
    """Runs an async function body with JSON values in scope."""
    names = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())
    return page.run(f"(async () => {{\n{names}{body}\n}})()")


def test_every_golden_message_both_ways(module: Page) -> None:
    cases = [{"name": case["name"], "hex": case["hex"], "value": tagged(case["value"])} for case in MESSAGES]
    wrong = in_page(
        module,
        TOOLS
        + """
        const wrong = [];
        for (const { name, hex, value } of cases) {
          const wanted = build(value);
          if (!same(decode(fromHex(hex)), wanted)) wrong.push(`${name}: decoded`);
          if (toHex(encode(wanted)) !== hex) wrong.push(`${name}: ${toHex(encode(wanted))}`);
        }
        return wrong;""",
        cases=cases,
    )
    assert wrong == [] and len(cases) > 70


def test_every_prefix_and_every_tail_is_malformed(module: Page) -> None:
    left = in_page(
        module,
        TOOLS
        + """
        const left = [];
        for (const hex of cases) {
          const bytes = fromHex(hex);
          const broken = Array.from(bytes, (_, end) => bytes.subarray(0, end));
          broken.push(new Uint8Array([...bytes, 0xc0]));
          for (const piece of broken) {
            try { decode(piece); left.push(toHex(piece)); }
            catch (error) { if (!(error instanceof Malformed)) left.push(String(error)); }
          }
        }
        return left;""",
        cases=[case["hex"] for case in MESSAGES],
    )
    assert left == []


def is_malformed(data: bytes) -> bool:
    try:
        codec.decode(data)
    except codec.Malformed:
        return True
    return False


def test_what_the_server_calls_malformed_is_no_map_here_either(module: Page) -> None:
    cases = {case["name"]: case["hex"] for case in REFUSED if is_malformed(bytes.fromhex(case["hex"]))}
    taken = in_page(
        module,
        TOOLS
        + """
        return Object.entries(cases).filter(([, hex]) => {
          try {
            const value = decode(fromHex(hex));
            return value !== null && typeof value === "object" && Object.getPrototypeOf(value) === null;
          } catch (error) { return !(error instanceof Malformed); }
        }).map(([name]) => name);""",
        cases=cases,
    )
    assert taken == [] and len(cases) >= 8


def test_hostile_bytes(module: Page) -> None:
    """A key that would reach a prototype, a billion announced items, a hundred thousand levels."""
    found = in_page(
        module,
        TOOLS
        + """
        const map = decode(encode(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}')));
        const said = [Object.keys(map).join(), ({}).polluted === undefined];
        const bombs = [[0xdd, 0x3f, 255, 255, 255], [0xdf, 0x3f, 255, 255, 255], [0xc6, 255, 255, 255, 255]];
        for (const bytes of [...bombs, new Array(100000).fill(0x91)]) {
          try { decode(Uint8Array.from(bytes)); said.push("taken"); }
          catch (error) { said.push(error instanceof Malformed); }
        }
        for (const value of [NaN, Infinity, undefined, () => 1, Symbol("x"), 1n << 64n]) {
          try { encode(value); said.push("taken"); } catch (error) { said.push(error instanceof TypeError); }
        }
        return said;""",
    )
    assert found == ["__proto__,constructor", True] + [True] * 10


# -- the client --------------------------------------------------------------------------------------------------------

CLIENT = 'const { connect, Closed, VitrineError } = await import("/dashboard/vitrine.js");\n'


def test_calls_streams_and_clocks(module: Page, server: Sidecar) -> None:
    found = in_page(
        module,
        CLIENT
        + """
        const vitrine = await connect({ token, name: "test" });
        const data = { zh: "试穿", bytes: new Uint8Array([0, 1, 255]), big: 2n ** 60n, list: [1, -1, 0.5, null, true] };
        const here = await vitrine.call("server.echo", { data });
        const engine = await vitrine.call("server.echo", { where: "engine", data }, { budgetMs: 5000, prio: "frame" });
        const both = await Promise.all([1, 2, 3].map((n) => vitrine.call("server.echo", { data: n })));
        const clock = await vitrine.ping();
        const stream = vitrine.open("tryon.stream", { layers: [] }, { latest: 2 });
        const image = { w: 64, h: 48, f: "rgba8", o: "top", d: new Uint8ClampedArray(64 * 48 * 4).fill(90) };
        const parts = [];
        stream.push({ n: 0, t_us: 5, image });
        for await (const part of stream) {
          parts.push([part.n, part.d.n, part.d.image.w, part.d.image.f, part.d.image.d.length, part.tm.total_ms > 0]);
          if (parts.length < 3) stream.push({ n: parts.length, t_us: 5, image });
          else stream.end();
        }
        const end = (await stream.done).d;
        vitrine.close();
        return {
          here: [here.d.data.zh, Array.from(here.d.data.bytes), here.d.data.big === 2n ** 60n, here.d.data.list],
          engine: [engine.d.data.zh, engine.tm.total_ms >= engine.tm.infer_ms],
          both: both.map((answer) => answer.d.data), clock: clock.rttMs < 1000, parts, end, live: vitrine.live,
        };""",
        token=server.token,
    )
    assert found["here"] == ["试穿", [0, 1, 255], True, [1, -1, 0.5, None, True]]
    assert found["engine"] == ["试穿", True] and found["both"] == [1, 2, 3] and found["clock"]
    assert found["parts"] == [[n, n, 64, "rgba8", 64 * 48 * 4, True] for n in range(3)]
    assert found["end"] == {"frames_in": 3, "frames_out": 3, "superseded": 0} and not found["live"]


def test_errors_keep_their_codes(module: Page, server: Sidecar) -> None:
    found = in_page(
        module,
        CLIENT
        + """
        const vitrine = await connect({ token });
        const codes = [];
        const note = async (work) => {
          try { await work(); codes.push("none"); }
          catch (error) { codes.push(error instanceof VitrineError && error.code); }
        };
        await note(() => vitrine.call("nothing.of.this"));
        await note(() => vitrine.call("render.image"));
        await note(() => vitrine.call("model.load", { name: "no-such-model" }));
        await note(() => vitrine.call("server.echo", { where: 5 }));
        const stream = vitrine.open("tryon.stream", { layers: [] });
        stream.cancel();
        await note(async () => { for await (const part of stream) codes.push(part); });
        await note(() => stream.done);
        const bad = vitrine.open("tryon.stream", { layers: [{ product: "no-such-product" }] });
        await note(() => bad.done);
        const lost = new Promise((resolve) => vitrine.addEventListener("close", (event) => resolve(event.detail)));
        const open = vitrine.call("model.list").catch((error) => error.constructor.name);
        vitrine.close();
        codes.push((await lost) instanceof Closed, await open);
        await note(async () => vitrine.call("server.echo"));
        return codes;""",
        token=server.token,
    )
    assert found == [
        "unknown_op",
        "not_found",
        "not_found",
        "bad_request",
        "cancelled",
        "cancelled",
        "not_found",
        True,
        "Closed",
        "unavailable",
    ]


def test_a_wrong_token_and_a_server_that_is_not_there(module: Page, server: Sidecar) -> None:
    found = in_page(
        module,
        CLIENT
        + """
        const said = [];
        for (const options of [{ token: "wrong" }, { token: "x", url: "ws://127.0.0.1:9/v1" }]) {
          try { await connect(options); said.push("open"); }
          catch (error) { said.push(error instanceof Closed && error.closeCode); }
        }
        return said;""",
    )
    assert found[0] == 1008
    assert found[1] in (0, False)  # the page's own policy refuses the other port before anything is tried
    module.errors.clear()


def test_a_reader_that_is_slow_keeps_the_newest(module: Page, server: Sidecar) -> None:
    found = in_page(
        module,
        CLIENT
        + """
        const vitrine = await connect({ token });
        const stream = vitrine.open("tryon.stream", { layers: [] }, { latest: 2 });
        const image = { w: 8, h: 8, f: "rgb8", o: "top", d: new Uint8Array(192) };
        for (let n = 0; n < 6; n++) {
          stream.push({ n, t_us: n, image, layers: [] }); // with layers none is superseded
        }
        stream.end();
        await stream.done;
        const kept = [];
        for await (const part of stream) kept.push(part.d.n);
        vitrine.close();
        return { kept, dropped: stream.dropped };""",
        token=server.token,
    )
    assert found == {"kept": [4, 5], "dropped": 4}
