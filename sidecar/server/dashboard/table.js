// Tables that change in place: rows keep their identity and cells are only touched when their text changes.

/** An element with attributes and children (strings become text). */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      made.setAttribute(key, value === true ? "" : value);
    }
  }
  made.append(...children);
  return made;
}

/** Sets an element's text if it is another one. */
export function say(target, text) {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

/**
 * Keeps a `<table>` in step with rows. `columns` are `{label, cell(row), numeric?, hide?, className?}`, where `cell`
 * gives a text, or fills the cell itself (`fill(td, row)`); `empty` is the sentence for no rows.
 */
export class Table {
  #columns;
  #body;
  #key;
  #rows = new Map();
  #empty;

  constructor(table, { caption, columns, key, empty }) {
    this.#columns = columns;
    this.#key = key;
    this.#body = element("tbody");
    const head = element("tr");
    for (const column of columns) {
      head.append(element("th", { scope: "col", class: classes(column) }, column.label));
    }
    const text = element("td", { colspan: columns.length, class: "empty" }, empty);
    this.#empty = element("tr", {}, text);
    table.append(element("caption", { class: "hidden" }, caption), element("thead", {}, head), this.#body);
  }

  show(rows) {
    const wanted = new Map(rows.map((row) => [String(this.#key(row)), row]));
    for (const [key, row] of this.#rows) {
      if (!wanted.has(key)) {
        row.remove();
        this.#rows.delete(key);
      }
    }
    let place = this.#body.firstElementChild;
    for (const [key, value] of wanted) {
      const row = this.#row(key);
      if (row === place) place = row.nextElementSibling;
      else this.#body.insertBefore(row, place);
      this.#fill(row, value);
    }
    if (wanted.size === 0) this.#body.replaceChildren(this.#empty);
    else this.#empty.remove();
  }

  #row(key) {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = element("tr", { "data-key": key });
      for (const column of this.#columns) {
        row.append(element("td", { class: classes(column), "data-label": column.label }));
      }
      this.#rows.set(key, row);
    }
    return row;
  }

  #fill(row, value) {
    this.#columns.forEach((column, i) => {
      const cell = row.children[i];
      if (column.fill !== undefined) column.fill(cell, value);
      else say(cell, column.cell(value));
    });
  }
}

function classes(column) {
  return [column.numeric ? "number" : "", column.className ?? ""].join(" ").trim() || undefined;
}
