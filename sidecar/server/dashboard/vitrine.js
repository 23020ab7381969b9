// The protocol's client for browsers: one WebSocket, calls and streams over it. Pictures travel inline.
//
//   const vitrine = await connect({ token });
//   const { d } = await vitrine.call("server.echo", { data: 1 });
//   const stream = vitrine.open("tryon.stream", { layers: [{ product: "sample-glasses-1" }] }, { latest: 2 });
//   stream.push({ n: 0, t_us: 0, image: { w, h, f: "rgba8", o: "top", d: pixels } });
//   for await (const part of stream) draw(part.d.image);

import { decode, encode } from "./msgpack.js";

const VERSION = 1;
const SUBPROTOCOL = "vitrine.v1";
const CONNECT_MS = 10_000;
const CALL_MS = 30_000;
const PARTS_WAITING = 1024;
const UNSENT_BYTES = 8 * 2 ** 20;

/** A call that failed; `code` is the wire's, `retryMs` says when to try again, `message` is for a person. */
export class VitrineError extends Error {
  constructor(code, message, retryMs) {
    super(message);
    this.code = code;
    this.retryMs = retryMs;
  }
}

/** The connection could not be made, or is gone; `code` is the WebSocket's close code, 0 when there was none. */
export class Closed extends VitrineError {
  constructor(closeCode, message) {
    super("unavailable", message);
    this.closeCode = closeCode;
  }
}

/**
 * Connects and says hello. `token` is the token of run.json or a ticket; `url` defaults to this page's server.
 * Rejects with `Closed` when the server is not there, does not welcome in time, or does not take the token.
 */
export function connect({ token, url = ownUrl(), name = "vitrine.js", version = "1", timeoutMs = CONNECT_MS }) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    const timer = setTimeout(() => {
      socket.close();
      reject(new Closed(0, "The sidecar did not answer in time."));
    }, timeoutMs);
    socket.onopen = () => socket.send(encode({ t: "hello", v: VERSION, token, client: { name, version } }));
    const failed = (event) => { // a page's policy that forbids the address brings an error and no close
      clearTimeout(timer);
      reject(new Closed(event.code === 1006 ? 0 : event.code ?? 0, event.reason || "The sidecar is not there."));
    };
    socket.onclose = failed;
    socket.onerror = failed;
    socket.onmessage = (event) => {
      clearTimeout(timer);
      const welcome = message(event);
      if (welcome?.t !== "welcome") {
        socket.close();
        reject(new Closed(0, "What answers there is not a Vitrine server."));
        return;
      }
      resolve(new Vitrine(socket, welcome));
    };
  });
}

function ownUrl() {
  return `ws://${location.host}/v1`;
}

/** The map that a WebSocket message holds, or null when it holds none. */
function message(event) {
  if (!(event.data instanceof ArrayBuffer)) {
    return null;
  }
  try {
    const value = decode(new Uint8Array(event.data));
    return value !== null && typeof value === "object" && typeof value.t === "string" ? value : null;
  } catch {
    return null;
  }
}

/**
 * A welcomed connection. Events: `note` (detail `{topic, d}`) and `close` (detail `Closed`), once.
 * `welcome` is the server's, `ops` what it answers now.
 */
export class Vitrine extends EventTarget {
  #socket;
  #calls = new Map();
  #pings = new Map();
  #nextId = 0;
  #gone = null;

  constructor(socket, welcome) {
    super();
    this.#socket = socket;
    this.welcome = welcome;
    this.ops = new Set(welcome.ops);
    socket.onmessage = (event) => this.#received(message(event));
    socket.onclose = (event) => this.#lost(event.code === 1006 ? 0 : event.code, event.reason);
    socket.onerror = null; // from here on a close follows
  }

  /** Whether calls can be made. */
  get live() {
    return this.#gone === null;
  }

  /** Bytes that wait to leave; send pictures only while this is small. */
  get unsentBytes() {
    return this.#socket.bufferedAmount;
  }

  /** Asks and answers once: `{d, tm}`. Rejects with `VitrineError`, also after `timeoutMs` without an answer. */
  call(op, a = {}, { budgetMs, prio, key, timeoutMs = CALL_MS } = {}) {
    return new Promise((resolve, reject) => {
      const id = this.#start({ op, a, budgetMs, prio, key }, {
        part: () => {},
        done: (d, tm) => { clearTimeout(timer); resolve({ d, tm }); },
        fail: (error) => { clearTimeout(timer); reject(error); },
      });
      const timer = setTimeout(() => {
        this.cancel(id);
        reject(new VitrineError("deadline", "The sidecar did not answer this call in time."));
      }, timeoutMs);
    });
  }

  /**
   * Opens a call that answers in parts. With `latest` only so many unread parts are kept, the newest; without, a reader
   * that lets 1024 pile up has its stream failed.
   */
  open(op, a = {}, { budgetMs, prio, key, latest = 0 } = {}) {
    const stream = new Stream(this, latest);
    stream.id = this.#start({ op, a, budgetMs, prio, key }, stream.sink);
    return stream;
  }

  /** Stops an open call; its end still comes, as `fail cancelled` unless it was done before. */
  cancel(id) {
    if (this.#calls.has(id)) {
      this.send({ t: "cancel", id });
    }
  }

  /** The round trip in milliseconds, and how far the server's clock is ahead of `performance.now()`. */
  ping() {
    return new Promise((resolve, reject) => {
      const c0 = Math.round(1000 * performance.now());
      this.#pings.set(c0, { resolve, reject });
      this.send({ t: "ping", c0 });
    });
  }

  /** Sends one message of the wire. Throws `Closed` when the connection is gone. */
  send(value) {
    if (this.#gone !== null) {
      throw this.#gone;
    }
    this.#socket.send(encode(value));
  }

  /** Leaves; every open call fails. */
  close() {
    this.#socket.close(1000);
    this.#lost(1000, "This page closed the connection.");
  }

  #start({ op, a, budgetMs, prio, key }, sink) {
    const id = this.#nextId;
    this.#nextId = (id + 1) % 2 ** 32;
    this.send({ t: "call", id, op, a, budget_ms: budgetMs, prio, key });
    this.#calls.set(id, sink);
    return id;
  }

  #received(value) {
    if (value === null) {
      this.#socket.close(4000);
      this.#lost(4000, "The sidecar sent what this page does not understand.");
      return;
    }
    const sink = this.#calls.get(value.id);
    if (value.t === "part") sink?.part({ n: value.n, d: value.d, tm: value.tm });
    else if (value.t === "done") this.#end(value.id, (ended) => ended.done(value.d, value.tm));
    else if (value.t === "fail") {
      this.#end(value.id, (ended) => ended.fail(new VitrineError(value.code, value.msg, value.retry_ms)));
    } else if (value.t === "pong") this.#ponged(value);
    else if (value.t === "note") {
      this.dispatchEvent(new CustomEvent("note", { detail: { topic: value.topic, d: value.d } }));
    }
  }

  #end(id, tell) {
    const sink = this.#calls.get(id);
    this.#calls.delete(id);
    if (sink !== undefined) {
      tell(sink);
    }
  }

  #ponged({ c0, s1, s2 }) {
    const waiting = this.#pings.get(c0);
    this.#pings.delete(c0);
    const c1 = 1000 * performance.now();
    waiting?.resolve({ rttMs: (c1 - c0 - (s2 - s1)) / 1000, aheadMs: (s1 - c0 + (s2 - c1)) / 2000 });
  }

  #lost(code, reason) {
    if (this.#gone !== null) {
      return;
    }
    this.#gone = new Closed(code, reason || "The connection to the sidecar is gone.");
    for (const sink of this.#calls.values()) {
      sink.fail(this.#gone);
    }
    for (const waiting of this.#pings.values()) {
      waiting.reject(this.#gone);
    }
    this.#calls.clear();
    this.#pings.clear();
    this.dispatchEvent(new CustomEvent("close", { detail: this.#gone }));
  }
}

/** An open call that takes pushes and answers in parts; iterate it once. `done` is the final `{d, tm}`. */
export class Stream {
  #vitrine;
  #latest;
  #parts = [];
  #wake = null;
  #over = false;
  #error = null;
  #settle;

  constructor(vitrine, latest) {
    this.#vitrine = vitrine;
    this.#latest = latest;
    this.dropped = 0;
    this.done = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
    this.done.catch(() => {}); // whoever iterates hears of it there
    this.sink = {
      part: (part) => this.#take(part),
      done: (d, tm) => this.#finish(null, { d, tm }),
      fail: (error) => this.#finish(error),
    };
  }

  /** Whether it has not ended. */
  get live() {
    return !this.#over;
  }

  /** More input; false, and nothing is sent, when it has ended or too many bytes still wait to leave. */
  push(d) {
    if (this.#over || this.#vitrine.unsentBytes > UNSENT_BYTES) {
      return false;
    }
    this.#vitrine.send({ t: "push", id: this.id, d });
    return true;
  }

  /** No more input; `done` resolves once all of it is answered. */
  end() {
    if (!this.#over) {
      this.#vitrine.send({ t: "end", id: this.id });
    }
  }

  /** Stops it. */
  cancel() {
    this.#vitrine.cancel(this.id);
  }

  async *[Symbol.asyncIterator]() {
    while (true) {
      if (this.#parts.length > 0) {
        yield this.#parts.shift();
      } else if (this.#over) {
        if (this.#error !== null) throw this.#error;
        return;
      } else {
        await new Promise((resolve) => { this.#wake = resolve; });
      }
    }
  }

  #take(part) {
    if (this.#over) {
      return;
    }
    this.#parts.push(part);
    if (this.#latest > 0 && this.#parts.length > this.#latest) {
      this.#parts.shift();
      this.dropped += 1;
    } else if (this.#parts.length > PARTS_WAITING) {
      this.cancel();
      this.#finish(new VitrineError("overloaded", "Too many answers were not read; read them as they come."));
    }
    this.#wake?.();
  }

  #finish(error, result) {
    if (this.#over) {
      return;
    }
    this.#over = true;
    this.#error = error;
    if (error !== null) this.#settle.reject(error);
    else this.#settle.resolve(result);
    this.#wake?.();
  }
}
