"use strict";
// Light, dark, or as the system has it. Runs before anything is drawn, so that the page does not flash.
(() => {
  const KEY = "vitrine-theme";
  const ORDER = ["auto", "light", "dark"];
  const LABEL = { auto: "Auto", light: "Light", dark: "Dark" };
  const SAID = { auto: "as the system", light: "light", dark: "dark" };

  function chosen() {
    try {
      const kept = localStorage.getItem(KEY);
      return ORDER.includes(kept) ? kept : "auto";
    } catch {
      return "auto"; // a browser that keeps nothing
    }
  }

  function apply(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button !== null) {
      button.textContent = LABEL[theme];
      button.setAttribute("aria-label", `Colours: ${SAID[theme]}`);
    }
  }

  apply(chosen());
  document.addEventListener("DOMContentLoaded", () => {
    apply(chosen());
    document.getElementById("theme").addEventListener("click", () => {
      const next = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // then it holds for this page only
      }
      apply(next);
    });
  });
})();
