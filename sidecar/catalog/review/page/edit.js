// What a person has changed on one product: places, parts, and every step back.

const STEPS = 60;

export class Edit {
  #past = [];
  #future = [];

  constructor(item, parts) {
    this.item = item;
    this.places = new Map(Object.entries(item.landmarks));
    this.parts = parts; // one byte a pixel
    this.changed = false;
  }

  // Call before a change; what follows until the next call is one step.
  mark({ parts = false } = {}) {
    this.#past.push(this.#state(parts));
    if (this.#past.length > STEPS) this.#past.shift();
    this.#future = [];
    this.changed = true;
  }

  // A step that changed nothing is none.
  unmark() {
    this.#past.pop();
    this.changed = this.#past.length > 0;
  }

  get canUndo() { return this.#past.length > 0; }
  get canRedo() { return this.#future.length > 0; }

  undo() { this.#step(this.#past, this.#future); }
  redo() { this.#step(this.#future, this.#past); }

  #step(from, to) {
    const state = from.pop();
    if (state === undefined) return;
    to.push(this.#state(state.parts !== null));
    this.places = state.places;
    if (state.parts !== null) this.parts = state.parts;
    this.changed = this.#past.length > 0;
  }

  #state(parts) {
    return { places: new Map(this.places), parts: parts ? this.parts.slice() : null };
  }

  move(name, x, y) {
    const round = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 10) / 10;
    this.places.set(name, [round(x, this.item.width - 1), round(y, this.item.height - 1)]);
  }

  // Whether a group of optional places is there.
  has(group) { return group.every((name) => this.places.has(name)); }

  // Adds or removes a group, and what makes no sense without the other.
  toggle(group, on) {
    for (const name of group) {
      if (on && !this.places.has(name)) this.places.set(name, this.item.template[name]);
      if (!on) this.places.delete(name);
    }
    for (const [name, needed] of Object.entries(this.item.needs)) {
      if (!this.places.has(name) || this.places.has(needed)) continue;
      if (on) this.places.set(needed, this.item.template[needed]);
      else this.places.delete(name);
    }
  }

  // A round dab of one part at a pixel; bit 0 rubs out.
  dab(x, y, radius, bit) {
    const { width, height } = this.item;
    const top = Math.max(0, Math.ceil(y - radius)), bottom = Math.min(height - 1, Math.floor(y + radius));
    for (let row = top; row <= bottom; row += 1) {
      const half = Math.sqrt(radius * radius - (row - y) * (row - y));
      const left = Math.max(0, Math.ceil(x - half)), right = Math.min(width - 1, Math.floor(x + half));
      if (right >= left) this.parts.fill(bit, row * width + left, row * width + right + 1);
    }
  }

  // Every part becomes the area between its places, `opaque(pixel)` where the product is.
  fill(opaque) {
    const { width, height, parts } = this.item;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    this.parts.fill(0);
    for (const part of parts) {
      const outline = part.outline.map((name) => this.places.get(name)).filter((place) => place !== undefined);
      if (outline.length < 4) continue;
      context.clearRect(0, 0, width, height);
      context.beginPath();
      for (const [x, y] of outline) context.lineTo(x, y);
      context.fill();
      const filled = context.getImageData(0, 0, width, height).data;
      for (let pixel = 0; pixel < this.parts.length; pixel += 1) {
        if (filled[4 * pixel + 3] > 127 && this.parts[pixel] === 0 && opaque(pixel)) this.parts[pixel] = part.bit;
      }
    }
  }

  // The part map as base64 of a PNG, for the server.
  async encoded() {
    const { width, height } = this.item;
    const canvas = new OffscreenCanvas(width, height);
    const image = new ImageData(width, height);
    for (let pixel = 0; pixel < this.parts.length; pixel += 1) {
      image.data.fill(this.parts[pixel], 4 * pixel, 4 * pixel + 3);
      image.data[4 * pixel + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
    let text = "";
    for (let start = 0; start < bytes.length; start += 32768) {
      text += String.fromCharCode(...bytes.subarray(start, start + 32768));
    }
    return btoa(text);
  }
}
