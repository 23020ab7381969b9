"use strict";
// Shows what /healthz says; it holds no data of anybody and needs no token.
const state = document.getElementById("state");
const progress = document.getElementById("progress");
const models = document.getElementById("models");

function show(health) {
  state.textContent = health.ready ? "Ready." : "Loading models…";
  progress.value = health.progress;
  progress.hidden = health.ready;
  models.replaceChildren(
    ...Object.entries(health.models).flatMap(([name, status]) => {
      const term = document.createElement("dt");
      const detail = document.createElement("dd");
      term.textContent = name;
      detail.textContent = status;
      return [term, detail];
    }),
  );
}

async function ask() {
  try {
    const answer = await fetch("/healthz");
    show(await answer.json());
  } catch {
    state.textContent = "The sidecar does not answer. Is it still running?";
  }
  setTimeout(ask, 1000);
}

ask();
