// From `server.stats` to what stands on the page. Nothing here asks for anything.

import { NOTHING, clock, count, duration, megabytes, ms, tenth } from "./format.js";
import { Table, element, say } from "./table.js";

const STAGES = ["queue", "decode", "infer", "encode"];
const TONES = { ready: "good", busy: "good", loading: "wait", starting: "wait", restarting: "bad", failed: "bad" };
const RATE_OVER_S = 0.5;

const $ = (id) => document.getElementById(id);

/** All sections; `show(stats)` brings them up to date. */
export class Sections {
  #tiles = new Map();
  #before = null;

  constructor() {
    for (const [key, label] of TILES) {
      const value = element("dd", { "data-counter": key }, NOTHING);
      const rate = element("dd", { class: "rate", "data-rate": key }, "");
      $("counters").append(element("div", {}, element("dt", {}, label), value, rate));
      this.#tiles.set(key, { value, rate });
    }
    this.tables = Object.fromEntries(
      Object.entries(TABLES).map(([id, options]) => [id, new Table($(id), options)]),
    );
  }

  /** `stats` is the result of `server.stats`. */
  show(stats) {
    this.#header(stats);
    this.#counters(stats);
    const watch = stats.watch;
    this.tables.sessions.show(watch.sessions);
    this.tables.queues.show(Object.entries(stats.queues).map(([prio, depth]) => ({ prio, depth })));
    this.tables.workers.show(stats.workers);
    this.tables.models.show(stats.models);
    const longest = Math.max(1, ...watch.slowest.map((call) => call.total_ms));
    this.tables.slowest.show(watch.slowest.map((call, place) => ({ ...call, place, longest })));
    this.tables.errors.show(watch.errors);
    codes($("fails"), stats.counters.fail, "No call has failed.");
    codes($("closes"), watch.closes, "None.");
  }

  #header(stats) {
    const { readiness } = stats.watch;
    const pressure = stats.pressure ?? { level: 0, what: "", mode: "" };
    const state = readiness.ready ? "Ready" : `Loading ${Math.round(100 * readiness.progress)} %`;
    status(state, readiness.ready ? "good" : "wait");
    say($("version"), stats.version);
    say($("uptime"), duration(stats.uptime_s));
    say($("providers"), stats.providers.join(", ") || NOTHING);
    say($("pressure"), `${pressure.level} of 3`);
    $("pressure").dataset.level = pressure.level;
    const mode = pressure.mode ? `Mode ${pressure.mode}. ` : "";
    say($("yielding"), `${mode}${pressure.what || "Nothing is held back."}`);
  }

  #counters(stats) {
    const { counters } = stats;
    const failed = Object.values(counters.fail).reduce((sum, n) => sum + n, 0);
    const now = { ...counters, failed, sessions: stats.sessions, at: stats.uptime_s };
    const passed = this.#before === null ? 0 : now.at - this.#before.at;
    for (const [key, , rated] of TILES) {
      const { value, rate } = this.#tiles.get(key);
      say(value, count(now[key]));
      if (rated && passed >= RATE_OVER_S) {
        say(rate, `${tenth((now[key] - this.#before[key]) / passed)} /s`);
      }
    }
    if (this.#before === null || passed >= RATE_OVER_S || passed < 0) {
      this.#before = now;
    }
  }
}

/** The word in the bar; `tone` is good, wait or bad. */
export function status(text, tone) {
  say($("state"), text);
  $("state").dataset.tone = tone;
}

const TILES = [
  ["sessions", "Sessions", false],
  ["calls", "Calls", true],
  ["done", "Done", true],
  ["failed", "Failed", true],
  ["frames_in", "Frames in", true],
  ["frames_out", "Frames answered", true],
  ["superseded", "Frames superseded", true],
];

function pill(cell, text) {
  if (cell.firstElementChild === null) {
    cell.append(element("span", { class: "pill" }));
  }
  say(cell.firstElementChild, text);
  cell.firstElementChild.dataset.tone = TONES[text] ?? "plain";
}

function opened(row) {
  return Object.entries(row.open).map(([op, n]) => (n > 1 ? `${op} ×${n}` : op)).join(", ") || NOTHING;
}

const TABLES = {
  sessions: {
    caption: "Sessions, with the frames answered in the last five seconds",
    key: (row) => row.name,
    empty: "Nobody is connected.",
    columns: [
      { label: "Session", cell: (row) => `${row.name} ${row.client}` },
      { label: "Open", cell: opened },
      { label: "Pictures", cell: (row) => (row.pictures === "shm" ? "shared" : "inline") },
      { label: "Frames/s", numeric: true, cell: (row) => tenth(row.fps) },
      { label: "Age p50", numeric: true, cell: (row) => ms(row.age_ms?.p50) },
      { label: "Age p95", numeric: true, cell: (row) => ms(row.age_ms?.p95) },
      { label: "Superseded", numeric: true, cell: (row) => count(row.superseded) },
    ],
  },
  queues: {
    caption: "Jobs that wait, by priority",
    key: (row) => row.prio,
    empty: "There are no queues.",
    columns: [
      { label: "Priority", cell: (row) => row.prio },
      { label: "", className: "meter", fill: (cell, row) => bar(cell, Math.min(1, row.depth / 16)) },
      { label: "Waiting", numeric: true, cell: (row) => count(row.depth) },
    ],
  },
  workers: {
    caption: "Worker processes",
    key: (row) => row.name,
    empty: "No worker runs.",
    columns: [
      { label: "Worker", cell: (row) => row.name },
      { label: "State", fill: (cell, row) => pill(cell, row.state) },
      { label: "Process", numeric: true, cell: (row) => String(row.pid) },
      { label: "Memory", numeric: true, cell: (row) => megabytes(row.rss_bytes) },
      { label: "Restarts", numeric: true, cell: (row) => count(row.restarts) },
    ],
  },
  models: {
    caption: "Models that are loaded",
    key: (row) => row.name,
    empty: "No model is loaded yet; the first call that needs one loads it.",
    columns: [
      { label: "Model", cell: (row) => row.name },
      { label: "State", fill: (cell, row) => pill(cell, row.state) },
      { label: "Runs on", cell: (row) => [row.provider, row.precision].filter(Boolean).join(" ") || NOTHING },
      { label: "p50", numeric: true, cell: (row) => ms(row.runs ? row.p50_ms : null) },
      { label: "p95", numeric: true, cell: (row) => ms(row.runs ? row.p95_ms : null) },
      { label: "Runs", numeric: true, cell: (row) => count(row.runs) },
      { label: "Memory", numeric: true, cell: (row) => megabytes(row.bytes) },
    ],
  },
  slowest: {
    caption: "The slowest calls, each as a waterfall of its parts in milliseconds",
    key: (row) => row.place,
    empty: "No call has been answered by a worker in the last five minutes.",
    columns: [
      { label: "Op", cell: (row) => row.op },
      { label: "Session", cell: (row) => row.session, className: "short" },
      { label: "At", cell: (row) => clock(row.at), className: "short" },
      { label: "Where the time went", className: "fall", fill: waterfall },
      { label: "Total", numeric: true, cell: (row) => ms(row.total_ms) },
    ],
  },
  errors: {
    caption: "The last calls that failed",
    key: (row) => `${row.op} ${row.code} ${row.session} ${row.at}`,
    empty: "No call has failed.",
    columns: [
      { label: "At", cell: (row) => clock(row.at) },
      { label: "Op", cell: (row) => row.op },
      { label: "Code", cell: (row) => row.code },
      { label: "Session", cell: (row) => row.session },
      { label: "Times", numeric: true, cell: (row) => count(row.count) },
    ],
  },
};

function bar(cell, share) {
  if (cell.firstElementChild === null) {
    cell.append(element("span", { class: "track", "aria-hidden": "true" }, element("span", { class: "filled" })));
  }
  cell.firstElementChild.firstElementChild.style.width = `${100 * share}%`;
}

/** The parts one after the other, on the scale of the longest call shown; the words say the same. */
function waterfall(cell, call) {
  if (cell.firstElementChild === null) {
    const track = element("span", { class: "track", "aria-hidden": "true" });
    track.append(...[...STAGES, "rest"].map((stage) => element("span", { "data-stage": stage })));
    cell.append(track, element("span", { class: "parts" }));
  }
  const parts = STAGES.map((stage) => call[`${stage}_ms`]);
  const rest = Math.max(0, call.total_ms - parts.reduce((sum, part) => sum + part, 0));
  const [track, words] = cell.children;
  [...parts, rest].forEach((part, i) => {
    track.children[i].style.width = `${(100 * part) / call.longest}%`;
  });
  say(words, [...STAGES.map((stage, i) => `${stage} ${tenth(parts[i])}`), `other ${tenth(rest)}`].join(" · "));
}

function codes(list, counts, empty) {
  const entries = Object.entries(counts).sort();
  if (entries.length === 0) {
    list.replaceChildren(element("li", { class: "empty" }, empty));
    return;
  }
  list.replaceChildren(
    ...entries.map(([code, n]) =>
      element("li", { "data-code": code }, element("span", {}, code), " ", element("b", {}, count(n)))),
  );
}
