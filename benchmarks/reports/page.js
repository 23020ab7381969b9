
"use strict";
// Draws the percentile curve and the timeline from the page's own data; everything else on the page is plain text.
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const SHARES = [[0, "0"], [0.5, "50"], [0.9, "90"], [0.99, "99"], [0.999, "99.9"], [0.9999, "99.99"]];
const LEFT = 48, RIGHT = 46, TOP = 8, BOTTOM = 26;
const log = {};

function scale(low, high, from, to, isLog) {
  const f = isLog ? Math.log10 : (value) => value;
  const a = f(low), b = f(high);
  return (value) => from + (to - from) * (f(Math.min(Math.max(value, low), high)) - a) / (b - a || 1);
}

function ticks(low, high, isLog) {
  const found = [];
  if (isLog) {
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const step of high / low > 1000 ? [1] : [1, 2, 5]) found.push(step * 10 ** power);
  } else {
    const rough = high / 5, unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((one) => one * unit).find((one) => one >= rough);
    for (let index = 0; index * step <= high; index++) found.push(index * step);
  }
  return found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
}

function short(value) {
  if (value === 0) return "0";
  return value >= 1000 ? value.toLocaleString("en") : String(Number(value.toPrecision(3)));
}

function range(values, name) {
  const good = values.filter((value) => value !== null && value > 0);
  let low = Infinity, high = 0;
  for (const value of good) { if (value < low) low = value; if (value > high) high = value; }
  if (!good.length) return [0, 1, false];
  if (!(name in log)) {
    const sorted = [...good].sort((a, b) => a - b);
    log[name] = high / sorted[sorted.length >> 2] > 12;
  }
  return log[name] ? [low * 0.9, high * 1.12, true] : [0, high * 1.08, false];
}

function frameLines(low, high) {
  if (!data.hz) return [];
  const frame = 1000 / data.hz, most = Math.floor(high / frame), found = [];
  for (let count = 1; count <= most; count = most <= 8 ? count + 1 : count * 2)
    if (count * frame > low) found.push([count, count * frame]);
  return found;
}

function node(parent, name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function spread(pairs, gap) {
  const kept = [];
  for (const pair of pairs) if (!kept.length || Math.abs(pair[2] - kept[kept.length - 1][2]) >= gap) kept.push(pair);
  return kept;
}

function drawCurve() {
  const box = document.getElementById("curve"), width = box.clientWidth, height = box.clientHeight;
  box.replaceChildren();
  const [low, high, isLog] = range(data.curves.flatMap((one) => one.points.map((point) => point[1])), "curve");
  const svg = node(box, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "Latency in milliseconds by percentile; the table of every series has the numbers" });
  const nines = (share) => -Math.log10(1 - Math.min(share, 0.99995));
  const x = scale(0, 4.1, LEFT, width - RIGHT, false), y = scale(low, high, height - BOTTOM, TOP, isLog);
  for (const [share, name] of SHARES) {
    node(svg, "line", { x1: x(nines(share)), x2: x(nines(share)), y1: TOP, y2: height - BOTTOM, class: "grid" });
    node(svg, "text", { x: x(nines(share)), y: height - 8, "text-anchor": "middle", class: "axis" }, name);
  }
  for (const [value, , at] of spread(ticks(low, high, isLog).map((value) => [value, "", y(value)]), 14)) {
    node(svg, "line", { x1: LEFT, x2: width - RIGHT, y1: at, y2: at, class: "grid" });
    node(svg, "text", { x: LEFT - 6, y: at + 4, "text-anchor": "end", class: "axis" }, short(value));
  }
  for (const [count, , at] of spread(frameLines(low, high).map(([count, ms]) => [count, ms, y(ms)]), 14)) {
    node(svg, "line", { x1: LEFT, x2: width - RIGHT, y1: at, y2: at, class: "budget" });
    node(svg, "text", { x: width - RIGHT + 5, y: at + 4, class: "axis" }, `${count} fr`);
  }
  node(svg, "text", { x: LEFT + 6, y: TOP + 12, class: "axis" }, "ms");
  node(svg, "text", { x: width - 4, y: height - 8, "text-anchor": "end", class: "axis" }, "%");
  const names = [...new Set(data.curves.map((one) => one.name))];
  for (const curve of data.curves) {
    const path = curve.points.map((point, index) => `${index ? "L" : "M"}${x(nines(point[0])).toFixed(1)} ${y(point[1]).toFixed(1)}`);
    const classes = ["line", `curve-${names.indexOf(curve.name) % 6}`];
    if (curve.baseline) classes.push("baseline");
    if (curve.floor) classes.push("of-floor");
    const line = node(svg, "path", { d: path.join(""), class: classes.join(" ") });
    node(line, "title", {}, curve.name + (curve.baseline ? ", baseline" : ""));
  }
  key("curve-key", data.curves.map((one) => [one.name + (one.baseline ? " (baseline)" : one.floor ? " (floor)" : ""),
    `line curve-${names.indexOf(one.name) % 6}${one.baseline ? " baseline" : ""}${one.floor ? " of-floor" : ""}`]));
}

function key(id, entries) {
  const box = document.getElementById(id);
  box.replaceChildren();
  for (const [name, classes] of entries) {
    const item = document.createElement("span");
    const svg = node(item, "svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
    node(svg, "line", { x1: 0, x2: 26, y1: 5, y2: 5, class: classes });
    item.append(name);
    box.append(item);
  }
}

const timeline = {
  setUp() {
    this.canvas = document.getElementById("timeline");
    this.tip = document.getElementById("tip");
    this.chosen = -1;
    const calls = data.calls, drawn = calls.t.length;
    document.getElementById("drawn").textContent = drawn < calls.count
      ? `Drawn: ${short(drawn)} of ${short(calls.count)}, of each slice of time the slowest, and those that missed or failed.`
      : "";
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.choose(-1));
    this.canvas.addEventListener("blur", () => this.choose(-1));
    this.canvas.addEventListener("keydown", (event) => this.press(event));
  },

  draw() {
    const calls = data.calls, canvas = this.canvas, ratio = window.devicePixelRatio || 1;
    const width = canvas.parentElement.clientWidth, height = canvas.parentElement.clientHeight;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    const [low, high, isLog] = range(calls.latency.filter((_, row) => this.shows(row)), "timeline");
    const first = Math.min(0, calls.t[0]), last = Math.max(calls.t[calls.t.length - 1], first + 1);
    const floor = height - BOTTOM - 22;
    this.x = scale(first, last, LEFT, width - RIGHT, false);
    this.y = scale(low, high, floor, TOP, isLog);
    this.rug = floor + 8;
    pen.lineWidth = 1;
    const line = (y, name, dashes) => {
      pen.strokeStyle = colour(name);
      pen.setLineDash(dashes);
      pen.beginPath();
      pen.moveTo(LEFT, y);
      pen.lineTo(width - RIGHT, y);
      pen.stroke();
    };
    pen.fillStyle = colour("muted");
    for (const [value, , at] of spread(ticks(low, high, isLog).map((value) => [value, "", this.y(value)]), 14)) {
      line(at, "line", []);
      pen.textAlign = "right";
      pen.fillText(short(value), LEFT - 6, at + 4);
    }
    for (const [count, , at] of spread(frameLines(low, high).map(([count, ms]) => [count, ms, this.y(ms)]), 14)) {
      line(at, "miss", [2, 4]);
      pen.textAlign = "left";
      pen.fillText(`${count} fr`, width - RIGHT + 5, at + 4);
    }
    pen.setLineDash([]);
    pen.textAlign = "left";
    pen.fillText("ms", LEFT + 6, TOP + 12);
    pen.textAlign = "center";
    const seconds = ticks(0, last / 1000, false).slice(0, width < 500 ? 4 : 12);
    for (const second of seconds) pen.fillText(`${short(second)} s`, this.x(1000 * second), height - 8);
    this.marks(pen, colour);
    if (this.chosen >= 0) this.ring(pen, colour("text"));
  },

  marks(pen, colour) {
    const calls = data.calls;
    const size = calls.t.length > 3000 ? 1.3 : 2;
    for (const pass of [0, 1]) {
      for (let row = 0; row < calls.t.length; row++) {
        const missed = calls.missed[row] > 0, x = this.x(calls.t[row]);
        if ((pass === 1) !== missed) continue;
        if (!this.shows(row)) {
          pen.fillStyle = colour("queue");
          pen.fillRect(x - 0.5, this.rug + 9, 1, 6);
        } else {
          pen.fillStyle = colour(missed ? "miss" : `curve-${calls.op[row] % 6 === 3 ? 2 : calls.op[row] % 6}`);
          pen.globalAlpha = missed ? 0.9 : 0.6;
          pen.beginPath();
          pen.arc(x, this.y(calls.latency[row]), missed ? size + 0.6 : size, 0, 7);
          pen.fill();
          pen.globalAlpha = 1;
        }
        if (missed) {
          pen.fillStyle = colour("miss");
          pen.fillRect(x - 0.5, this.rug, 1, 7);
        }
      }
    }
  },

  ring(pen, colour) {
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(...this.place(this.chosen), 6, 0, 7);
    pen.stroke();
  },

  shows(row) {
    return data.calls.outcomes[data.calls.outcome[row]] === "ok" && data.calls.latency[row] !== null;
  },

  place(row) {
    return [this.x(data.calls.t[row]), this.shows(row) ? this.y(data.calls.latency[row]) : this.rug + 12];
  },

  point(event) {
    const box = this.canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    let best = -1, nearest = 24 ** 2;
    for (let row = 0; row < data.calls.t.length; row++) {
      const dx = this.x(data.calls.t[row]) - px;
      if (dx > 24 || dx < -24) continue;
      const dy = this.place(row)[1] - py, distance = dx * dx + dy * dy;
      if (distance < nearest) { nearest = distance; best = row; }
    }
    this.choose(best);
  },

  press(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -50, PageDown: 50, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const last = data.calls.t.length - 1;
    this.choose(Math.min(last, Math.max(0, this.chosen + steps[event.key])));
  },

  choose(row) {
    if (row === this.chosen) return;
    this.chosen = row;
    this.draw();
    this.tip.hidden = row < 0;
    if (row < 0) return;
    this.tip.textContent = describe(row);
    const [x, y] = this.place(row), holder = this.tip.parentElement, top = this.canvas.offsetTop;
    const left = Math.min(Math.max(0, x + 12), holder.clientWidth - this.tip.offsetWidth);
    const above = top + y - this.tip.offsetHeight - 12;
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${above >= 0 ? above : top + y + 14}px`;
  },
};

function describe(row) {
  const calls = data.calls, latency = calls.latency[row], missed = calls.missed[row];
  const where = `${calls.streams[calls.stream[row]]}${calls.n ? ` n ${calls.n[row]}` : ""} · ${calls.ops[calls.op[row]]}`;
  const frames = data.hz && latency !== null ? ` = ${(latency * data.hz / 1000).toFixed(1)} frames` : "";
  const took = latency === null ? calls.outcomes[calls.outcome[row]]
    : `${calls.outcomes[calls.outcome[row]]} after ${latency} ms${frames}`;
  const stages = Object.entries(calls.stages).filter(([, times]) => times[row] !== null)
    .map(([stage, times]) => `${stage} ${times[row]}`).join(" · ");
  return [`at ${(calls.t[row] / 1000).toFixed(3)} s: ${where}`, took + (missed ? `, ${missed} missed` : ""), stages]
    .filter(Boolean).join("\n");
}

function drawAll() {
  if (data.curves.length) drawCurve();
  if (data.calls) timeline.draw();
  for (const button of document.querySelectorAll("[data-scale]")) {
    button.textContent = log[button.dataset.scale] ? "Linear scale" : "Log scale";
  }
}

for (const button of document.querySelectorAll("[data-scale]"))
  button.addEventListener("click", () => { log[button.dataset.scale] = !log[button.dataset.scale]; drawAll(); });
if (data.calls) {
  timeline.setUp();
  const ops = data.calls.ops.map((name, index) => [name, `line curve-${index % 6 === 3 ? 2 : index % 6}`]);
  key("timeline-key", [...ops, ["missed a refresh", "line missed"], ["not answered (superseded, failed)", "line other"]]);
}
window.addEventListener("resize", drawAll);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();
