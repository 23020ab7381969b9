// The review page: a queue of products, one of them open, its tools, and saving.

import * as api from "./api.js";
import { Edit } from "./edit.js";
import { Stage, colourOf, spoken } from "./stage.js";

const $ = (id) => document.getElementById(id);
const METHODS = { "outline-1": "by its outline", hand: "by hand", drawn: "drawn with it" };

const drafts = new Map(); // id -> { edit, pictures }: what was begun is kept while the page is open
let rows = [];
let current = null;
let busy = false;

const stage = new Stage(
  {
    stage: $("stage"), scroll: $("scroll"), product: $("product"), parts: $("parts"), points: $("points"),
    brush: $("brush"), source: $("show-source"),
  },
  { changed: () => refresh(), where: (text) => { $("where").textContent = text; } },
);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const tone = (row) => (row.state === "reviewed" || row.confidence >= .8 ? "good" : row.confidence >= .5 ? "wait" : "bad");
const certainty = (row) => ({ reviewed: "Reviewed", unprepared: "Unprepared" }[row.state] ?? `${Math.round(row.confidence * 100)} %`);
const named = (title) => title.zh && title.en ? `${title.en} ${title.zh}` : title.en || title.zh;

function say(text, tone = "") {
  $("said").textContent = text;
  if (tone) $("said").dataset.tone = tone;
  else delete $("said").dataset.tone;
}

function showQueue({ total, reviewed }) {
  $("empty").hidden = total > 0;
  $("count").textContent = total > rows.length ? `the first ${rows.length} of ${total}` : "";
  $("progress").textContent = total > 0 ? `${reviewed} of ${total} reviewed` : "";
  Object.assign($("done"), { max: Math.max(total, 1), value: reviewed });
  $("queue").replaceChildren(...rows.map((row) => {
    const pill = make("span", { className: "pill", textContent: certainty(row) });
    pill.dataset.tone = tone(row);
    const changed = drafts.get(row.id)?.edit.changed ? " changed" : "";
    const button = make(
      "button",
      { type: "button", onclick: () => open(row.id) },
      make("span", { className: `name${changed}`, textContent: row.title.en || row.title.zh, title: named(row.title) }),
      make("span", { className: "id muted small", textContent: row.title.en ? `${row.title.zh} ${row.id}`.trim() : row.id }),
      pill,
    );
    if (row.id === current?.item.id) button.setAttribute("aria-current", "true");
    return make("li", {}, button);
  }));
  $("queue").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

let counts = { total: 0, reviewed: 0 };
async function loadQueue() {
  const found = await api.queue();
  rows = found.items;
  counts = { total: found.total, reviewed: found.reviewed };
  showQueue(counts);
}

function readParts(bitmap) {
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, pixel) => data[4 * pixel]);
}

async function fetched(id) {
  const [item, picture, parts] = await Promise.all([api.load(id), api.picture(id, "picture"), api.picture(id, "parts")]);
  const source = item.has_source ? await api.picture(id, "source") : null;
  return { edit: new Edit(item, readParts(parts)), pictures: { picture, source } };
}

// What is open already stays as it is, unless it is asked for `again`: work may go on while it would be fetched.
async function open(id, { again = false } = {}) {
  if (busy || (id === current?.item.id && !again)) return;
  busy = true;
  try {
    if (!drafts.get(id)?.edit.changed) drafts.set(id, await fetched(id));
    const { edit, pictures } = drafts.get(id);
    if (current !== null && !current.changed) drafts.delete(current.item.id === id ? "" : current.item.id);
    current = edit;
    showItem();
    stage.show(edit, pictures);
    refresh();
    say(edit.changed ? "Your changes are not saved yet." : "");
  } catch (error) {
    fail(error);
  } finally {
    busy = false;
  }
}

function showItem() {
  const { item } = current;
  document.title = `${item.title.en || item.title.zh} – Vitrine review`;
  $("stage-title").textContent = named(item.title);
  $("where").textContent = "";
  $("about").textContent = [item.id, item.brand, item.kind].filter(Boolean).join(" · ");
  $("state").textContent = certainty(item).replace(" %", " % sure");
  $("state").dataset.tone = tone(item);
  $("method").textContent = item.method ? `placed ${METHODS[item.method] ?? `by ${item.method}`}` : "drag the places to where they belong";
  const percent = Math.round(item.confidence * 100);
  $("meter").setAttribute("aria-valuenow", percent);
  $("meter").dataset.tone = tone(item);
  $("meter").firstElementChild.style.width = `${percent}%`;
  $("show-source").disabled = !item.has_source;
  if (!item.has_source) $("show-source").checked = false;
  showModes(item);
  showGroups(item);
}

function radio(value, label, key, colour) {
  const input = make("input", { type: "radio", name: "mode", value, onchange: () => setMode(value) });
  const parts = [input];
  if (colour) parts.push(Object.assign(make("span", { className: "swatch" }), { style: `background: rgb(${colour.join(" ")})` }));
  return make("label", {}, ...parts, ` ${label} `, make("kbd", { textContent: key }));
}

function showModes(item) {
  const kept = document.querySelector('input[name="mode"]:checked')?.value ?? "move";
  $("modes").replaceChildren(
    make("legend", { textContent: "Tool" }),
    radio("move", "Move places", "V"),
    ...item.parts.map((part, index) => radio(String(part.bit), `${part.title.en} ${part.title.zh}`, String(index + 1), colourOf(index))),
    radio("0", "Rub out", "E"),
  );
  const values = [...document.querySelectorAll('input[name="mode"]')].map((input) => input.value);
  setMode(values.includes(kept) ? kept : "move");
  $("fill").disabled = item.parts.every((part) => part.outline.length === 0);
}

function setMode(value) {
  const input = document.querySelector(`input[name="mode"][value="${value}"]`);
  if (input === null) return;
  input.checked = true;
  stage.mode = value === "move" ? { kind: "move", bit: 0 } : { kind: "paint", bit: Number(value) };
  $("stage").dataset.mode = stage.mode.kind;
  if (value !== "move") $("show-parts").checked = true;
  applyShown();
}

function showGroups(item) {
  $("groups").hidden = item.optional.length === 0;
  $("groups").replaceChildren(make("legend", { textContent: "Places it has" }), ...item.optional.map((group) => {
    const name = spoken(group[0].replace(/^sleeve_|_(inner|outer)$/g, ""));
    const input = make("input", { type: "checkbox", onchange: (event) => change(() => current.toggle(group, event.target.checked)) });
    input.dataset.group = group.join();
    return make("label", {}, input, ` ${name}`);
  }));
}

function change(make, parts = false) {
  current.mark({ parts });
  make();
  stage.draw();
  refresh();
}

function refresh() {
  if (current === null) return;
  $("undo").disabled = !current.canUndo;
  $("redo").disabled = !current.canRedo;
  for (const input of $("groups").querySelectorAll("input")) input.checked = current.has(input.dataset.group.split(","));
  const at = rows.findIndex((row) => row.id === current.item.id);
  $("previous").disabled = at <= 0;
  $("next").disabled = at < 0 || at === rows.length - 1;
  showQueue(counts);
}

function applyShown() {
  $("parts").hidden = !$("show-parts").checked;
  $("points").style.display = $("show-points").checked ? "" : "none";
}

function step(by) {
  const at = rows.findIndex((row) => row.id === current?.item.id) + by;
  if (at >= 0 && at < rows.length) open(rows[at].id);
}

async function save() {
  if (busy || current === null) return;
  busy = true;
  $("save").disabled = true;
  say("Saving…");
  const { item } = current;
  // Where it stands now: saving moves it to the end of the queue.
  const following = rows[rows.findIndex((row) => row.id === item.id) + 1]?.id;
  let saved = false;
  try {
    const correction = { revision: item.revision, landmarks: Object.fromEntries(current.places), parts: await current.encoded() };
    await api.save(item.id, correction);
    drafts.delete(item.id);
    current.changed = false;
    await loadQueue();
    saved = true;
  } catch (error) {
    fail(error);
  } finally {
    busy = false;
    $("save").disabled = false;
  }
  if (!saved) return;
  const next = rows.find((row) => row.id === following && row.state !== "reviewed") ?? rows.find((row) => row.state !== "reviewed");
  await open(next?.id ?? item.id, { again: true });
  say(next ? `${named(item.title)} is saved.` : "Saved. Everything is reviewed.", "good");
}

function fail(error) {
  if (!(error instanceof api.Failed)) throw error;
  if (error.status === 401) lock();
  else say(error.message, "bad");
}

function lock() {
  $("open").hidden = true;
  $("locked").hidden = false;
}

function undo() { current?.undo(); stage.draw(); refresh(); }
function redo() { current?.redo(); stage.draw(); refresh(); }
function resize(by) {
  const size = Math.min(80, Math.max(2, Number($("size").value) + by));
  $("size").value = size;
  $("size-said").textContent = size;
  stage.radius = size;
}
function toggle(id) {
  if ($(id).disabled) return;
  $(id).checked = !$(id).checked;
  $(id).dispatchEvent(new Event("change"));
}

const KEYS = {
  s: save, n: () => step(1), k: () => step(-1), v: () => setMode("move"), e: () => setMode("0"),
  "[": () => resize(-4), "]": () => resize(4), p: () => toggle("show-parts"), l: () => toggle("show-points"),
  b: () => toggle("show-source"), "+": () => stage.zoom(1.5), "=": () => stage.zoom(1.5), "-": () => stage.zoom(1 / 1.5),
  0: () => stage.zoom(0),
};

document.addEventListener("keydown", (event) => {
  if (current === null || $("keys").open || event.altKey || event.isComposing) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" || key === "y") {
      event.preventDefault();
      if (key === "y" || event.shiftKey) redo();
      else undo();
    }
    return;
  }
  const part = current.item.parts[Number(key) - 1];
  const run = part !== undefined && key !== "0" ? () => setMode(String(part.bit)) : KEYS[key];
  if (run === undefined) return;
  event.preventDefault();
  run();
});

$("undo").onclick = undo;
$("redo").onclick = redo;
$("save").onclick = save;
$("next").onclick = () => step(1);
$("previous").onclick = () => step(-1);
$("fit").onclick = () => stage.zoom(0);
$("larger").onclick = () => stage.zoom(1.5);
$("smaller").onclick = () => stage.zoom(1 / 1.5);
$("fill").onclick = () => change(() => current.fill(stage.opaque), true);
$("clear").onclick = () => change(() => current.parts.fill(0), true);
$("size").oninput = () => resize(0);
$("show-source").onchange = () => stage.draw();
$("show-parts").onchange = applyShown;
$("show-points").onchange = applyShown;
$("keys-open").onclick = () => $("keys").showModal();
addEventListener("beforeunload", (event) => {
  if ([...drafts.values()].some((draft) => draft.edit.changed)) event.preventDefault();
});

async function start() {
  if (!api.hasToken) return lock();
  try {
    await loadQueue();
  } catch (error) {
    if (error instanceof api.Failed && error.status === 401) return lock();
    $("locked-why").textContent = error.message;
    return lock();
  }
  $("open").hidden = false;
  if (rows.length > 0) await open(rows[0].id);
}

await start();
