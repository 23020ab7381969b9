// The dashboard's connection: a ticket opens it once, statistics are asked for every second while somebody looks.

import { connect } from "./vitrine.js";

const POLL_MS = 1000;
const HEALTH_MS = 2000;

/**
 * Events: `open` (detail the connection), `stats` (detail `server.stats`), `note`, `shut` (detail: why, in words),
 * `health` (detail `/healthz`, or null when nothing answers) while it is shut.
 */
export class Session extends EventTarget {
  #vitrine = null;
  #timer = null;
  #paused = false;
  #opening = false;

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => this.#schedule(0));
  }

  /** The connection, or null. */
  get vitrine() {
    return this.#vitrine;
  }

  get paused() {
    return this.#paused;
  }

  /** Stops or resumes asking; what is shown stays. */
  pause(on) {
    this.#paused = on;
    this.#schedule(0);
  }

  /** Opens the page with a ticket; without one it is shut from the start. */
  async open(ticket) {
    if (this.#opening) {
      return;
    }
    this.#opening = true;
    this.#vitrine?.close();
    this.#vitrine = null;
    try {
      if (ticket === "") {
        this.#shut("");
        return;
      }
      const vitrine = await connect({ token: ticket, name: "dashboard" });
      this.#vitrine = vitrine;
      vitrine.addEventListener("note", (event) => this.#tell("note", event.detail));
      vitrine.addEventListener("close", (event) => {
        if (this.#vitrine === vitrine) {
          this.#vitrine = null;
          this.#shut(reason(event.detail));
        }
      });
      this.#tell("open", vitrine);
      this.#schedule(0);
    } catch (error) {
      this.#shut(reason(error));
    } finally {
      this.#opening = false;
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #shut(why) {
    this.#tell("shut", why);
    this.#schedule(0);
  }

  #schedule(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), delay);
  }

  async #ask() {
    if (document.hidden || (this.#paused && this.#vitrine !== null)) {
      return;
    }
    const vitrine = this.#vitrine;
    if (vitrine === null) {
      this.#tell("health", await health());
      this.#schedule(HEALTH_MS);
      return;
    }
    try {
      const { d } = await vitrine.call("server.stats", {}, { timeoutMs: 5000 });
      if (!this.#paused) this.#tell("stats", d);
    } catch (error) {
      if (vitrine.live) this.#tell("late", error.message);
    }
    this.#schedule(POLL_MS);
  }
}

async function health() {
  try {
    const answer = await fetch("/healthz", { signal: AbortSignal.timeout(2000) });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function reason(error) {
  if (error.closeCode === 1008) return "This ticket was used already, or is older than 60 seconds.";
  if (error.closeCode === 1001) return "The sidecar was stopped. When it runs again, a new ticket opens this page.";
  if (error.closeCode === 4008) return "This page was too slow to read what the sidecar sent.";
  return "The connection to the sidecar is gone.";
}
