// The try-it panel: a picture source, `tryon.stream`, and what it answers. One frame is under way at a time.

import { NOTHING, ms, quantile, tenth } from "./format.js";
import { say } from "./table.js";

const LONGEST_SIDE = 640;
const FRAME_MS = 1000 / 30;
const WAITING_MS = 3000;
const FPS_OVER_MS = 2000;
const AGES = 120;
const FILE_BYTES = 64 * 2 ** 20;
const PORTRAIT = "/dashboard/portrait.png";

const $ = (id) => document.getElementById(id);

/** A sentence for a person: what went wrong and what to do. */
class Said extends Error {}

export class TryIt {
  #session;
  #run = null; // what belongs to one press of Start
  #before = $("try-before").getContext("2d", { willReadFrequently: true });
  #after = $("try-after").getContext("2d");

  constructor(session) {
    this.#session = session;
    $("try-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#run === null) this.#start();
      else this.stop("Stopped.");
    });
    $("try-form").addEventListener("change", (event) => this.#changed(event.target));
    addEventListener("pagehide", () => this.stop(""));
    this.#preview();
  }

  /** Ends what runs and lets go of the camera; `text` says why. */
  stop(text) {
    const run = this.#run;
    this.#run = null;
    if (run !== null) {
      run.stream?.cancel();
      run.source?.close();
      clearTimeout(run.waiting);
    }
    say($("try-start"), "Start");
    $("try-start").setAttribute("aria-pressed", "false");
    if (text !== "") say($("try-said"), text);
  }

  /** Shows the sample portrait before anything is started. */
  async #preview() {
    const source = await openPicture(PORTRAIT);
    if (this.#run === null && $("try-after").dataset.n === undefined) {
      this.#fit(source);
      source.draw(this.#before);
    }
  }

  #changed(control) {
    if (control.id === "try-file" && control.files.length > 0) {
      $("try-form").elements.source.value = "file";
    }
    if (this.#run === null) {
      return;
    }
    if (control.name === "source" || control.id === "try-file") {
      this.stop("");
      this.#start();
    } else {
      this.#run.stream?.push({ layers: layers() });
    }
  }

  async #start() {
    const run = { stream: null, source: null, waiting: 0, answers: [], ages: [] };
    this.#run = run;
    say($("try-start"), "Stop");
    $("try-start").setAttribute("aria-pressed", "true");
    say($("try-said"), "Starting…");
    try {
      const vitrine = this.#session.vitrine;
      if (vitrine === null) throw new Said("This page is not connected.");
      if (!vitrine.ops.has("tryon.stream")) {
        throw new Said("The try-on models are not installed; run: vitrine models install vision");
      }
      run.source = await openSource($("try-form").elements.source.value);
      if (this.#run !== run) {
        run.source.close();
        return;
      }
      this.#fit(run.source);
      const options = { layers: layers(), mirror: run.source.mirror, want: { f: "rgba8", o: "top" } };
      run.stream = vitrine.open("tryon.stream", options, { latest: 2 });
      await this.#frames(run);
    } catch (error) {
      if (this.#run === run) this.stop(error.message);
    }
  }

  #fit({ width, height, mirror }) {
    for (const id of ["try-before", "try-after"]) {
      $(id).width = width;
      $(id).height = height;
    }
    $("try-before").classList.toggle("mirrored", mirror);
  }

  async #frames(run) {
    const parts = run.stream[Symbol.asyncIterator]();
    for (let n = 0; this.#run === run; n++) {
      const taken = performance.now();
      run.source.draw(this.#before);
      run.stream.push({ n, t_us: Math.round(1000 * taken), image: this.#picture() });
      clearTimeout(run.waiting);
      run.waiting = setTimeout(() => say($("try-said"), "Waiting: other frames go first."), WAITING_MS);
      const { value: part, done } = await parts.next();
      if (done || this.#run !== run) {
        return;
      }
      this.#show(run, part.d, taken);
      await new Promise((resolve) => { setTimeout(resolve, FRAME_MS - (performance.now() - taken)); });
    }
  }

  #picture() {
    const { width, height } = $("try-before");
    const { data } = this.#before.getImageData(0, 0, width, height);
    return { w: width, h: height, f: "rgba8", o: "top", d: data };
  }

  #show(run, answer, taken) {
    const { w, h, d } = answer.image;
    const canvas = $("try-after");
    if (canvas.width !== w || canvas.height !== h) { // a sidecar that yields answers smaller pictures
      canvas.width = w;
      canvas.height = h;
    }
    this.#after.putImageData(new ImageData(new Uint8ClampedArray(d.buffer, d.byteOffset, d.length), w, h), 0, 0);
    canvas.dataset.n = answer.n;
    const now = performance.now();
    run.answers.push(now);
    run.ages.push(now - taken);
    while (run.answers[0] < now - FPS_OVER_MS) run.answers.shift();
    if (run.ages.length > AGES) run.ages.shift();
    this.#numbers(run, answer);
  }

  #numbers(run, answer) {
    const [first] = run.answers;
    const seconds = Math.max(0.5, (performance.now() - first) / 1000);
    say($("try-fps"), run.answers.length > 1 ? tenth((run.answers.length - 1) / seconds) : NOTHING);
    say($("try-p50"), ms(quantile(run.ages, 0.5)));
    say($("try-p95"), ms(quantile(run.ages, 0.95)));
    say($("try-confidence"), `${Math.round(100 * answer.confidence)} %`);
    say($("try-said"), answer.reason ? answer.reason.text : "Running.");
  }
}

function layers() {
  const { glasses, top } = $("try-form").elements;
  return [top.value, glasses.value].filter(Boolean).map((product) => ({ product }));
}

/** `{width, height, mirror, draw(context), close()}` */
function openSource(kind) {
  if (kind === "camera") return openCamera();
  return kind === "file" ? openFile($("try-file").files[0]) : openPicture(PORTRAIT);
}

async function openPicture(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return still(image, image.naturalWidth, image.naturalHeight, () => {});
}

async function openFile(file) {
  if (file === undefined) throw new Said("Choose a picture file first.");
  if (file.size > FILE_BYTES) throw new Said("This file is larger than 64 MB; choose a smaller picture.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Said("The browser cannot read this file as a picture; choose a JPEG, PNG or WebP.");
  }
  return still(bitmap, bitmap.width, bitmap.height, () => bitmap.close());
}

function still(image, imageWidth, imageHeight, close) {
  const { width, height } = scaled(imageWidth, imageHeight);
  return { width, height, mirror: false, draw: (context) => context.drawImage(image, 0, 0, width, height), close };
}

async function openCamera() {
  let media;
  try {
    const video = { width: { ideal: 640 }, height: { ideal: 480 } };
    media = await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    throw new Said(
      error.name === "NotAllowedError"
        ? "The browser may not use the camera; allow it for this page, or choose the sample portrait."
        : "No camera can be used; plug one in, close what else uses it, or choose the sample portrait.",
    );
  }
  const video = document.createElement("video");
  video.srcObject = media;
  video.muted = true;
  video.playsInline = true;
  await video.play();
  const { width, height } = scaled(video.videoWidth, video.videoHeight);
  return {
    width,
    height,
    mirror: true,
    draw: (context) => context.drawImage(video, 0, 0, width, height),
    close: () => media.getTracks().forEach((track) => track.stop()),
  };
}

function scaled(width, height) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
