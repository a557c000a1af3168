// Elements without markup in strings: whatever a function or a client wrote stays text.

/** Makes an element; `properties` are set on it, `class` and `data-…`/`aria-…` as attributes. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class" || name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A table of `columns` (`{title, number?}`) and rows of cells (text or elements). */
export function table(columns, rows) {
  const cell = (tag, column, content) =>
    element(tag, { class: column.number ? "number" : column.actions ? "actions" : "" }, content);
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...columns.map((c) => cell("th", c, c.title)))),
    element(
      "tbody",
      {},
      ...rows.map((cells) => element("tr", {}, ...cells.map((c, i) => cell("td", columns[i], c)))),
    ),
  );
}

/** Says that a list is empty, and why that may be. */
export function empty(text) {
  return element("div", { class: "empty" }, text);
}

/** 950 ms, 12 s, 3 min, 1 h 20 min. */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Local time of day with milliseconds. */
export function clock(ms) {
  const at = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
