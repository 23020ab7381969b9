// The picture with its parts and places: draws them, and turns pointers into changes.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = [[37, 99, 235], [217, 119, 6], [147, 51, 234], [13, 148, 136]];
const DOT = 6, HIT = 16;

export const colourOf = (index) => COLOURS[index % COLOURS.length];
export const spoken = (name) => {
  const words = name.split("_");
  const side = words.find((word) => word === "left" || word === "right");
  const rest = words.filter((word) => word !== side).join(" ");
  return rest[0].toUpperCase() + rest.slice(1) + (side ? `, ${side}` : "");
};

export class Stage {
  #edit = null;
  #zoom = 1;
  #pictures = {};
  #alpha = null;
  #dragged = null;

  constructor(elements, on) {
    this.elements = elements;
    this.on = on; // { changed(), focused(text), where(text) }
    this.mode = { kind: "move", bit: 0 };
    this.radius = 18;
    const { stage, points, scroll } = elements;
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#moved(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.#up(event));
    stage.addEventListener("pointerleave", () => { elements.brush.hidden = true; });
    points.addEventListener("keydown", (event) => this.#key(event));
    points.addEventListener("focusin", (event) => this.#tell(event.target.closest("g")?.dataset.name));
    new ResizeObserver(() => this.#layout()).observe(scroll);
  }

  show(edit, pictures) {
    this.#edit = edit;
    this.#pictures = pictures;
    const { product, parts, points } = this.elements;
    const { width, height } = edit.item;
    for (const canvas of [product, parts]) Object.assign(canvas, { width, height });
    points.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const reader = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    reader.drawImage(pictures.picture, 0, 0);
    this.#alpha = reader.getImageData(0, 0, width, height).data;
    this.#layout();
    this.draw();
  }

  // Whether the product is at this pixel.
  opaque = (pixel) => this.#alpha[4 * pixel + 3] > 96;

  zoom(by) {
    this.#zoom = by === 0 ? 1 : Math.min(8, Math.max(1, this.#zoom * by));
    this.#layout();
  }

  #layout() {
    if (this.#edit === null) return;
    const { stage, scroll } = this.elements;
    const { width, height } = this.#edit.item;
    const fit = Math.min((scroll.clientWidth - 2) / width, (scroll.clientHeight - 2) / height);
    this.scale = Math.max(fit, .05) * this.#zoom;
    stage.style.width = `${Math.floor(width * this.scale)}px`;
    stage.style.height = `${Math.floor(height * this.scale)}px`;
    this.#drawPoints();
  }

  draw() {
    const { product, source } = this.elements;
    const context = product.getContext("2d");
    context.clearRect(0, 0, product.width, product.height);
    const shown = source.checked && this.#pictures.source ? this.#pictures.source : this.#pictures.picture;
    context.drawImage(shown, 0, 0);
    this.drawParts();
    this.#drawPoints();
  }

  drawParts() {
    const { parts } = this.elements;
    const { item, parts: map } = this.#edit;
    const image = new ImageData(item.width, item.height);
    const colours = new Map();
    for (let value = 1; value < 256; value += 1) {
      const mixed = item.parts.map((part, index) => [part.bit, colourOf(index)]).filter(([bit]) => value & bit);
      if (mixed.length) {
        colours.set(value, [0, 1, 2].map((at) => mixed.reduce((sum, [, tone]) => sum + tone[at], 0) / mixed.length));
      }
    }
    for (let pixel = 0; pixel < map.length; pixel += 1) {
      const tone = colours.get(map[pixel]);
      if (tone === undefined) continue;
      image.data.set(tone, 4 * pixel);
      image.data[4 * pixel + 3] = 255;
    }
    parts.getContext("2d").putImageData(image, 0, 0);
  }

  #drawPoints() {
    const { points } = this.elements;
    const { places, item } = this.#edit;
    const lines = item.lines.filter(([one, other]) => places.has(one) && places.has(other));
    const wanted = [...places.keys()];
    const there = [...points.querySelectorAll("g")].map((group) => group.dataset.name);
    if (wanted.join() !== there.join() || points.querySelectorAll("line").length !== lines.length) {
      points.replaceChildren(...lines.map(() => document.createElementNS(SVG, "line")), ...wanted.map(this.#point));
    }
    points.querySelectorAll("line").forEach((line, index) => {
      const [[x1, y1], [x2, y2]] = lines[index].map((name) => places.get(name));
      for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, value);
    });
    for (const group of points.querySelectorAll("g")) {
      const [x, y] = places.get(group.dataset.name);
      group.setAttribute("transform", `translate(${x} ${y})`);
      group.setAttribute("aria-label", `${spoken(group.dataset.name)}: ${Math.round(x)}, ${Math.round(y)}`);
      [HIT, DOT + 5, DOT].forEach((radius, index) => group.children[index].setAttribute("r", radius / this.scale));
    }
  }

  #point = (name) => {
    const group = document.createElementNS(SVG, "g");
    group.dataset.name = name;
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", "button");
    for (const kind of ["hit", "ring", "dot"]) {
      const circle = document.createElementNS(SVG, "circle");
      circle.setAttribute("class", kind);
      group.append(circle);
    }
    return group;
  };

  #at(event) {
    const box = this.elements.stage.getBoundingClientRect();
    return [(event.clientX - box.left) / this.scale, (event.clientY - box.top) / this.scale];
  }

  #down(event) {
    if (this.#edit === null || event.button !== 0) return;
    const [x, y] = this.#at(event);
    if (this.mode.kind === "paint") {
      this.#edit.mark({ parts: true });
      this.#dragged = { paint: true, x, y };
      this.#paint(x, y);
    } else {
      const name = event.target.closest("g")?.dataset.name;
      if (name === undefined) return;
      const place = this.#edit.places.get(name);
      this.#dragged = { name, offset: [place[0] - x, place[1] - y], moved: false };
      this.#edit.mark();
      this.#tell(name);
    }
    this.elements.stage.setPointerCapture(event.pointerId);
  }

  #moved(event) {
    if (this.#edit === null) return;
    const [x, y] = this.#at(event);
    this.#showBrush(x, y);
    if (this.#dragged === null) return;
    if (this.#dragged.paint) {
      this.#paint(x, y);
      return;
    }
    this.#dragged.moved = true;
    this.#edit.move(this.#dragged.name, x + this.#dragged.offset[0], y + this.#dragged.offset[1]);
    this.#drawPoints();
    this.#tell(this.#dragged.name);
  }

  #up() {
    if (this.#dragged === null) return;
    if (!this.#dragged.paint && !this.#dragged.moved) this.#edit.unmark();
    this.elements.points.querySelector(`g[data-name="${this.#dragged.name}"]`)?.focus({ preventScroll: true });
    this.#dragged = null;
    this.on.changed();
  }

  // Dabs close together from the last place to this one: a fast stroke has no gaps.
  #paint(x, y) {
    const { x: fromX, y: fromY } = this.#dragged;
    const steps = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / Math.max(1, this.radius / 3)));
    for (let step = 1; step <= steps; step += 1) {
      this.#edit.dab(fromX + (x - fromX) * step / steps, fromY + (y - fromY) * step / steps, this.radius, this.mode.bit);
    }
    Object.assign(this.#dragged, { x, y });
    this.drawParts();
  }

  #showBrush(x, y) {
    const { brush } = this.elements;
    brush.hidden = this.mode.kind !== "paint";
    const size = 2 * this.radius * this.scale;
    Object.assign(brush.style, {
      width: `${size}px`, height: `${size}px`, left: `${x * this.scale - size / 2}px`, top: `${y * this.scale - size / 2}px`,
    });
  }

  #key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const name = event.target.closest("g")?.dataset.name;
    if (step === undefined || name === undefined) return;
    event.preventDefault();
    const by = event.shiftKey ? 10 : 1;
    const [x, y] = this.#edit.places.get(name);
    this.#edit.mark();
    this.#edit.move(name, x + step[0] * by, y + step[1] * by);
    this.#drawPoints();
    this.#tell(name);
    this.on.changed();
  }

  #tell(name) {
    if (name === undefined) return;
    const [x, y] = this.#edit.places.get(name);
    this.on.where(`${spoken(name)}: ${x.toFixed(0)}, ${y.toFixed(0)}`);
  }
}
