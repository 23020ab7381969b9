// Puts the page together: the ticket from the address, the session, the sections and the try-it panel.

import { Sections, status } from "./sections.js";
import { Session } from "./session.js";
import { say } from "./table.js";
import { TryIt } from "./tryit.js";

const $ = (id) => document.getElementById(id);

const session = new Session();
const sections = new Sections();
const tryIt = new TryIt(session);

/** The ticket in the address, which is taken out of it: it is used up, and no history should keep it. */
function ticketOf(address) {
  const found = /[#&]ticket=([\w-]+)/.exec(address);
  return found === null ? "" : found[1];
}

function openFromAddress() {
  const ticket = ticketOf(location.hash);
  history.replaceState(null, "", location.pathname);
  session.open(ticket);
}

session.addEventListener("open", () => {
  $("locked").hidden = true;
  $("open").hidden = false;
  $("pause").hidden = false;
  $("facts").hidden = false;
  $("notice").hidden = true;
});

session.addEventListener("stats", (event) => {
  sections.show(event.detail);
  $("notice").hidden = true;
});

session.addEventListener("late", (event) => notice(event.detail));

session.addEventListener("note", (event) => {
  const { topic, d } = event.detail;
  if (topic === "shutdown") notice("The sidecar is being stopped.");
  if (topic === "pressure") say($("yielding"), d.what);
});

session.addEventListener("shut", (event) => {
  tryIt.stop("");
  status(event.detail === "" ? "No ticket" : "Not connected", "bad");
  say($("locked-why"), event.detail);
  $("locked-why").hidden = event.detail === "";
  $("locked").hidden = false;
  $("open").hidden = true;
  $("pause").hidden = true;
  $("facts").hidden = true;
});

session.addEventListener("health", (event) => say($("locked-health"), healthText(event.detail)));

function healthText(health) {
  if (health === null) return "The sidecar does not answer. Start it with: vitrine serve";
  if (!health.ready) return `The sidecar runs and is loading its models (${Math.round(100 * health.progress)} %).`;
  return "The sidecar runs and is ready.";
}

function notice(text) {
  say($("notice"), text);
  $("notice").hidden = false;
}

$("ticket-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const offered = $("ticket").value.trim();
  $("ticket").value = "";
  session.open(ticketOf(offered) || offered);
});

$("pause").addEventListener("click", () => {
  session.pause(!session.paused);
  $("pause").setAttribute("aria-pressed", String(session.paused));
  say($("pause"), session.paused ? "Resume" : "Pause");
});

const tabs = [...document.querySelectorAll("[role=tab]")];

function select(tab) {
  for (const other of tabs) {
    const on = other === tab;
    other.setAttribute("aria-selected", String(on));
    other.tabIndex = on ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = !on;
  }
  tab.focus();
}

for (const [i, tab] of tabs.entries()) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) select(tabs[(i + step + tabs.length) % tabs.length]);
  });
}

// A new link pasted into this tab changes only the part after `#`, and the page is not loaded again.
addEventListener("hashchange", () => {
  if (ticketOf(location.hash) !== "") openFromAddress();
});

openFromAddress();
